// The micro-kernels for AVX2 with FMA and F16C.
#define ATTEST_TILES_ISA avx2
#define ATTEST_TILES_WIDTH 8

#include "variants/common/cpu/tiles.inc.hpp"
