// Approximate functions and arithmetic in 16 bits, compiled for one instruction set: special_<isa>.cpp includes this.
#include "harness/backends/emulator/isa_forms.inc.hpp"

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_float_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_special.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_half.inc.hpp"

void add_special_forms(FormSink& sink) {
  add_special(sink);
  add_halves(sink);
}
}  // namespace attest::emulator::ATTEST_ISA
