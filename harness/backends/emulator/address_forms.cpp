#include <algorithm>
#include <array>
#include <bit>

#include "harness/backends/emulator/memory_handlers.hpp"
#include "harness/backends/emulator/memory_modifiers.hpp"

namespace attest::emulator {

namespace {

using Words = std::span<const std::string_view>;

/// destination = source + Add, of 64 bits or of 32.
template <std::uint64_t Add, class Register>
void add_window(const Instruction& instruction, Warp& warp, Mask active) {
  auto* const to = warp.destination<Register>(instruction.operand[0]);
  const auto* const from = warp.source_as<Register>(instruction.operand[1]);
  for (int lane = 0; lane < warp_lanes; ++lane)
    to[lane] = (active >> lane & 1u) != 0 ? static_cast<Register>(from[lane] + static_cast<Register>(Add)) : to[lane];
}

/// Whether a generic address lies in a window.
template <std::uint64_t Window>
void is_in_window(const Instruction& instruction, Warp& warp, Mask active) {
  const auto* const address = warp.source_as<std::uint64_t>(instruction.operand[1]);
  Mask within = 0;
  for (int lane = 0; lane < warp_lanes; ++lane)
    within |= address[lane] - Window < window_bytes ? 1u << lane : 0u;
  warp.set_predicate(instruction.operand[0], within, active);
}

/// Constants lie among the global allocations, and are no part of global memory.
template <bool Constant>
void is_allocated(const Instruction& instruction, Warp& warp, Mask active) {
  const auto* const address = warp.source_as<std::uint64_t>(instruction.operand[1]);
  Mask within = 0;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    if (address[lane] < global_base) continue;
    const Allocation* const holder = warp.launch->global->state().find(address[lane]);
    if ((holder != nullptr && holder->constant) == Constant) within |= 1u << lane;
  }
  warp.set_predicate(instruction.operand[0], within, active);
}

/// Fences and prefetches change nothing here: what a warp wrote is seen by all at once.
void nothing(const Instruction&, Warp&, Mask) {}

/// A cache policy is opaque: zero.
void make_policy(const Instruction& instruction, Warp& warp, Mask active) {
  auto* const to = warp.destination<std::uint64_t>(instruction.operand[0]);
  for (int lane = 0; lane < warp_lanes; ++lane)
    to[lane] = (active >> lane & 1u) != 0 ? 0 : to[lane];
}

/// cvta.space.u64 makes an address generic, cvta.to.space.u64 the reverse.
std::optional<Form> find_conversion(Words words) {
  const bool to = !words.empty() && words.front() == "to";
  if (to) words = words.subspan(1);
  if (words.size() != 2 || words[1] != "u64") return {};
  const OperandForm pair{.place = Place::pair, .bits = 64};
  Form form;
  form.kind = Class::integer;
  form.operands = {pair, pair};
  form.operands[0].destination = true;
  if (words[0] == "global" || words[0] == "const")
    form.run = add_window<0, std::uint64_t>;
  else if (words[0] == "shared" || words[0] == "shared::cta")
    form.run = to ? add_window<0 - shared_window, std::uint64_t> : add_window<shared_window, std::uint64_t>;
  else if (words[0] == "local")
    form.run = to ? add_window<0 - local_window, std::uint64_t> : add_window<local_window, std::uint64_t>;
  else if (words[0] == "param" || words[0] == "param::entry")
    form.run = to ? add_window<0 - param_window, std::uint64_t> : add_window<param_window, std::uint64_t>;
  else
    return {};
  return form;
}

std::optional<Form> find_space_test(Words words) {
  if (words.size() != 1) return {};
  Form form;
  form.kind = Class::integer;
  form.operands = {{.place = Place::predicate, .bits = 1, .destination = true}, {.place = Place::pair, .bits = 64}};
  if (words[0] == "global")
    form.run = is_allocated<false>;
  else if (words[0] == "const")
    form.run = is_allocated<true>;
  else if (words[0] == "shared" || words[0] == "shared::cta")
    form.run = is_in_window<shared_window>;
  else if (words[0] == "local")
    form.run = is_in_window<local_window>;
  else if (words[0] == "param" || words[0] == "param::entry")
    form.run = is_in_window<param_window>;
  else
    return {};
  return form;
}

const std::array<std::string_view, 4> membar_forms = {"cta", "gl", "sys", "proxy.alias"};
const std::array<std::string_view, 16> fence_forms = {
    "acq_rel.cta", "acq_rel.cluster", "acq_rel.gpu", "acq_rel.sys", "sc.cta", "sc.cluster",
    "sc.gpu",      "sc.sys",          "cta",         "gpu",         "sys",    "acquire.cta",
    "acquire.gpu", "release.cta",     "release.gpu", "proxy.alias"};
const std::array<std::string_view, 8> prefetch_forms = {
    "L1", "L2", "global.L1", "global.L2", "local.L1", "local.L2", "global.L2::evict_last", "global.L2::evict_normal"};
/// Of createpolicy: the priority of some lines of the cache, and that of the rest.
const std::array<std::string_view, 4> first_priorities = {"L2::evict_first", "L2::evict_last", "L2::evict_normal",
                                                          "L2::evict_unchanged"};
const std::array<std::string_view, 3> other_priorities = {"", "L2::evict_first", "L2::evict_unchanged"};
const std::array<std::string_view, 14> conversion_forms = {
    "global.u64",      "shared.u64",         "local.u64",        "param.u64",          "const.u64",
    "shared::cta.u64", "to.global.u64",      "to.shared.u64",    "to.local.u64",       "to.param.u64",
    "to.const.u64",    "to.shared::cta.u64", "param::entry.u64", "to.param::entry.u64"};
const std::array<std::string_view, 7> space_forms = {"global", "const", "shared",      "shared::cta",
                                                     "local",  "param", "param::entry"};

std::string joined(Words words) {
  std::string text;
  for (const std::string_view word : words)
    text.append(text.empty() ? "" : ".").append(word);
  return text;
}

template <std::size_t Count>
bool listed(Words words, const std::array<std::string_view, Count>& forms) {
  return std::find(forms.begin(), forms.end(), joined(words)) != forms.end();
}

/// "fractional.L2::evict_last.L2::evict_unchanged.b64", ...
std::vector<std::string> policy_forms() {
  std::vector<std::string> forms{"cvt.L2.b64"};
  for (const std::string_view spread : {"fractional", "range", "range.global"})
    for (const std::string_view first : first_priorities)
      for (const std::string_view other : other_priorities)
        forms.push_back(std::string(spread).append(".").append(first).append(other.empty() ? "" : ".").append(other) +
                        ".b64");
  return forms;
}

std::optional<Form> find_policy_form(Words words) {
  static const std::vector<std::string> known = policy_forms();
  if (std::find(known.begin(), known.end(), joined(words)) == known.end()) return {};
  Form form;
  form.kind = Class::memory;
  form.run = make_policy;
  form.operands = {{.place = Place::pair, .bits = 64, .destination = true}};
  const OperandForm number{.place = Place::word, .bits = 32};
  if (words[0] == "cvt")
    form.operands.push_back(policy_operand());
  else if (words[0] == "range")
    form.operands.insert(form.operands.end(), {address_operand(), number, number});
  else
    form.operands.push_back({.place = Place::word, .bits = 32, .floating = true, .optional = true});
  return form;
}

}  // namespace

