#define ATTEST_ISA portable
#include "harness/backends/emulator/arithmetic_forms.inc.hpp"
