# Installs the build in BUILD_DIR below WORK_DIR, moves the tree (a package must not know where it was built), and
# builds and runs tests/package against it. Arguments: BUILD_DIR, SOURCE_DIR, WORK_DIR,
# GENERATOR, CXX, CXX_FLAGS, LIBDIR.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed (${code}): ${ARGN}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/staged)
file(RENAME ${WORK_DIR}/staged ${WORK_DIR}/installed)
run(${CMAKE_COMMAND} -S ${SOURCE_DIR}/tests/package -B ${WORK_DIR}/build -G ${GENERATOR}
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${CXX_FLAGS} -DCMAKE_PREFIX_PATH=${WORK_DIR}/installed)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${CMAKE_COMMAND} -E env --unset=CONVOKE_CPU_LIBRARY CONVOKE_CACHE_DIR=${WORK_DIR}/cache
  ${WORK_DIR}/build/consumer)

# Nothing that a user's linker could trip over: only our own names are exported.
file(GLOB libraries ${WORK_DIR}/installed/${LIBDIR}/libconvoke*.so)
foreach(library ${libraries})
  execute_process(COMMAND nm -D --defined-only -P ${library} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
  foreach(symbol ${symbols})
    if(NOT symbol MATCHES "^(_ZN7convoke|_ZNK7convoke|_ZT[ISV]N7convoke|convoke_)")
      message(FATAL_ERROR "${library} exports ${symbol}")
    endif()
  endforeach()
endforeach()
