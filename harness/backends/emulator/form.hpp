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
  predicate,  ///< a Mask
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
  std::uint8_t group = 0;       ///< operands that share a non-zero group stand in one {...}
  bool may_be_wider = false;    ///< ld, st, cvt: the register may be wider than the type
  bool immediate_only = false;  ///< must be an integer constant; its value goes to Instruction::immediate
  bool optional = false;        ///< may be absent at the end; then predicate_true, or a constant zero
};

/// An instruction form: opcode with all its modifiers, known to the emulator.
struct Form {
  Handler run = nullptr;
  std::vector<OperandForm> operands;
  Class kind = Class::integer;
  Flow flow = Flow::none;
  std::uint32_t lane_flops = 0;  ///< scalar floating-point operations a lane; an fma is 2
  std::uint32_t warp_flops = 0;  ///< tensor operations a warp: 2*m*n*k
  std::optional<int> members;    ///< Flow::gather: index of the operand that holds the mask of lanes; none: all live
  bool reads_before_write_unsafe = false;  ///< a destination may not share a slot with a source (it is written early)
};

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

}  // namespace attest::emulator
