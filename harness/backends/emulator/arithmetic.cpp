#include "harness/backends/emulator/arithmetic.hpp"

#include <algorithm>
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

FormSink make_table(Isa isa) {
  FormSink sink;
  switch (isa) {
    case Isa::portable:
      add_arithmetic_forms_portable(sink);
      add_comparison_forms_portable(sink);
      add_conversion_forms_portable(sink);
      add_special_forms_portable(sink);
      add_mma_forms_portable(sink);
      add_cross_lane_forms_portable(sink);
      break;
    case Isa::avx2:
      add_arithmetic_forms_avx2(sink);
      add_comparison_forms_avx2(sink);
      add_conversion_forms_avx2(sink);
      add_special_forms_avx2(sink);
      add_mma_forms_avx2(sink);
      add_cross_lane_forms_avx2(sink);
      break;
    case Isa::avx512:
      add_arithmetic_forms_avx512(sink);
      add_comparison_forms_avx512(sink);
      add_conversion_forms_avx512(sink);
      add_special_forms_avx512(sink);
      add_mma_forms_avx512(sink);
      add_cross_lane_forms_avx512(sink);
      break;
  }
  sink.sort();
  return sink;
}

const FormSink& table_of(Isa isa) {
  static const FormSink portable = make_table(Isa::portable);
  if (isa == Isa::avx2) {
    static const FormSink avx2 = make_table(Isa::avx2);
    return avx2;
  }
  if (isa == Isa::avx512) {
    static const FormSink avx512 = make_table(Isa::avx512);
    return avx512;
  }
  return portable;
}

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
  const auto twice =
      std::adjacent_find(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.name == b.name; });
  if (twice != rows_.end()) throw std::logic_error("form " + twice->name + " is defined twice");
}

const FormSink::Row* FormSink::find(const std::string& name) const {
  const auto found = std::lower_bound(rows_.begin(), rows_.end(), name,
                                      [](const Row& row, const std::string& wanted) { return row.name < wanted; });
  return found != rows_.end() && found->name == name ? &*found : nullptr;
}

std::optional<Form> find_arithmetic_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa,
                                         const ArithmeticModel& model) {
  std::string name(opcode);
  for (const std::string_view modifier : modifiers) {
    name += '.';
    name += modifier;
  }
  const FormSink::Row* const row = table_of(isa).find(name);
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
