#define ATTEST_ISA avx512
#include "harness/backends/emulator/conversion_forms.inc.hpp"
