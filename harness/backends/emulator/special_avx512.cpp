#define ATTEST_ISA avx512
#include "harness/backends/emulator/special_forms.inc.hpp"
