// Comparisons, compiled for one instruction set: comparison_<isa>.cpp includes this.
#include "harness/backends/emulator/isa_forms.inc.hpp"

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_compare.inc.hpp"

void add_comparison_forms(FormSink& sink) {
  add_compare(sink);
}
}  // namespace attest::emulator::ATTEST_ISA
