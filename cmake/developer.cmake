# Targets for people who change Convoke: `format` rewrites, `tidy` reports.
file(GLOB_RECURSE OWN_SOURCES CONFIGURE_DEPENDS
  include/*.h include/*.hpp compiler/*.h compiler/*.cc templates/*.h templates/*.cuh runtime/*.h runtime/*.cc
  autotune/*.h autotune/*.cc tests/*.h tests/*.cc bench/*.h bench/*.cc examples/*.h examples/*.cc)
find_program(CLANG_FORMAT NAMES clang-format)
if(CLANG_FORMAT)
  add_custom_target(format COMMAND ${CLANG_FORMAT} -i ${OWN_SOURCES} VERBATIM)
endif()
find_program(RUN_CLANG_TIDY NAMES run-clang-tidy run-clang-tidy-19 run-clang-tidy-14)
if(RUN_CLANG_TIDY)
  add_custom_target(tidy COMMAND ${RUN_CLANG_TIDY} -quiet -p ${PROJECT_BINARY_DIR}
    "${PROJECT_SOURCE_DIR}/(compiler|runtime|autotune)/" VERBATIM)
endif()
