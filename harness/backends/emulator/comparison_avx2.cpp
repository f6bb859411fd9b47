#define ATTEST_ISA avx2
#include "harness/backends/emulator/comparison_forms.inc.hpp"
