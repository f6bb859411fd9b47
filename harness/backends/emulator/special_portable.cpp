#define ATTEST_ISA portable
#include "harness/backends/emulator/special_forms.inc.hpp"
