// The micro-kernels for AVX-512 with products of bf16.
#define ATTEST_TILES_ISA avx512bf16
#define ATTEST_TILES_WIDTH 16
#define ATTEST_TILES_PAIRS

#include "variants/common/cpu/tiles.inc.hpp"
