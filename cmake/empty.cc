// libconvoke.so holds whole archives; CMake wants one source of its own.
