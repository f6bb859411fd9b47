#define ATTEST_ISA avx512
#include "harness/backends/emulator/mma_forms.inc.hpp"
