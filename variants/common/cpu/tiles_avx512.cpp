// The micro-kernels for AVX-512 (F, BW, DQ, VL): 32 registers hold 12 x 2 sums, two of K and one broadcast.
#define ATTEST_TILES_ISA avx512
#define ATTEST_TILES_WIDTH 16
#define ATTEST_TILES_ROW_BLOCK 12

#include "variants/common/cpu/tiles.inc.hpp"
