#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_handlers.hpp"
#include "harness/backends/emulator/memory_modifiers.hpp"

namespace attest::emulator {

namespace {

/// New value from the old one and the operands, as bits. `shared`: the place is in shared memory.
using Apply = std::uint64_t (*)(std::uint64_t old, std::uint64_t b, std::uint64_t c, bool shared);

template <class Bits>
Bits as(std::uint64_t value) {
  if constexpr (sizeof(Bits) == 8)
    return std::bit_cast<Bits>(value);
  else
    return std::bit_cast<Bits>(static_cast<std::uint32_t>(value));
}
template <class Value>
std::uint64_t bits(Value value) {
  if constexpr (sizeof(Value) == 8)
    return std::bit_cast<std::uint64_t>(value);
  else
    return std::bit_cast<std::uint32_t>(value);
}

template <class Type>
std::uint64_t add_integer(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return bits(static_cast<Type>(as<Type>(old) + as<Type>(b)));
}
template <class Type>
std::uint64_t minimum(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return as<Type>(b) < as<Type>(old) ? b : old;
}
template <class Type>
std::uint64_t maximum(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return as<Type>(b) > as<Type>(old) ? b : old;
}
std::uint64_t both(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return old & b;
}
std::uint64_t either(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return old | b;
}
std::uint64_t differ(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return old ^ b;
}
std::uint64_t exchange(std::uint64_t, std::uint64_t b, std::uint64_t, bool) {
  return b;
}
std::uint64_t compare_and_swap(std::uint64_t old, std::uint64_t b, std::uint64_t c, bool) {
  return old == b ? c : old;
}
std::uint64_t increment(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return old >= b ? 0 : old + 1;
}
std::uint64_t decrement(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return old == 0 || old > b ? b : old - 1;
}

float flushed(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value;
}

/// atom.add.f32 flushes subnormal numbers in global memory, and not in shared memory (PTX ISA, atom).
std::uint64_t add_f32(std::uint64_t old, std::uint64_t b, std::uint64_t, bool shared) {
  const auto x = as<float>(old);
  const auto y = as<float>(b);
  return bits(shared ? x + y : flushed(flushed(x) + flushed(y)));
}
std::uint64_t add_f64(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return bits(as<double>(old) + as<double>(b));
}

float half_to_float(std::uint32_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1fu;
  const std::uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -magnitude : magnitude;
}

std::uint32_t float_to_half(float value) {
  const auto word = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = word >> 16 & 0x8000u;
  const std::uint32_t magnitude = word & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0x7fffu;
  if (magnitude >= 0x477ff000u)  // from 65520 on: infinity
    return sign | 0x7c00u;
  if (magnitude < 0x38800000u)  // subnormal in half: units of 2^-24, rounded to even
    return sign | static_cast<std::uint32_t>(std::nearbyint(std::ldexp(std::bit_cast<float>(magnitude), 24)));
  const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return sign | (rounded - 0x38000000u) >> 13;
}

float bfloat_to_float(std::uint32_t value) {
  return std::bit_cast<float>(value << 16);
}

std::uint32_t float_to_bfloat(float value) {
  const auto word = std::bit_cast<std::uint32_t>(value);
  if ((word & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
  return (word + 0x7fffu + (word >> 16 & 1u)) >> 16;
}

// A sum of two halves in float is rounded once more without harm: 24 bits are at least twice 11 and two.
std::uint32_t add_half(std::uint64_t x, std::uint64_t y) {
  return float_to_half(half_to_float(static_cast<std::uint32_t>(x & 0xffffu)) +
                       half_to_float(static_cast<std::uint32_t>(y & 0xffffu)));
}
std::uint32_t add_bfloat(std::uint64_t x, std::uint64_t y) {
  return float_to_bfloat(bfloat_to_float(static_cast<std::uint32_t>(x & 0xffffu)) +
                         bfloat_to_float(static_cast<std::uint32_t>(y & 0xffffu)));
}
std::uint64_t add_f16(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return add_half(old, b);
}
std::uint64_t add_bf16(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return add_bfloat(old, b);
}
std::uint64_t add_f16x2(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return add_half(old, b) | add_half(old >> 16, b >> 16) << 16;
}
std::uint64_t add_bf16x2(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
  return add_bfloat(old, b) | add_bfloat(old >> 16, b >> 16) << 16;
}

struct AtomicPlace {
  std::byte* pointer = nullptr;
  bool shared = false;
};

/// Where one lane's atomic acts, checked and in the footprint.
AtomicPlace atomic_place(MemorySpace space, const Instruction& instruction, Warp& warp, int lane, std::uint64_t address,
                         std::uint32_t bytes) {
  LaunchState& launch = *warp.launch;
  const bool in_shared =
      space == MemorySpace::shared || (space == MemorySpace::generic && address - shared_window < window_bytes);
  if (in_shared) {
    const std::uint64_t offset = space == MemorySpace::shared ? address : address - shared_window;
    const std::uint32_t size = warp.block->shared_bytes;
    if (offset % bytes != 0 || bytes > size || offset > size - bytes)
      throw_window_fault("shared", size, lane, offset, bytes);
    return {warp.block->shared + offset, true};
  }
  AllocationView* const view = address % bytes == 0 ? view_of(launch, instruction.pc, address, bytes) : nullptr;
  if (view == nullptr) throw_global_fault(launch, lane, address, bytes);
  const std::uint64_t offset = address - view->start;
  mark_bytes(view->written, offset, bytes);
  if (view->read != nullptr) mark_bytes(view->read, offset, bytes);
  return {view->data + offset, false};
}

std::uint64_t source_bits(const Warp& warp, Operand operand, int lane, std::uint32_t bytes) {
  if (bytes == 8) return warp.source_as<std::uint64_t>(operand)[lane];
  const std::uint32_t value = warp.source_as<std::uint32_t>(operand)[lane];
  return bytes == 2 ? value & 0xffffu : value;
}

/// Counts a request and tells the sanitizer.
void account(const Instruction& instruction, Warp& warp, Mask global, Mask shared, const std::uint64_t* address,
             std::uint32_t bytes) {
  LaunchState& launch = *warp.launch;
  std::uint32_t offset[warp_lanes];
  for (int lane = 0; lane < warp_lanes; ++lane)
    offset[lane] =
        static_cast<std::uint32_t>(address[lane] >= shared_window ? address[lane] - shared_window : address[lane]);
  if (launch.sanitize && global != 0) {
    check_global_read(instruction, warp, global, address, bytes);
    note_global_write(instruction, warp, global, address, bytes);
  }
  if (launch.sanitize && shared != 0) {
    check_shared_read(instruction, warp, shared, offset, bytes, Access::strong);
    check_shared_write(instruction, warp, shared, offset, bytes, Access::strong, nullptr);
  }
  if (!launch.count) return;
  if (global != 0) {
    ++launch.counters.global_atomic_requests;
    launch.counters.global_bytes_moved += count_sectors(address, global) * sector_bytes;
  }
  if (shared != 0) {
    const Wavefronts wavefronts = count_wavefronts(offset, shared, bytes);
    ++launch.counters.shared_store_requests;
    launch.counters.shared_wavefronts += wavefronts.taken;
    launch.counters.shared_wavefronts_ideal += wavefronts.ideal;
  }
}

/// Lanes act in order, which hardware leaves open.
template <MemorySpace Space, bool Reduction, std::uint32_t Bytes, Apply Combine>
void atomic(const Instruction& instruction, Warp& warp, Mask active) {
  constexpr unsigned at = Reduction ? 0 : 1;
  const bool word = (instruction.negated >> at & 1u) != 0;
  constexpr bool third = Combine == compare_and_swap;
  std::uint64_t address[warp_lanes] = {};
  std::uint64_t old[warp_lanes] = {};
  Mask shared = 0;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const Operand base = instruction.operand[at];
    address[lane] = (word ? warp.source_as<std::uint32_t>(base)[lane] : warp.source_as<std::uint64_t>(base)[lane]) +
                    static_cast<std::uint64_t>(instruction.immediate);
  }
  const auto combine_lane = [&](int lane) {
    const AtomicPlace place = atomic_place(Space, instruction, warp, lane, address[lane], Bytes);
    shared |= place.shared ? 1u << lane : 0u;
    std::memcpy(&old[lane], place.pointer, Bytes);
    const std::uint64_t b = source_bits(warp, instruction.operand[at + 1], lane, Bytes);
    const std::uint64_t c = third ? source_bits(warp, instruction.operand[at + 2], lane, Bytes) : 0;
    const std::uint64_t value = Combine(old[lane], b, c, place.shared);
    std::memcpy(place.pointer, &value, Bytes);
  };
  for (Mask rest = active; rest != 0; rest &= rest - 1)
    combine_lane(std::countr_zero(rest));
  account(instruction, warp, active & ~shared, shared, address, Bytes);
  if constexpr (!Reduction)
    for (Mask rest = active; rest != 0; rest &= rest - 1) {
      const int lane = std::countr_zero(rest);
      if constexpr (Bytes == 8)
        warp.destination<std::uint64_t>(instruction.operand[0])[lane] = old[lane];
      else
        warp.destination<std::uint32_t>(instruction.operand[0])[lane] = static_cast<std::uint32_t>(old[lane]);
    }
}

/// One operation on one type.
struct AtomicOperation {
  std::string_view name;  ///< "add.u32"
  std::uint32_t bytes;
  Handler handler[3][2];  ///< [generic, global, shared][reduction]
};

template <std::uint32_t Bytes, Apply Combine>
constexpr AtomicOperation operation(std::string_view name) {
  return {name,
          Bytes,
          {{atomic<MemorySpace::generic, false, Bytes, Combine>, atomic<MemorySpace::generic, true, Bytes, Combine>},
           {atomic<MemorySpace::global, false, Bytes, Combine>, atomic<MemorySpace::global, true, Bytes, Combine>},
           {atomic<MemorySpace::shared, false, Bytes, Combine>, atomic<MemorySpace::shared, true, Bytes, Combine>}}};
}

constexpr AtomicOperation operations[] = {
    operation<4, add_integer<std::uint32_t>>("add.u32"),
    operation<4, add_integer<std::uint32_t>>("add.s32"),
    operation<8, add_integer<std::uint64_t>>("add.u64"),
    operation<4, add_f32>("add.f32"),
    operation<8, add_f64>("add.f64"),
    operation<2, add_f16>("add.noftz.f16"),
    operation<4, add_f16x2>("add.noftz.f16x2"),
    operation<2, add_bf16>("add.noftz.bf16"),
    operation<4, add_bf16x2>("add.noftz.bf16x2"),
    operation<4, minimum<std::uint32_t>>("min.u32"),
    operation<4, minimum<std::int32_t>>("min.s32"),
    operation<8, minimum<std::uint64_t>>("min.u64"),
    operation<8, minimum<std::int64_t>>("min.s64"),
    operation<4, maximum<std::uint32_t>>("max.u32"),
    operation<4, maximum<std::int32_t>>("max.s32"),
    operation<8, maximum<std::uint64_t>>("max.u64"),
    operation<8, maximum<std::int64_t>>("max.s64"),
    operation<4, increment>("inc.u32"),
    operation<4, decrement>("dec.u32"),
    operation<4, both>("and.b32"),
    operation<8, both>("and.b64"),
    operation<4, either>("or.b32"),
    operation<8, either>("or.b64"),
    operation<4, differ>("xor.b32"),
    operation<8, differ>("xor.b64"),
    operation<4, exchange>("exch.b32"),
    operation<8, exchange>("exch.b64"),
    operation<2, compare_and_swap>("cas.b16"),
    operation<4, compare_and_swap>("cas.b32"),
    operation<8, compare_and_swap>("cas.b64"),
};

bool returns_only(std::string_view name) {
  return name.starts_with("exch") || name.starts_with("cas");
}

}  // namespace

std::optional<Form> find_atomic_form(bool reduction, std::span<const std::string_view> words) {
  std::size_t used = 0;
  const std::optional<MemoryModifiers> modifiers = read_memory_modifiers(words, used);
  if (!modifiers || modifiers->non_coherent || modifiers->cache || modifiers->semantics == "weak" ||
      modifiers->semantics == "volatile" || modifiers->semantics == "mmio")
    return {};
  if (reduction && (modifiers->semantics == "acquire" || modifiers->semantics == "acq_rel")) return {};
  int space = 0;
  if (modifiers->space == MemorySpace::global)
    space = 1;
  else if (modifiers->space == MemorySpace::shared)
    space = 2;
  else if (modifiers->space != MemorySpace::generic)
    return {};
  bool hint = modifiers->cache_hint;
  std::string name;
  for (const std::string_view word : words.subspan(used)) {
    // atom.global.add.L2::cache_hint.u32: the hint stands after the operation.
    if (word == "L2::cache_hint" && !hint && !name.empty()) {
      hint = true;
      continue;
    }
    name += (name.empty() ? "" : ".") + std::string(word);
  }
  for (const AtomicOperation& candidate : operations) {
    if (candidate.name != name || (reduction && returns_only(name))) continue;
    const std::optional<ElementWord> element = read_element(name.substr(name.rfind('.') + 1), true);
    Form form;
    form.kind = Class::memory;
    form.run = candidate.handler[space][reduction ? 1 : 0];
    OperandForm data = data_operand(*element, false, 0);
    data.may_be_wider = false;
    if (!reduction) {
      form.operands.push_back(data);
      form.operands.back().destination = true;
    }
    form.operands.push_back(address_operand());
    form.operands.push_back(data);
    if (name.starts_with("cas")) form.operands.push_back(data);
    if (hint) form.operands.push_back(policy_operand());
    return form;
  }
  return {};
}

std::vector<std::string> known_atomic_forms() {
  std::vector<std::string> forms;
  for (const std::string_view space : {"", ".global", ".shared"})
    for (const AtomicOperation& known : operations) {
      forms.push_back(fmt::format("atom{}.{}", space, known.name));
      if (!returns_only(known.name)) forms.push_back(fmt::format("red{}.{}", space, known.name));
    }
  return forms;
}

}  // namespace attest::emulator
