#include "harness/backends/emulator/draft.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace attest::emulator {

SlotArray::SlotArray(std::size_t slots) : slots_(slots) {
  const std::size_t bytes = std::max<std::size_t>(slots, 1) * slot_bytes;
  bytes_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{slot_bytes})));
  std::memset(bytes_.get(), 0, bytes);
}

void SlotArray::Free::operator()(std::byte* bytes) const {
  ::operator delete (bytes, std::align_val_t{slot_bytes});
}

Reference ConstantPool::add(std::uint64_t value, bool pair, bool dynamic) {
  const std::uint32_t slot = next_;
  next_ += pair ? 2 : 1;
  constants_.push_back({.value = value, .pair = pair, .dynamic = dynamic, .slot = slot});
  return fixed_reference | slot;
}

Reference ConstantPool::word(std::uint32_t value) {
  const auto [found, is_new] = words_.try_emplace(value, 0);
  if (is_new) found->second = add(value, false, false);
  return found->second;
}

Reference ConstantPool::pair(std::uint64_t value) {
  const auto [found, is_new] = pairs_.try_emplace(value, 0);
  if (is_new) found->second = add(value, true, false);
  return found->second;
}

Reference ConstantPool::dynamic_shared(std::uint64_t addend, Place place) {
  const bool pair = place == Place::pair;
  const auto [found, is_new] = dynamics_.try_emplace(addend << 1 | (pair ? 1u : 0u), 0);
  if (is_new) found->second = add(addend, pair, true);
  return found->second;
}

void ConstantPool::set_dynamic_shared(std::uint64_t offset) {
  for (Constant& constant : constants_) {
    if (!constant.dynamic) continue;
    constant.value += offset;
    constant.dynamic = false;
  }
}

SlotArray ConstantPool::slots() const {
  SlotArray array(next_);
  for (const Constant& constant : constants_) {
    std::byte* const slot = array.data() + constant.slot * slot_bytes;
    const std::size_t width = constant.pair ? sizeof(std::uint64_t) : sizeof(std::uint32_t);
    for (int lane = 0; lane < warp_lanes; ++lane)
      std::memcpy(slot + static_cast<std::size_t>(lane) * width, &constant.value, width);
  }
  return array;
}

Instruction& Draft::emit(const Form& form, std::span<const Reference> operands, const Origin& origin) {
  Instruction instruction;
  instruction.run = form.run;
  instruction.pc = static_cast<std::uint32_t>(code.size());
  instruction.flow = static_cast<std::uint8_t>(form.flow);
  DraftInstruction extra;
  extra.form = &form;
  extra.first_reference = static_cast<std::uint32_t>(references.size());
  references.insert(references.end(), operands.begin(), operands.end());
  code.push_back(instruction);
  more.push_back(extra);
  origins.push_back(origin);
  origins.back().kind = form.kind;
  origins.back().flow = form.flow;
  origins.back().lane_flops = form.lane_flops;
  origins.back().warp_flops = form.warp_flops;
  return code.back();
}

}  // namespace attest::emulator
