#pragma once

#include <cstddef>
#include <cstdint>

namespace attest::emulator {

inline constexpr int warp_lanes = 32;

/// One bit a lane, lane 0 lowest.
using Mask = std::uint32_t;
inline constexpr Mask all_lanes = 0xffffffffu;

/// A register of up to 32 bits fills one slot: 32 lanes of 4 bytes. A 64-bit register fills two: 32 lanes of 8 bytes.
/// Values of 8 and 16 bits lie zero-extended in their 4-byte lane: every handler writes them so and may rely on it.
inline constexpr std::size_t slot_bytes = 128;

/// Index of a slot. With the top bit set it lies in the program's constants (immediates, one value in every lane), else
/// in the warp's registers. For a predicate: index into the warp's predicates, one Mask each.
using Operand = std::uint16_t;
inline constexpr Operand constant_operand = 0x8000;
/// Stands for an optional source that the text does not have.
inline constexpr Operand absent_operand = 0xffff;
/// Predicates that are never written: true in every lane, false in every lane.
inline constexpr Operand predicate_true = 0;
inline constexpr Operand predicate_false = 1;
/// The carry flag of add.cc and its kin, a Mask that no register shares.
inline constexpr Operand predicate_carry = 2;
/// Where a predicate destination goes that the text leaves out (setp without |q) or writes as `_`. Never read.
inline constexpr Operand predicate_discard = 3;

struct Block;
struct LaunchState;
struct WarpMemory;
struct Warp;
struct Instruction;

/// Executes one instruction for the lanes of `active` (never 0, the guard applied). Lanes outside keep their
/// destination. Handlers look whether active == all_lanes where that is faster. A handler throws KernelFault
/// (fault.hpp) for what would kill a kernel, and reports lesser findings to the launch.
using Handler = void (*)(const Instruction& instruction, Warp& warp, Mask active);

/// One decoded instruction: a cache line.
struct alignas(64) Instruction {
  Handler run = nullptr;
  Operand operand[16] = {};    ///< flattened operands in the order of the PTX text, destinations first
  std::int64_t immediate = 0;  ///< address offset of ld, st, atom, cp.async, ldmatrix; else free for the form
  std::uint32_t pc = 0;        ///< index in the program
  std::uint32_t target = 0;    ///< of branches; index into a side table for calls and the like; cp.async: offset of the
                               ///< second address, signed
  Operand guard = predicate_true;
  bool guard_negated = false;
  std::uint8_t flow = 0;      ///< Flow (form.hpp)
  std::uint32_t negated = 0;  ///< bit k: operand k is a predicate source written !p, or an address in a 32-bit register
};
static_assert(sizeof(Instruction) == 64);

/// One warp of 32 threads. The interpreter owns scheduling; handlers see this.
struct Warp {
  std::byte* registers = nullptr;        ///< slots, 64-byte aligned
  const std::byte* constants = nullptr;  ///< slots of the program
  Mask* predicates = nullptr;
  Block* block = nullptr;
  LaunchState* launch = nullptr;  ///< what one host thread executes with: memory, counters, options
  WarpMemory* memory = nullptr;   ///< local memory and pending asynchronous copies of this warp
  std::uint32_t index = 0;        ///< in the block
  Mask live = all_lanes;          ///< lanes that exist and have not exited
  std::uint32_t epoch = 0;        ///< barriers passed; what happened in an earlier epoch of the block is ordered before

  const void* source(Operand operand) const {
    const std::byte* base = (operand & constant_operand) != 0 ? constants : registers;
    return base + static_cast<std::size_t>(operand & ~constant_operand) * slot_bytes;
  }
  template <class T>
  const T* source_as(Operand operand) const {
    return static_cast<const T*>(source(operand));
  }
  template <class T>
  T* destination(Operand operand) {
    return reinterpret_cast<T*>(registers + static_cast<std::size_t>(operand) * slot_bytes);
  }
  Mask predicate(Operand operand) const { return predicates[operand]; }
  void set_predicate(Operand operand, Mask value, Mask active) {
    predicates[operand] = (predicates[operand] & ~active) | (value & active);
  }
};

}  // namespace attest::emulator
