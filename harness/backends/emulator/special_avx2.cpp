#define ATTEST_ISA avx2
#include "harness/backends/emulator/special_forms.inc.hpp"
