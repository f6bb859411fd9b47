#include "harness/backends/emulator/memory_modifiers.hpp"

#include <algorithm>
#include <array>

namespace attest::emulator {

namespace {

template <std::size_t Count>
bool one_of(std::string_view word, const std::array<std::string_view, Count>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 7> semantics_words = {"weak",    "volatile", "relaxed", "acquire",
                                                             "release", "acq_rel",  "mmio"};
constexpr std::array<std::string_view, 4> scope_words = {"cta", "cluster", "gpu", "sys"};
constexpr std::array<std::string_view, 7> cache_words = {"ca", "cg", "cs", "lu", "cv", "wb", "wt"};
constexpr std::array<std::string_view, 5> level1_words = {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
                                                          "L1::evict_last", "L1::no_allocate"};
constexpr std::array<std::string_view, 3> level2_words = {"L2::evict_normal", "L2::evict_first", "L2::evict_last"};
constexpr std::array<std::string_view, 3> prefetch_words = {"L2::64B", "L2::128B", "L2::256B"};

std::optional<MemorySpace> space_of(std::string_view word) {
  if (word == "global") return MemorySpace::global;
  if (word == "shared" || word == "shared::cta") return MemorySpace::shared;
  if (word == "local") return MemorySpace::local;
  if (word == "param" || word == "param::entry") return MemorySpace::parameter;
  if (word == "const") return MemorySpace::constant;
  return {};
}

/// Sets `flag`; false where it was set.
bool set_once(bool& flag) {
  const bool first = !flag;
  flag = true;
  return first;
}

}  // namespace

std::optional<MemoryModifiers> read_memory_modifiers(std::span<const std::string_view> words, std::size_t& used) {
  MemoryModifiers result;
  bool space = false;
  bool semantics = false;
  bool level1 = false;
  bool level2 = false;
  bool prefetch = false;
  for (used = 0; used < words.size(); ++used) {
    const std::string_view word = words[used];
    bool first = true;
    if (const std::optional<MemorySpace> named = space_of(word)) {
      first = set_once(space);
      result.space = *named;
    } else if (one_of(word, semantics_words)) {
      // mmio stands beside relaxed.
      const bool after_mmio = result.semantics == "mmio" && word == "relaxed";
      first = set_once(semantics) || after_mmio;
      result.semantics = word;
      result.strong = word != "weak";
    } else if (one_of(word, scope_words)) {
      first = set_once(result.scope);
    } else if (word == "nc") {
      first = set_once(result.non_coherent);
    } else if (one_of(word, cache_words)) {
      first = result.cache_operator.empty();
      result.cache_operator = word;
      result.cache = true;
    } else if (one_of(word, level1_words)) {
      first = set_once(level1);
      result.cache = true;
    } else if (one_of(word, level2_words)) {
      first = set_once(level2);
      result.cache = true;
    } else if (one_of(word, prefetch_words)) {
      first = set_once(prefetch);
      result.cache = true;
    } else if (word == "L2::cache_hint") {
      first = set_once(result.cache_hint);
    } else {
      break;
    }
    if (!first) return {};
  }
  // A cache operator excludes priorities, and a weak or volatile access has no scope. Atomics may have one without an
  // order, which is relaxed then.
  if (!result.cache_operator.empty() && (level1 || level2)) return {};
  if ((result.semantics == "weak" || result.semantics == "volatile") && result.scope) return {};
  return result;
}

std::optional<ElementWord> read_element(std::string_view word, bool packed) {
  if (packed) {
    if (word == "f16" || word == "bf16") return ElementWord{.bytes = 2, .floating = true};
    if (word == "f16x2" || word == "bf16x2") return ElementWord{.bytes = 4};
  }
  if (word.size() < 2 || word.size() > 3) return {};
  const char kind = word[0];
  const std::string_view bits = word.substr(1);
  unsigned bytes = 0;
  if (bits == "8")
    bytes = 1;
  else if (bits == "16")
    bytes = 2;
  else if (bits == "32")
    bytes = 4;
  else if (bits == "64")
    bytes = 8;
  else
    return {};
  if (kind == 'f' && bytes >= 4) return ElementWord{.bytes = bytes, .floating = true};
  if (kind == 'b' || kind == 'u' || kind == 's') return ElementWord{.bytes = bytes, .is_signed = kind == 's'};
  return {};
}

OperandForm data_operand(const ElementWord& element, bool destination, std::uint8_t group) {
  return {.place = element.bytes == 8 ? Place::pair : Place::word,
          .bits = static_cast<std::uint8_t>(element.bytes * 8),
          .destination = destination,
          .floating = element.floating,
          .is_signed = element.is_signed,
          .group = group,
          .may_be_wider = true};
}

OperandForm address_operand() {
  return {.place = Place::address, .bits = 64};
}

OperandForm policy_operand() {
  return {.place = Place::pair, .bits = 64};
}

}  // namespace attest::emulator
