#define ATTEST_ISA portable
#include "harness/backends/emulator/cross_lane_forms.inc.hpp"
