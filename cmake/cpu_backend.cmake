# libconvoke_cpu.so: the emitter and the LLVM that compiles what it writes, in static archives.
find_package(LLVM 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19)
llvm_map_components_to_libnames(LLVM_LIBS core orcjit x86codegen x86desc x86info scalaropts instcombine)
# Debian's LLVM names shared libraries that only a few of its own tools use (z3) or that have archives.
find_library(ZLIB_ARCHIVE libz.a REQUIRED)
find_library(ZSTD_ARCHIVE libzstd.a REQUIRED)
set_target_properties(LLVMSupport PROPERTIES INTERFACE_LINK_LIBRARIES
  "${ZLIB_ARCHIVE};${ZSTD_ARCHIVE};LLVMDemangle;Threads::Threads;${CMAKE_DL_LIBS};m")

# The LLVM side without the emitter, so that its test can compile modules of its own.
add_library(convoke_cpu_codegen STATIC runtime/cpu_backend_codegen.cc runtime/cpu_backend_jit.cc)
target_include_directories(convoke_cpu_codegen SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS})
target_link_libraries(convoke_cpu_codegen PUBLIC convoke_core ${LLVM_LIBS})
if(NOT LLVM_ENABLE_RTTI)
  target_compile_options(convoke_cpu_codegen PUBLIC -fno-rtti)
endif()

# The emitter likewise: tests lower and compile its parts without the shared library's boundary.
file(GLOB CPU_EMITTER_SOURCES CONFIGURE_DEPENDS compiler/emit_cpu*.cc)
add_library(convoke_cpu_emitter STATIC ${CPU_EMITTER_SOURCES})
target_link_libraries(convoke_cpu_emitter PUBLIC convoke_cpu_codegen)

add_library(convoke_cpu SHARED runtime/cpu_backend.cc)
target_link_libraries(convoke_cpu PRIVATE convoke_cpu_emitter)
convoke_export_only(convoke_cpu ${PROJECT_SOURCE_DIR}/cmake/convoke_cpu.map)
