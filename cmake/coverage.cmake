# Target `coverage` (preset coverage): runs the tests, prints the line coverage of src/, fails below 85 %.
# src/kernels/simd is counted at the best of its ISA levels: gcovr merges the copies of a line.
find_program(GCOVR gcovr)
if(NOT GCOVR)
  message(FATAL_ERROR "VQ_COVERAGE needs gcovr (apt-get install gcovr)")
endif()
set(VQ_COVERAGE_LABELS "^(unit|kernels|golden|fuzz|fault|cli)$" CACHE STRING "labels of the tests that count")
add_custom_target(coverage
  COMMAND ${CMAKE_COMMAND} -E env OMP_WAIT_POLICY=PASSIVE ${CMAKE_CTEST_COMMAND} --output-on-failure -L "${VQ_COVERAGE_LABELS}"
  COMMAND ${GCOVR} --root ${CMAKE_SOURCE_DIR} --filter ${CMAKE_SOURCE_DIR}/src/ --sort-uncovered --fail-under-line 85 --print-summary ${CMAKE_BINARY_DIR}
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR} USES_TERMINAL VERBATIM)
