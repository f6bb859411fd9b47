#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/form.hpp"
#include "harness/backends/emulator/memory.hpp"

// Warps without a program: registers are set by hand, one instruction runs at a time.
namespace attest::emulator::hand_made {

/// A register: the slot where it begins, and whether it has 32 or 64 bits.
struct Register {
  Operand operand = 0;
  bool word = true;
};
inline Register word(int slot) {
  return {static_cast<Operand>(slot), true};
}
/// Slots 2k and 2k+1.
inline Register pair(int slot) {
  return {static_cast<Operand>(slot), false};
}
inline constexpr Register absent{absent_operand, true};

inline std::vector<std::string_view> split_form(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t dot = text.find('.');
    words.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    text.remove_prefix(dot + 1);
  }
}

inline std::optional<Form> find_form_text(std::string_view text, Isa isa = Isa::portable) {
  const std::vector<std::string_view> words = split_form(text);
  return find_memory_form(words.front(), std::span(words).subspan(1), isa);
}

/// The instruction sets that this machine can run.
inline std::vector<Isa> usable_isas() {
  std::vector<Isa> isas = {Isa::portable};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    isas.push_back(Isa::avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    isas.push_back(Isa::avx512);
  return isas;
}

/// Warps of one block, each with 32 slots, and a launch of one host thread.
class Machine {
 public:
  struct Options {
    std::uint32_t warps = 1;
    std::uint32_t shared_bytes = 16384;
    std::uint32_t local_bytes = 64;
    bool sanitize = false;
    Isa isa = Isa::portable;
  };

  explicit Machine(const Options& options) : isa_(options.isa), shared_(options.shared_bytes) {
    state.global = &memory;
    state.sanitize = options.sanitize;
    begin_launch(state);
    block.shared = shared_.data();
    block.shared_bytes = options.shared_bytes;
    block.parameters = reinterpret_cast<const std::byte*>(parameters.data());
    block.parameter_bytes = sizeof parameters;
    block.warps = options.warps;
    block.threads = options.warps * warp_lanes;
    begin_block(block, state);
    for (std::uint32_t index = 0; index < options.warps; ++index) {
      auto store = std::make_unique<Store>();
      Warp& warp = store->warp;
      warp.registers = reinterpret_cast<std::byte*>(store->slots.data());
      warp.constants = warp.registers;
      warp.predicates = store->predicates.data();
      warp.block = &block;
      warp.launch = &state;
      warp.memory = make_warp_memory(options.local_bytes);
      warp.index = index;
      stores_.push_back(std::move(store));
    }
  }
  ~Machine() {
    for (auto& store : stores_)
      free_warp_memory(store->warp.memory);
    end_block(block, state);
    end_launch(state);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Warp& warp(std::size_t index = 0) { return stores_[index]->warp; }

  /// Sets lane l of a register to value(l).
  template <class Value>
  void set(Register to, Value value, std::size_t warp_index = 0) {
    for (int lane = 0; lane < warp_lanes; ++lane)
      if (to.word)
        warp(warp_index).destination<std::uint32_t>(to.operand)[lane] = static_cast<std::uint32_t>(value(lane));
      else
        warp(warp_index).destination<std::uint64_t>(to.operand)[lane] = static_cast<std::uint64_t>(value(lane));
  }
  std::uint64_t get(Register from, int lane, std::size_t warp_index = 0) {
    return from.word ? warp(warp_index).source_as<std::uint32_t>(from.operand)[lane]
                     : warp(warp_index).source_as<std::uint64_t>(from.operand)[lane];
  }

  /// Runs one instruction; `offset` is that of its address, or its constant; `second` that of a second address.
  void run(std::string_view text, const std::vector<Register>& operands, Mask active = all_lanes,
           std::int64_t offset = 0, std::size_t warp_index = 0, std::int32_t second = 0) {
    const std::optional<Form> form = find_form_text(text, isa_);
    BOOST_REQUIRE_MESSAGE(form.has_value(), "no form " << text);
    Instruction instruction;
    instruction.immediate = offset;
    instruction.target = static_cast<std::uint32_t>(second);
    instruction.pc = next_pc++;
    for (std::size_t index = 0; index < operands.size(); ++index) {
      instruction.operand[index] = operands[index].operand;
      if (form->operands.at(index).place == Place::address && operands[index].word) instruction.negated |= 1u << index;
    }
    form->run(instruction, warp(warp_index), active);
  }
  /// The fault that the instruction ends with.
  KernelFault fault_of(std::string_view text, const std::vector<Register>& operands, Mask active = all_lanes,
                       std::int64_t offset = 0) {
    try {
      run(text, operands, active, offset);
    } catch (const KernelFault& fault) {
      return fault;
    }
    BOOST_FAIL("no fault in " << text);
    return {};
  }

  /// The unique bytes of what has been run so far.
  Counters footprint() {
    Counters total;
    LaunchState* const states[] = {&state};
    merge_footprints(states, total);
    return total;
  }

  void barrier() {
    std::vector<Warp*> all;
    for (auto& store : stores_)
      all.push_back(&store->warp);
    order_at_barrier(all, all);
  }
  std::size_t findings_of(FaultKind kind) const {
    return static_cast<std::size_t>(std::count_if(state.findings.begin(), state.findings.end(),
                                                  [&](const RawFinding& finding) { return finding.kind == kind; }));
  }
  /// An allocation of 32-bit words 0, 1, 2, ...
  std::uint64_t counting_words(std::uint32_t count) {
    std::vector<std::uint32_t> words(count);
    for (std::uint32_t index = 0; index < count; ++index)
      words[index] = index;
    const std::uint64_t address = memory.allocate(std::uint64_t{count} * 4);
    BOOST_REQUIRE(memory.write(address, words.data(), std::uint64_t{count} * 4));
    return address;
  }

  GlobalMemory memory;
  LaunchState state;
  Block block;
  std::array<std::uint32_t, 16> parameters{};
  std::uint32_t next_pc = 0;

 private:
  struct Store {
    alignas(64) std::array<std::uint32_t, 32 * 32> slots{};
    std::array<Mask, 8> predicates{all_lanes, 0};
    Warp warp;
  };
  Isa isa_;
  std::vector<std::byte> shared_;
  std::vector<std::unique_ptr<Store>> stores_;
};

}  // namespace attest::emulator::hand_made
