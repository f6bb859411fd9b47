#define ATTEST_ISA avx512
#include "harness/backends/emulator/comparison_forms.inc.hpp"
