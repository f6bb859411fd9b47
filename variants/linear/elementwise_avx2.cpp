#define ATTEST_TILES_ISA avx2
#define ATTEST_TILES_WIDTH 8

#include "variants/linear/elementwise.inc.hpp"
