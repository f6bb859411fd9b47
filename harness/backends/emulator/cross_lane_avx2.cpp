#define ATTEST_ISA avx2
#include "harness/backends/emulator/cross_lane_forms.inc.hpp"
