#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/form.hpp"

// What the modifiers of loads, stores and atomics say.
namespace attest::emulator {

enum class MemorySpace : std::uint8_t { generic, global, shared, local, parameter, constant };

/// Modifiers before the vector length and the type, each category at most once. ptxas takes them in any order, and
/// kernels are written in several.
struct MemoryModifiers {
  MemorySpace space = MemorySpace::generic;
  bool strong = false;  ///< volatile, relaxed, acquire, release, acq_rel, mmio
  bool scope = false;   ///< cta, cluster, gpu, sys
  bool non_coherent = false;
  bool cache_hint = false;  ///< L2::cache_hint: one more operand
  bool cache = false;       ///< any other word about caches
  std::string_view semantics;
  std::string_view cache_operator;
};

/// Reads as many of `words` as are such modifiers; `used` counts them. Nothing where one is there twice.
std::optional<MemoryModifiers> read_memory_modifiers(std::span<const std::string_view> words, std::size_t& used);

/// An element type of a load, store or atomic: bytes, and how its registers are read.
struct ElementWord {
  unsigned bytes = 0;
  bool floating = false;
  bool is_signed = false;
};
/// b8 to b64, u8 to u64, s8 to s64, f32, f64; with `packed` also f16, f16x2, bf16, bf16x2.
std::optional<ElementWord> read_element(std::string_view word, bool packed = false);

OperandForm data_operand(const ElementWord& element, bool destination, std::uint8_t group);
OperandForm address_operand();
OperandForm policy_operand();

/// atom and red (atomic_forms.cpp).
std::optional<Form> find_atomic_form(bool reduction, std::span<const std::string_view> modifiers);
/// cvta, isspacep, fences, prefetch, createpolicy (address_forms.cpp).
std::optional<Form> find_address_form(std::string_view opcode, std::span<const std::string_view> modifiers);
std::vector<std::string> known_atomic_forms();
std::vector<std::string> known_address_forms();

}  // namespace attest::emulator
