# What `cmake --install` installs (recipes are compiled in), its opposite, and a Debian package by `cpack`.
include(GNUInstallDirs)
install(TARGETS vq)
install(FILES ${CMAKE_BINARY_DIR}/vq.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/vq.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME vq)
install(FILES ${CMAKE_BINARY_DIR}/_vq DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# CMake lists what the last install wrote in install_manifest.txt.
add_custom_target(uninstall VERBATIM
  COMMAND sh -c "test -f install_manifest.txt || { echo nothing was installed from here; exit 1; }; xargs -d '\\n' rm -vf -- < install_manifest.txt && rm -f install_manifest.txt"
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vq)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the maintainers of vq <noreply@vq.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "quantize checkpoints of language models, verify and evaluate them")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
