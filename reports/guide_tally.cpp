#include "reports/guide_tally.hpp"

#include <fmt/format.h>

#include "reports/format.hpp"

namespace attest::reports {

std::string number(double value) {
  return format_number(value, {NumberFormat::Style::significant, 3});
}

void Tally::add(ClaimAnswer answer, double figure, const View& view) {
  (answer == ClaimAnswer::holds ? holding : answer == ClaimAnswer::does_not_hold ? against : open) += 1;
  least = std::min(least, figure);
  greatest = std::max(greatest, figure);
  saw(view);
}

void Tally::saw(const View& view) {
  kernels.insert(view.record->key.kernel);
  types.insert(std::string(name_of(view.problem.dtype)));
  backends.insert(view.record->key.backend);
  from = std::min(from, view.length);
  to = std::max(to, view.length);
}

ClaimAnswer Tally::answer() const {
  if (cases() == 0) return ClaimAnswer::not_measured;
  return against > 0 ? ClaimAnswer::does_not_hold : open > 0 ? ClaimAnswer::unclear : ClaimAnswer::holds;
}

std::string Tally::counts() const {
  if (against == 0 && open == 0) return holding == 1 ? "in the one case" : fmt::format("in all {} cases", holding);
  return fmt::format("holds in {} of {} cases, clearly not in {}", holding, cases(), against);
}

std::string Tally::conditions() const {
  std::string text;
  for (const auto* names : {&kernels, &types, &backends}) {
    for (const std::string& name : *names)
      text += (text.empty() ? "" : ", ") + name;
  }
  if (kernels.empty()) return text;
  text += "; " +
          (from == to ? "length " + format_length(to) : "lengths " + format_length(from) + " to " + format_length(to));
  return text;
}

std::string Tally::range() const {
  const std::string low = number(least), high = number(greatest);
  return low == high ? low : low + " to " + high;
}

Finding not_measured(std::string what) {
  return {ClaimAnswer::not_measured, std::move(what), ""};
}

bool is_square(const View& view) {
  return view.problem.seq_q == view.problem.seq_kv;
}

std::vector<Group> curves(const Study& study, const std::string& variant, bool (*fits)(const View&)) {
  return group_views(study, [&](const View& view) {
    return view.variant == variant && view.passed() && fits(view) ? view.record->key.kernel + "\n" + view.family
                                                                  : std::string();
  });
}

std::map<std::string, Couple> couples(const Study& study, const std::string& first, const std::string& second) {
  std::map<std::string, Couple> all;
  for (const View& view : study.views) {
    const CellKey& key = view.record->key;
    if (view.variant == first) all[key.backend + " " + key.shape_text()].first.push_back(&view);
    if (view.variant == second) all[key.backend + " " + key.shape_text()].second.push_back(&view);
  }
  std::erase_if(all, [](const auto& entry) { return entry.second.first.empty() || entry.second.second.empty(); });
  return all;
}

}  // namespace attest::reports
