#define ATTEST_ISA avx2
#include "harness/backends/emulator/mma_forms.inc.hpp"
