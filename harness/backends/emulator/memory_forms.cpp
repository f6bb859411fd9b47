#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_handlers.hpp"
#include "harness/backends/emulator/memory_modifiers.hpp"

namespace attest::emulator {

const MemoryHandlers& memory_handlers_of(Isa isa) {
  switch (isa) {
    case Isa::avx2:
      return avx2::memory_handlers();
    case Isa::avx512:
      return avx512::memory_handlers();
    case Isa::portable:
      break;
  }
  return portable::memory_handlers();
}

namespace {

using Words = std::span<const std::string_view>;

int index_of_length(unsigned length) {
  return length == 1 ? 0 : length == 2 ? 1 : 2;
}
int index_of_size(unsigned bytes) {
  return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
}

/// Whether ld, ldu or st may carry these modifiers.
bool fits(std::string_view opcode, const MemoryModifiers& modifiers) {
  const bool store = opcode == "st";
  const bool cached_space = modifiers.space == MemorySpace::generic || modifiers.space == MemorySpace::global;
  if (opcode == "ldu")
    return cached_space && !modifiers.strong && modifiers.semantics.empty() && !modifiers.cache &&
           !modifiers.cache_hint && !modifiers.non_coherent;
  if (store && (modifiers.space == MemorySpace::parameter || modifiers.space == MemorySpace::constant)) return false;
  if (modifiers.non_coherent &&
      (store || modifiers.space != MemorySpace::global || modifiers.strong || !modifiers.semantics.empty()))
    return false;
  if (modifiers.semantics == "acq_rel" || modifiers.semantics == "mmio" ||
      modifiers.semantics == (store ? "acquire" : "release"))
    return false;
  const bool ordered = modifiers.strong && modifiers.semantics != "volatile";
  if (ordered != modifiers.scope) return false;
  if (modifiers.strong && (modifiers.space == MemorySpace::parameter || modifiers.space == MemorySpace::constant ||
                           (ordered && modifiers.space == MemorySpace::local)))
    return false;
  if (modifiers.cache_hint && !cached_space) return false;
  const std::string_view cache = modifiers.cache_operator;
  if (!cache.empty() && modifiers.strong) return false;
  if (store) return cache.empty() || cache == "wb" || cache == "cg" || cache == "cs" || cache == "wt";
  return cache != "wb" && cache != "wt";
}

Handler access_handler(bool store, const MemoryModifiers& modifiers, unsigned element, unsigned vector, Isa isa) {
  const MemoryHandlers& handlers = memory_handlers_of(isa);
  const auto pick = [&](const AccessTable& table) {
    return table[modifiers.strong ? 1 : 0][index_of_size(element)][index_of_length(vector)];
  };
  switch (modifiers.space) {
    case MemorySpace::generic:
      return pick(store ? handlers.store_generic : handlers.load_generic);
    case MemorySpace::global:
      return pick(store ? handlers.store_global : handlers.load_global);
    case MemorySpace::shared:
      return pick(store ? handlers.store_shared : handlers.load_shared);
    case MemorySpace::local:
      return store ? local_store_handler(element, vector) : quiet_load_handler(QuietSpace::local, element, vector);
    case MemorySpace::parameter:
      return quiet_load_handler(QuietSpace::parameter, element, vector);
    case MemorySpace::constant:
      return quiet_load_handler(QuietSpace::constant, element, vector);
  }
  return nullptr;
}

/// ld, ldu and st.
std::optional<Form> find_access_form(std::string_view opcode, Words words, Isa isa) {
  std::size_t used = 0;
  const std::optional<MemoryModifiers> modifiers = read_memory_modifiers(words, used);
  if (!modifiers || !fits(opcode, *modifiers)) return {};
  Words rest = words.subspan(used);
  unsigned vector = 1;
  if (!rest.empty() && (rest.front() == "v2" || rest.front() == "v4")) {
    vector = rest.front() == "v2" ? 2 : 4;
    rest = rest.subspan(1);
  }
  if (rest.size() != 1) return {};
  const std::optional<ElementWord> element = read_element(rest.front());
  if (!element) return {};
  const bool store = opcode == "st";
  Form form;
  form.kind = Class::memory;
  form.run = access_handler(store, *modifiers, element->bytes, vector, isa);
  if (form.run == nullptr) return {};
  if (store) form.operands.push_back(address_operand());
  for (unsigned index = 0; index < vector; ++index)
    form.operands.push_back(data_operand(*element, !store, vector > 1 ? 1 : 0));
  if (!store) form.operands.push_back(address_operand());
  if (modifiers->cache_hint) form.operands.push_back(policy_operand());
  // Addresses are read before a register is written, but a load may write the first of several registers before it
  // looks at the last lane's fault; and lanes of a generic load are served space by space.
  return form;
}

/// cp.async and its groups.
std::optional<Form> find_copy_form(Words words, Isa isa) {
  if (words.empty() || words.front() != "async") return {};
  words = words.subspan(1);
  Form form;
  form.kind = Class::memory;
  if (words.size() == 1 && (words[0] == "commit_group" || words[0] == "wait_all")) {
    form.run = words[0] == "wait_all" ? wait_all_copies : commit_copies;
    return form;
  }
  if (words.size() == 1 && words[0] == "wait_group") {
    form.run = wait_copies;
    form.operands = {{.place = Place::word, .immediate_only = true}};
    return form;
  }
  if (words.size() < 3 || (words[0] != "ca" && words[0] != "cg") ||
      (words[1] != "shared" && words[1] != "shared::cta") || words[2] != "global")
    return {};
  Words hints = words.subspan(3);
  const bool has_policy = !hints.empty() && hints[0] == "L2::cache_hint";
  if (has_policy) hints = hints.subspan(1);
  if (hints.size() > 1) return {};
  if (hints.size() == 1 && hints[0] != "L2::64B" && hints[0] != "L2::128B" && hints[0] != "L2::256B") return {};
  form.run = words[0] == "cg" ? memory_handlers_of(isa).copy_async_cg : memory_handlers_of(isa).copy_async;
  form.operands = {
      address_operand(), address_operand(), {.place = Place::word}, {.place = Place::word, .optional = true}};
  if (has_policy) form.operands.push_back(policy_operand());
  return form;
}

/// ldmatrix, stmatrix and movmatrix: shape, count and .trans in either order before the space.
std::optional<Form> find_matrix_form(std::string_view opcode, Words words, Isa isa) {
  if (words.size() < 4 || words.front() != "sync" || words[1] != "aligned" || words.back() != "b16") return {};
  const bool store = opcode == "stmatrix";
  const MemoryHandlers& handlers = memory_handlers_of(isa);
  Form form;
  form.kind = Class::memory;
  form.flow = Flow::gather;
  if (opcode == "movmatrix") {
    if (words.size() != 5 || words[2] != "m8n8" || words[3] != "trans") return {};
    form.kind = Class::move;
    form.run = handlers.move_matrix;
    form.operands = {{.place = Place::word, .bits = 32, .destination = true}, {.place = Place::word, .bits = 32}};
    return form;
  }
  const std::string_view space = words[words.size() - 2];
  const bool generic = space != "shared" && space != "shared::cta";
  if (generic && store) return {};
  bool shape = false;
  bool transposed = false;
  unsigned matrices = 0;
  for (const std::string_view word : words.subspan(2, words.size() - (generic ? 3 : 4))) {
    if (word == "m8n8" && !shape)
      shape = true;
    else if (word == "trans" && !transposed)
      transposed = true;
    else if (matrices == 0 && (word == "x1" || word == "x2" || word == "x4"))
      matrices = static_cast<unsigned>(word[1] - '0');
    else
      return {};
  }
  if (!shape || matrices == 0) return {};
  form.run = (store     ? handlers.store_matrix
              : generic ? handlers.load_matrix_generic
                        : handlers.load_matrix)[index_of_length(matrices)][transposed ? 1 : 0];
  if (store) form.operands.push_back(address_operand());
  // One matrix is written {%r1}, which is a group too.
  for (unsigned index = 0; index < matrices; ++index)
    form.operands.push_back({.place = Place::word, .bits = 32, .destination = !store, .group = 1});
  if (!store) form.operands.push_back(address_operand());
  return form;
}

}  // namespace

std::optional<Form> find_memory_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa) {
  if (opcode == "ld" || opcode == "st" || opcode == "ldu") return find_access_form(opcode, modifiers, isa);
  if (opcode == "cp") return find_copy_form(modifiers, isa);
  if (opcode == "ldmatrix" || opcode == "stmatrix" || opcode == "movmatrix")
    return find_matrix_form(opcode, modifiers, isa);
  if (opcode == "atom" || opcode == "red") return find_atomic_form(opcode == "red", modifiers);
  return find_address_form(opcode, modifiers);
}

