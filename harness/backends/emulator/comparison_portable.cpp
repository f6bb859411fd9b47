#define ATTEST_ISA portable
#include "harness/backends/emulator/comparison_forms.inc.hpp"
