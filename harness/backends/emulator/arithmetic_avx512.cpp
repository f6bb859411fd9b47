#define ATTEST_ISA avx512
#include "harness/backends/emulator/arithmetic_forms.inc.hpp"