std::vector<std::string> known_memory_forms() {
  std::vector<std::string> forms;
  const std::array<std::string_view, 14> types = {"b8",  "b16", "b32", "b64", "u8",  "u16", "u32",
                                                  "u64", "s8",  "s16", "s32", "s64", "f32", "f64"};
  const std::array<std::string_view, 11> loads = {"ld",
                                                  "ld.global",
                                                  "ld.global.nc",
                                                  "ld.shared",
                                                  "ld.local",
                                                  "ld.param",
                                                  "ld.const",
                                                  "ld.volatile.global",
                                                  "ld.volatile.shared",
                                                  "ldu.global",
                                                  "ld.acquire.gpu.global"};
  const std::array<std::string_view, 7> stores = {
      "st", "st.global", "st.shared", "st.local", "st.volatile.global", "st.volatile.shared", "st.release.gpu.global"};
  const auto add = [&](const auto& openings) {
    for (const std::string_view opening : openings)
      for (const std::string_view type : types)
        for (const std::string_view vector : {"", ".v2", ".v4"})
          if (vector != std::string_view(".v4") || type.substr(1) != "64")
            forms.push_back(fmt::format("{}{}.{}", opening, vector, type));
  };
  add(loads);
  add(stores);
  for (const std::string_view cache : {"ca", "cg"})
    for (const std::string_view policy : {"", ".L2::cache_hint"})
      for (const std::string_view hint : {"", ".L2::64B", ".L2::128B", ".L2::256B"})
        forms.push_back(fmt::format("cp.async.{}.shared.global{}{}", cache, policy, hint));
  forms.insert(forms.end(), {"cp.async.commit_group", "cp.async.wait_group", "cp.async.wait_all"});
  for (const std::string_view count : {"x1", "x2", "x4"})
    for (const std::string_view trans : {"", ".trans"}) {
      forms.push_back(fmt::format("ldmatrix.sync.aligned.m8n8.{}{}.shared.b16", count, trans));
      forms.push_back(fmt::format("ldmatrix.sync.aligned.m8n8.{}{}.b16", count, trans));
      forms.push_back(fmt::format("stmatrix.sync.aligned.m8n8.{}{}.shared.b16", count, trans));
    }
  forms.emplace_back("movmatrix.sync.aligned.m8n8.trans.b16");
  for (const auto& more : {known_atomic_forms(), known_address_forms()})
    forms.insert(forms.end(), more.begin(), more.end());
  return forms;
}

}  // namespace attest::emulator
