#define ATTEST_ISA portable
#include "harness/backends/emulator/mma_forms.inc.hpp"
