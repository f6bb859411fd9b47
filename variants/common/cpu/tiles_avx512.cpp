// The micro-kernels for AVX-512 (F, BW, DQ, VL).
#define ATTEST_TILES_ISA avx512
#define ATTEST_TILES_WIDTH 16

#include "variants/common/cpu/tiles.inc.hpp"
