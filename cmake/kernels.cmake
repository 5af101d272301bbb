# Each src/kernels/simd/*.c is compiled once per ISA level; VQ_ISA names the level in every symbol.
