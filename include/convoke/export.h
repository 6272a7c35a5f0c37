// What libconvoke.so shows to its users; everything else in it is hidden. C++17.
#pragma once

#define CONVOKE_API __attribute__((visibility("default")))
