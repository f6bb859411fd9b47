#define ATTEST_ISA avx512
#include "harness/backends/emulator/cross_lane_forms.inc.hpp"
