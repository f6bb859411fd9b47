#define ATTEST_ISA avx2
#include "harness/backends/emulator/conversion_forms.inc.hpp"
