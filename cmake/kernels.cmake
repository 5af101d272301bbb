# Each src/kernels/simd/*.c is compiled once per ISA level; VQ_ISA names the level in every symbol, VQ_VEC is the width of its vectors in bytes.
file(GLOB simd_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/kernels/simd/*.c)
function(vq_isa_level name vec)
  add_library(vq_simd_${name} OBJECT ${simd_sources})
  target_include_directories(vq_simd_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(vq_simd_${name} PRIVATE VQ_ISA=${name} VQ_VEC=${vec})
  # -Wno-psabi: vectors wider than the level's registers never cross a function that is not inlined.
  target_compile_options(vq_simd_${name} PRIVATE -Wno-psabi $<$<CONFIG:Release,RelWithDebInfo>:-O3> ${ARGN})
  target_link_libraries(vq_simd_${name} PRIVATE vq_flags)
  target_sources(vq_kernels PRIVATE $<TARGET_OBJECTS:vq_simd_${name}>)
endfunction()
if(TARGET vq_kernels)
  vq_isa_level(ref 16)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    vq_isa_level(avx2 32 -mavx2)
    vq_isa_level(avx512 64 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
    # One instruction set more, for one file: asked for by cpuid beside the level.
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/bf16_pairs.c PROPERTIES COMPILE_OPTIONS
      "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512bf16;$<$<CONFIG:Release,RelWithDebInfo>:-O3>")
  endif()
  add_executable(bench_kernels EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/bench_kernels.c)
  target_link_libraries(bench_kernels PRIVATE vq_kernels)
endif()
