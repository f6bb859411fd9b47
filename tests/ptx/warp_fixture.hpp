#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/form.hpp"
#include "harness/backends/emulator/warp.hpp"

// A warp made by hand, on which one instruction at a time is run without parser, lowering or interpreter.
namespace attest::test {

/// The form written as in PTX, "add.rn.f32". Nothing where it is unknown.
inline std::optional<emulator::Form> form_named(std::string_view text, emulator::Isa isa,
                                                const emulator::ArithmeticModel& model = {}) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const std::size_t dot = text.find('.', from);
    parts.push_back(text.substr(from, dot == text.npos ? dot : dot - from));
    if (dot == text.npos) break;
    from = dot + 1;
  }
  return emulator::find_arithmetic_form(parts[0], std::span(parts).subspan(1), isa, model);
}

/// One instruction on a warp: operand k has two slots, or one predicate, of its own.
class OneInstruction {
 public:
  explicit OneInstruction(std::string_view text, emulator::Isa isa = emulator::Isa::portable,
                          const emulator::ArithmeticModel& model = {}) {
    const auto found = form_named(text, isa, model);
    if (!found) throw std::runtime_error("unknown form " + std::string(text));
    form = *found;
    for (std::size_t k = 0; k < form.operands.size(); ++k)
      instruction.operand[k] =
          static_cast<emulator::Operand>(form.operands[k].place == emulator::Place::predicate ? 8 + k : 2 * k);
    instruction.run = form.run;
    warp.registers = registers.bytes;
    warp.constants = registers.bytes;
    warp.predicates = predicates.data();
    predicates[emulator::predicate_true] = emulator::all_lanes;
  }
  OneInstruction(const OneInstruction&) = delete;
  OneInstruction& operator=(const OneInstruction&) = delete;

  bool is_pair(std::size_t operand) const { return form.operands[operand].place == emulator::Place::pair; }
  void set(std::size_t operand, int lane, std::uint64_t value) {
    if (is_pair(operand)) {
      warp.destination<std::uint64_t>(instruction.operand[operand])[lane] = value;
    } else {
      const std::uint64_t mask =
          form.operands[operand].bits >= 32 ? 0xffffffffu : (1u << form.operands[operand].bits) - 1;
      warp.destination<std::uint32_t>(instruction.operand[operand])[lane] = static_cast<std::uint32_t>(value & mask);
    }
  }
  void set_all(std::size_t operand, std::uint64_t value) {
    for (int lane = 0; lane < emulator::warp_lanes; ++lane)
      set(operand, lane, value);
  }
  void set_predicate(std::size_t operand, emulator::Mask value) { predicates[instruction.operand[operand]] = value; }
  std::uint64_t get(std::size_t operand, int lane) const {
    if (is_pair(operand)) return warp.source_as<std::uint64_t>(instruction.operand[operand])[lane];
    return warp.source_as<std::uint32_t>(instruction.operand[operand])[lane];
  }
  emulator::Mask predicate(std::size_t operand) const { return predicates[instruction.operand[operand]]; }
  void run(emulator::Mask active = emulator::all_lanes) { instruction.run(instruction, warp, active); }

  struct alignas(64) Registers {
    std::byte bytes[40 * emulator::slot_bytes] = {};
  };
  Registers registers;
  std::array<emulator::Mask, 32> predicates = {};
  emulator::Form form;
  emulator::Instruction instruction;
  emulator::Warp warp;
};

/// Result of `text` with the sources in every lane, of lane 0; after the destinations.
inline std::uint64_t result_of(std::string_view text, const std::vector<std::uint64_t>& sources) {
  OneInstruction one(text);
  std::size_t operand = 0;
  while (operand < one.form.operands.size() && one.form.operands[operand].destination)
    ++operand;
  for (const std::uint64_t source : sources) {
    if (one.form.operands[operand].immediate_only)
      one.instruction.immediate = static_cast<std::int64_t>(source);
    else if (one.form.operands[operand].place == emulator::Place::predicate)
      one.set_predicate(operand, source != 0 ? emulator::all_lanes : 0u);
    else
      one.set_all(operand, source);
    ++operand;
  }
  if (operand != one.form.operands.size()) throw std::runtime_error("sources of " + std::string(text));
  one.run();
  return one.form.operands[0].place == emulator::Place::predicate ? one.predicate(0) : one.get(0, 0);
}

inline std::uint64_t bits_of(float value) {
  return std::bit_cast<std::uint32_t>(value);
}
inline std::uint64_t bits_of(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

}  // namespace attest::test
