#define ATTEST_ISA portable
#include "harness/backends/emulator/conversion_forms.inc.hpp"
