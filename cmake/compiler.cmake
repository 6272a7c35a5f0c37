# Compiler options of every target, and convoke_export_only().
add_compile_options(-Wall -Wextra)
if(CONVOKE_WERROR)
  add_compile_options(-Werror)
endif()
if(CONVOKE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
else()
  # Sections so that --gc-sections can drop what a static archive brings along.
  add_compile_options(-ffunction-sections -fdata-sections)
endif()
if(CONVOKE_PORTABLE)
  add_link_options(-static-libgcc)
endif()
if(PROJECT_IS_TOP_LEVEL)
  find_program(CCACHE ccache)
  if(CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  endif()
endif()

# convoke_export_only(TARGET MAP): a shared library that exports what MAP (a version script) lists, binds its own
# symbols to itself and drops what it does not use. Relative relocations are packed: glibc >= 2.36 reads them.
function(convoke_export_only target map)
  target_link_options(${target} PRIVATE -Wl,--version-script=${map} -Wl,-Bsymbolic -Wl,--gc-sections
    -Wl,--as-needed -Wl,-O1 -Wl,-z,pack-relative-relocs)
  if(NOT CONVOKE_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)  # the sanitizers' symbols come from the program
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${map})
endfunction()
