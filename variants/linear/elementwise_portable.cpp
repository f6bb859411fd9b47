#define ATTEST_TILES_ISA portable
#define ATTEST_TILES_WIDTH 4
#define ATTEST_TILES_ROW_BLOCK 4

#include "variants/linear/elementwise.inc.hpp"
