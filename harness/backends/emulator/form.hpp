#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/warp.hpp"

namespace attest::emulator {

/// Where a value of an operand lives.
enum class Place : std::uint8_t {
  predicate,  ///< a Mask; an integer constant stands for predicate_true or predicate_false
  word,       ///< 8, 16 or 32 bits: one slot
  pair,       ///< 64 bits: two slots
  address,    ///< [register + offset], [symbol + offset] or [immediate]: the register (word or pair, constants too) is
              ///< the operand, the offset the instruction's immediate
};

/// How an instruction steers the warp, for the interpreter.
enum class Flow : std::uint8_t {
  none,
  branch,  ///< bra
  call,    ///< inlined or external
  ret,
  exit,
  barrier,  ///< bar.sync, barrier.sync and their kin
  trap,
  gather,  ///< waits until every lane that it names has arrived: shfl.sync, vote.sync, mma, ldmatrix, bar.warp.sync
};

/// Class of an instruction, for counting.
enum class Class : std::uint8_t { integer, floating, special, tensor, memory, control, move };

/// One operand of a form.
struct OperandForm {
  Place place = Place::word;
  std::uint8_t bits = 32;  ///< of the value: 1, 8, 16, 32 or 64; an immediate is converted to that
  bool destination = false;
  bool floating = false;  ///< an immediate may be a floating constant (0f..., 0d..., 1.5)
  bool is_signed = false;
  std::uint8_t group = 0;     ///< operands that share a non-zero group stand in one {...}
  bool may_be_wider = false;  ///< ld, st, cvt: the register may be wider than the type. Where a pair stands for a word
                              ///< type, or a destination is wider, the lowering converts through a register of the
                              ///< type's size: truncation of a source, extension by is_signed of a destination
  bool immediate_only = false;  ///< must be an integer constant; its value goes to Instruction::immediate
  bool optional = false;        ///< may be absent at the end; then predicate_true, or absent_operand. A destination:
                                ///< the second of `p|q`; absent or `_`, it is predicate_discard
};

/// An instruction form: opcode with all its modifiers, known to the emulator.
struct Form {
  Handler run = nullptr;
  std::vector<OperandForm> operands;
  Class kind = Class::integer;
  Flow flow = Flow::none;
  std::uint32_t lane_flops = 0;  ///< floating-point additions, multiplications, divisions, roots and special functions
                                 ///< a lane; an fma is 2, a packed type twice its scalar; comparisons are none
  std::uint32_t warp_flops = 0;  ///< tensor operations a warp: 2*m*n*k
  std::optional<int> members{};  ///< Flow::gather: index of the operand that holds the mask of lanes; none: all live
  bool reads_before_write_unsafe = false;  ///< a destination may not share a slot with a source (it is written early,
                                           ///< or their lanes differ in size). Else it may be the very register of a
                                           ///< source, but never half of a pair: pairs begin at even slots
};

// What lowering (program.hpp) does before a handler sees an instruction, so that forms need not say it:
// - `mov` with braces is looked up by its shape: mov.pack2 or mov.pack4 (one destination), mov.unpack2 or
//   mov.unpack4.
// - `d|p` is two destinations in a row. `_` as a destination is a scratch register, or predicate_discard.
// - A register wider or narrower than a `may_be_wider` operand is converted by an instruction of its own: handlers see
//   the place and the zero-extended bits that the form names. A signed destination of 8 or 16 bits (ld.s8, cvt.s16) is
//   sign-extended to its register afterwards. Only sources of Class::memory may have rubbish above their bits.
// - An address register may be a word or a pair: bit k of Instruction::negated is set where operand k is a word.
// - Addresses of .shared, .local and entry .param symbols are offsets from 0 in their window, as constants; those of
//   .global and .const are absolute. cvta adds and subtracts the windows of memory.hpp.
// - .param variables of calls and of .func become registers or local memory: ld.param and st.param that reach a handler
//   are those of the entry's parameters.
// - Of two addresses (cp.async) the first has its offset in Instruction::immediate, the second in Instruction::target
//   as a signed 32-bit number.
// - An optional source that is not written is absent_operand, a predicate predicate_true.
// - An immediate is a constant slot with the operand's bits, zero-extended; a special register is an ordinary slot.

/// Instruction sets that handlers are compiled for.
enum class Isa : std::uint8_t { portable, avx2, avx512 };
std::string_view name_of(Isa isa);
/// The best that this CPU has, or the one that the environment variable ATTEST_EMULATOR_ISA names (portable, avx2,
/// avx512). Throws LoadError when the name is unknown or the CPU lacks it.
Isa chosen_isa();

/// Variations of the arithmetic that hardware leaves open.
struct ArithmeticModel {
  bool wide_accumulation =
      false;              ///< mma: products and the accumulator summed in double, rounded once; else per k step
  bool contract = false;  ///< mul and add without a rounding modifier act fused where ptxas may fuse them
  bool operator==(const ArithmeticModel&) const = default;
};

/// The form of `opcode` with `modifiers` in the order of the text (`fma` `rn` `ftz` `f32`), or nothing where it is
/// unknown. Three tables stand behind it: arithmetic, memory, control.
std::optional<Form> find_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa,
                              const ArithmeticModel& model);
/// Moves, arithmetic, comparison, conversion, shuffles, votes, mma.
std::optional<Form> find_arithmetic_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa,
                                         const ArithmeticModel& model);
/// Loads, stores, atomics, asynchronous copies, ldmatrix, address conversions, fences.
std::optional<Form> find_memory_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa);
/// Branches, barriers, calls, exit, trap.
std::optional<Form> find_control_form(std::string_view opcode, std::span<const std::string_view> modifiers);

/// Every form that is known, written as in PTX ("fma.rn.ftz.f32"): for tests and for the manual.
std::vector<std::string> known_forms();
std::vector<std::string> known_arithmetic_forms();
std::vector<std::string> known_memory_forms();
std::vector<std::string> known_control_forms();

}  // namespace attest::emulator
