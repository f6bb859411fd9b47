#define ATTEST_TILES_ISA avx512
#define ATTEST_TILES_WIDTH 16

#include "variants/linear/elementwise.inc.hpp"
