# `cmake --install` always strips: LLVM's symbol table alone is larger than its code.
install(CODE "set(CMAKE_INSTALL_DO_STRIP ON)")
install(TARGETS convoke EXPORT convoke-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET convoke_cpu)
  install(TARGETS convoke_cpu LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET convoke_cli)
  install(TARGETS convoke_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY include/convoke ${PROJECT_BINARY_DIR}/include/convoke
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

include(CMakePackageConfigHelpers)
set(CONVOKE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/convoke)
install(EXPORT convoke-targets NAMESPACE convoke:: DESTINATION ${CONVOKE_PACKAGE_DIR})
configure_package_config_file(cmake/convoke-config.cmake.in ${PROJECT_BINARY_DIR}/convoke-config.cmake
  INSTALL_DESTINATION ${CONVOKE_PACKAGE_DIR})
# Before 1.0 a minor version may break the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/convoke-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/convoke-config.cmake ${PROJECT_BINARY_DIR}/convoke-config-version.cmake
  DESTINATION ${CONVOKE_PACKAGE_DIR})
