#define ATTEST_ISA avx2
#include "harness/backends/emulator/arithmetic_forms.inc.hpp"
