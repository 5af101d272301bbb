# Target `coverage` (preset coverage): runs the tests, prints the line coverage of src/, fails below 85 %.
find_program(GCOVR gcovr)
if(NOT GCOVR)
  message(FATAL_ERROR "VQ_COVERAGE needs gcovr (apt-get install gcovr)")
endif()
# src/kernels/simd is compiled once per ISA level under other names; the level that every machine has is the one that is counted.
add_custom_target(coverage
  COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure -L "^(unit|kernels|golden|fuzz|fault|cli)$"
  COMMAND ${GCOVR} --root ${CMAKE_SOURCE_DIR} --filter ${CMAKE_SOURCE_DIR}/src/ --exclude-directories ".*vq_simd_avx.*"
          --fail-under-line 85 --print-summary ${CMAKE_BINARY_DIR}
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR} USES_TERMINAL VERBATIM)
