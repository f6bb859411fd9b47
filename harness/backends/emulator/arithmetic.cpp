#include "harness/backends/emulator/arithmetic.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

#include "harness/backends/emulator/fault.hpp"

namespace attest::emulator {
namespace {

// Written early, or of another lane size than a source: the destination must not share slots with it.
bool is_unsafe(const std::vector<OperandForm>& operands) {
  int destinations = 0;
  bool mixed = false;
  for (const OperandForm& destination : operands) {
    if (!destination.destination || destination.place == Place::predicate) continue;
    ++destinations;
    for (const OperandForm& source : operands)
      mixed |= !source.destination && source.place != Place::predicate && source.place != destination.place;
  }
  return mixed || destinations > 1;
}

std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const std::size_t dot = name.find('.', from);
    parts.push_back(name.substr(from, dot == name.npos ? dot : dot - from));
    if (dot == name.npos) return parts;
    from = dot + 1;
  }
}

bool is_type(std::string_view modifier) {
  static constexpr std::array types = {
      std::string_view("u8"),    std::string_view("s8"),    std::string_view("b8"),     std::string_view("u16"),
      std::string_view("s16"),   std::string_view("b16"),   std::string_view("u32"),    std::string_view("s32"),
      std::string_view("b32"),   std::string_view("u64"),   std::string_view("s64"),    std::string_view("b64"),
      std::string_view("f16"),   std::string_view("bf16"),  std::string_view("tf32"),   std::string_view("f32"),
      std::string_view("f64"),   std::string_view("f16x2"), std::string_view("bf16x2"), std::string_view("u16x2"),
      std::string_view("s16x2"), std::string_view("u4"),    std::string_view("s4"),     std::string_view("pred")};
  return std::find(types.begin(), types.end(), modifier) != types.end();
}
// These opcodes have two parts for ptxas too, which takes all other modifiers in any order.
bool is_half_of_opcode(std::string_view opcode, std::string_view modifier) {
  if (opcode == "cvt") return modifier == "pack";
  if (opcode == "mov") return modifier.starts_with("pack") || modifier.starts_with("unpack");
  if (opcode == "div") return modifier == "full";
  if (opcode == "mul" || opcode == "mad") return modifier == "wide" || modifier == "lo" || modifier == "hi";
  return opcode == "dp2a" || opcode == "mul24" || opcode == "mad24" || opcode == "madc" || opcode == "shf";
}

// One name for all orders in which a form may be written. Types say what happens by their order, and so do the layouts
// of mma.
std::string key_of(std::string_view opcode, std::span<const std::string_view> modifiers) {
  std::array<std::string_view, 16> loose;
  std::size_t count = 0;
  std::string key(opcode);
  std::string layouts;
  std::string types;
  bool first = true;
  for (const std::string_view modifier : modifiers) {
    if (first && is_half_of_opcode(opcode, modifier)) {
      key += '.';
      key += modifier;
    } else if (modifier == "pack" || modifier == "full" || modifier == "wide" ||
               (opcode != "setp" && opcode != "set" && (modifier == "lo" || modifier == "hi"))) {
      return {};  // of an opcode's two parts, but not in its place
    } else if (modifier == "row" || modifier == "col") {
      layouts += '.';
      layouts += modifier;
    } else if (is_type(modifier) || count == loose.size()) {
      types += '.';
      types += modifier;
    } else {
      loose[count++] = modifier;
    }
    first = false;
  }
  std::sort(loose.begin(), loose.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t k = 0; k < count; ++k) {
    key += '.';
    key += loose[k];
  }
  return key + layouts + types;
}

FormSink make_table(std::initializer_list<void (*)(FormSink&)> parts) {
  FormSink sink;
  for (const auto add : parts)
    add(sink);
  sink.sort();
  return sink;
}

#define ATTEST_TABLE(isa)                                                                                              \
  make_table({isa::add_arithmetic_forms, isa::add_comparison_forms, isa::add_conversion_forms, isa::add_special_forms, \
              isa::add_mma_forms, isa::add_cross_lane_forms})
const FormSink& table_of(Isa isa) {
  static const FormSink portable_table = ATTEST_TABLE(portable);
  if (isa == Isa::avx2) {
    static const FormSink avx2_table = ATTEST_TABLE(avx2);
    return avx2_table;
  }
  if (isa == Isa::avx512) {
    static const FormSink avx512_table = ATTEST_TABLE(avx512);
    return avx512_table;
  }
  return portable_table;
}
#undef ATTEST_TABLE

}  // namespace

void FormSink::add(std::initializer_list<const char*> name, std::span<const OperandForm> operands,
                   const FormTraits& traits) {
  Row row;
  for (const std::string_view part : name) {
    if (part.empty()) continue;
    if (!row.name.empty()) row.name += '.';
    row.name += part;
  }
  row.form.run = traits.run;
  row.form.operands.assign(operands.begin(), operands.end());
  row.form.kind = traits.kind;
  row.form.flow = traits.gathers ? Flow::gather : Flow::none;
  row.form.lane_flops = traits.lane_flops;
  row.form.warp_flops = traits.warp_flops;
  if (traits.members >= 0) row.form.members = traits.members;
  row.form.reads_before_write_unsafe = !traits.reads_first && is_unsafe(row.form.operands);
  row.wide = traits.wide;
  rows_.push_back(std::move(row));
}

void FormSink::sort() {
  std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  keys_.clear();
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::vector<std::string_view> parts = parts_of(rows_[row].name);
    keys_.push_back({.name = key_of(parts[0], std::span(parts).subspan(1)), .row = row});
  }
  std::sort(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) { return a.name < b.name; });
  const auto twice =
      std::adjacent_find(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) { return a.name == b.name; });
  if (twice != keys_.end()) throw std::logic_error("two forms are one: " + twice->name);
}

const FormSink::Row* FormSink::find(std::string_view opcode, std::span<const std::string_view> modifiers) const {
  const std::string name = key_of(opcode, modifiers);
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), name,
                                      [](const Key& key, const std::string& wanted) { return key.name < wanted; });
  return found != keys_.end() && found->name == name ? &rows_[found->row] : nullptr;
}

std::optional<Form> find_arithmetic_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa,
                                         const ArithmeticModel& model) {
  const FormSink::Row* const row = table_of(isa).find(opcode, modifiers);
  if (row == nullptr) return std::nullopt;
  Form form = row->form;
  if (model.wide_accumulation && row->wide != nullptr) form.run = row->wide;
  return form;
}

std::vector<std::string> known_arithmetic_forms() {
  std::vector<std::string> names;
  for (const FormSink::Row& row : table_of(Isa::portable).rows())
    names.push_back(row.name);
  return names;
}

void fail_inactive_lane(int lane, int source, const char* instruction) {
  throw KernelFault{
      .kind = FaultKind::inactive_lane_read,
      .lane = lane,
      .address = 0,
      .detail = fmt::format("{}: lane {} reads lane {}, which does not take part", instruction, lane, source)};
}

void fail_absent_member(Mask members, Mask active, int lane, const char* instruction) {
  throw KernelFault{.kind = FaultKind::inactive_lane_read,
                    .lane = lane,
                    .address = 0,
                    .detail = fmt::format("{}: lane {} names the lanes {:#010x}, but {:#010x} execute it", instruction,
                                          lane, members, active)};
}

}  // namespace attest::emulator
