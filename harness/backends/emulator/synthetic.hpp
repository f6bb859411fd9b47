#pragma once

#include <cstdint>

#include "harness/backends/emulator/form.hpp"

// Instructions that lowering puts in: conversions between a register and an operand of another width, reads of clocks,
// moves to and from the parameters of calls.
namespace attest::emulator {

/// Handler of control instructions.
void do_nothing(const Instruction& instruction, Warp& warp, Mask active);

/// Converts the low `bits` (8, 16, 32 or 64) of a source of place `from` to `to_bits` (16, 32 or 64; below 32 the rest
/// of the lane is zero): destination, source.
const Form& widening(std::uint8_t bits, bool is_signed, Place from, Place to, std::uint8_t to_bits);
/// Copies a predicate: destination, source.
const Form& predicate_copy();
/// Reads a clock that counts this warp's instructions: destination. Instruction::immediate: 0 low word, 1 high word.
const Form& clock_read(Place to);

/// Encodes opcode and modifiers of a barrier for Instruction::immediate (program.hpp).
std::int64_t barrier_code(std::string_view opcode, std::span<const std::string_view> modifiers);

}  // namespace attest::emulator
