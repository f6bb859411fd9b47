// The micro-kernels for AVX2 with FMA and F16C: 16 registers hold 6 x 2 sums, two of K and one broadcast.
#define ATTEST_TILES_ISA avx2
#define ATTEST_TILES_WIDTH 8
#define ATTEST_TILES_ROW_BLOCK 6

#include "variants/common/cpu/tiles.inc.hpp"
