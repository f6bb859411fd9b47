// Moves, integer and floating-point arithmetic, compiled for one instruction set: arithmetic_<isa>.cpp includes this.
#include "harness/backends/emulator/isa_forms.inc.hpp"

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_move.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_integer_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_integer.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_bits.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_float_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_floating.inc.hpp"

void add_arithmetic_forms(FormSink& sink) {
  add_move(sink);
  add_integer(sink);
  add_bits(sink);
  add_floating(sink);
}
}  // namespace attest::emulator::ATTEST_ISA