std::optional<Form> find_address_form(std::string_view opcode, std::span<const std::string_view> words) {
  if (opcode == "cvta") return find_conversion(words);
  if (opcode == "isspacep") return find_space_test(words);
  Form form;
  form.kind = Class::memory;
  form.run = nothing;
  if (opcode == "membar" && listed(words, membar_forms)) return form;
  if (opcode == "fence" && listed(words, fence_forms)) return form;
  if ((opcode == "prefetch" && listed(words, prefetch_forms)) ||
      (opcode == "prefetchu" && words.size() == 1 && words[0] == "L1")) {
    form.operands = {address_operand()};
    return form;
  }
  if (opcode == "createpolicy") return find_policy_form(words);
  return {};
}

std::vector<std::string> known_address_forms() {
  std::vector<std::string> forms;
  const auto add = [&](std::string_view opcode, const auto& list) {
    for (const std::string_view form : list)
      forms.push_back(std::string(opcode).append(".").append(form));
  };
  add("cvta", conversion_forms);
  add("isspacep", space_forms);
  add("membar", membar_forms);
  add("fence", fence_forms);
  add("prefetch", prefetch_forms);
  add("createpolicy", policy_forms());
  forms.emplace_back("prefetchu.L1");
  return forms;
}

}  // namespace attest::emulator
