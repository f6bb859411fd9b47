#define ATTEST_TILES_ISA portable
#define ATTEST_TILES_WIDTH 4

#include "variants/linear/elementwise.inc.hpp"
