#include "runtime/dynamic_library.h"

#include <dlfcn.h>
#include <link.h>

namespace convoke {

DynamicLibrary open_library(const std::string& name, std::string& why) {
  // NOW: a broken library shows here, and no lookup happens later on some kernel's path.
  // LOCAL: its symbols are nobody else's business.
  void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* text = dlerror();
    why = text == nullptr ? "unknown error of the dynamic loader" : text;
    // What dlopen says begins with the name, which the sentence around it has already.
    if (why.rfind(name + ": ", 0) == 0) why.erase(0, name.size() + 2);
    return {};
  }
  link_map* map = nullptr;
  const bool known = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr;
  return {handle, known && map->l_name != nullptr && *map->l_name != '\0' ? map->l_name : name};
}

}  // namespace convoke
