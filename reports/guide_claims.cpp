// A claim holds when every case that the store has for it does; one clear counterexample refutes it.
#include "reports/guide_claims.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "harness/core/counts.hpp"
#include "harness/measure/comparison.hpp"
#include "harness/measure/growth.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr double standard_is_fine_to = 4096;
constexpr double least_speed_length = 512;  // where the figures of the FlashAttention papers begin
constexpr std::size_t least_lengths = 3;

std::string number(double value) {
  return format_number(value, {NumberFormat::Style::significant, 3});
}
std::string bytes(double value) {
  return format_number(value, {NumberFormat::Style::bytes, 3});
}
std::string seconds(double value) {
  return format_number(value, {NumberFormat::Style::seconds, 3});
}

/// Cases of one claim, counted.
struct Tally {
  long holding = 0, against = 0, open = 0;
  double least = std::numeric_limits<double>::infinity(), greatest = -std::numeric_limits<double>::infinity();
  std::set<std::string> kernels, types, backends;
  double from = std::numeric_limits<double>::infinity(), to = 0;  // lengths

  void add(ClaimAnswer answer, double figure, const View& view) {
    (answer == ClaimAnswer::holds ? holding : answer == ClaimAnswer::does_not_hold ? against : open) += 1;
    least = std::min(least, figure);
    greatest = std::max(greatest, figure);
    saw(view);
  }
  void saw(const View& view) {
    kernels.insert(view.record->key.kernel);
    types.insert(std::string(name_of(view.problem.dtype)));
    backends.insert(view.record->key.backend);
    from = std::min(from, view.length);
    to = std::max(to, view.length);
  }
  long cases() const { return holding + against + open; }
  ClaimAnswer answer() const {
    if (cases() == 0) return ClaimAnswer::not_measured;
    return against > 0 ? ClaimAnswer::does_not_hold : open > 0 ? ClaimAnswer::unclear : ClaimAnswer::holds;
  }
  std::string range() const { return least == greatest ? number(least) : number(least) + " to " + number(greatest); }
  std::string counts() const {
    if (against == 0 && open == 0) return holding == 1 ? "in the one case" : fmt::format("in all {} cases", holding);
    return fmt::format("holds in {} of {} cases, clearly not in {}", holding, cases(), against);
  }
  std::string conditions() const {
    std::string text;
    for (const auto* names : {&kernels, &types, &backends}) {
      for (const std::string& name : *names)
        text += (text.empty() ? "" : ", ") + name;
    }
    if (kernels.empty()) return text;
    text += "; " + (from == to ? "length " + format_length(to)
                               : "lengths " + format_length(from) + " to " + format_length(to));
    return text;
  }
};

Finding not_measured(std::string what) {
  return {ClaimAnswer::not_measured, std::move(what), ""};
}

bool is_square(const View& view) {
  return view.problem.seq_q == view.problem.seq_kv;
}

/// Views of a variant that `fits`, by kernel and family, in the order of the lengths.
std::vector<Group> curves(const Study& study, const std::string& variant, bool (*fits)(const View&)) {
  return group_views(study, [&](const View& view) {
    return view.variant == variant && view.passed() && fits(view) ? view.record->key.kernel + "\n" + view.family
                                                                  : std::string();
  });
}

/// Cells of two variants on the same problem, inputs, threads and backend.
struct Couple {
  std::vector<const View*> first, second;
};
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

Finding standard_is_fine(const Study& study) {
  Tally tally;
  const View* longest = nullptr;
  for (const View& view : study.views) {
    const Outcome outcome = view.record->verdict.outcome;
    if (view.variant != "standard" || !is_square(view) || view.length > standard_is_fine_to) continue;
    if (outcome == Outcome::unsupported) continue;
    tally.add(view.passed() ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, view.length, view);
    if (view.passed() && (longest == nullptr || view.length > longest->length)) longest = &view;
  }
  if (tally.cases() == 0) return not_measured("no cell of standard attention");
  if (tally.against == 0 && tally.to < standard_is_fine_to) {
    return {ClaimAnswer::not_measured,
            fmt::format("all {} cells passed, the longest at {}", tally.holding, format_length(tally.to)),
            tally.conditions()};
  }
  std::string figures = tally.counts();
  if (longest != nullptr) {
    figures += fmt::format("; at {} ({}): workspace {}", format_length(longest->length), longest->record->key.kernel,
                           bytes(static_cast<double>(longest->record->workspace_bytes_measured)));
    if (longest->timing() != nullptr) figures += ", " + seconds(longest->timing()->seconds_median);
  }
  return {tally.answer(), figures, tally.conditions()};
}

Finding flash_gives_the_same(const Study& study) {
  Tally tally;
  for (const auto& [shape, couple] : couples(study, "flash2", "standard")) {
    const bool base =
        std::any_of(couple.second.begin(), couple.second.end(), [](const View* view) { return view->passed(); });
    if (!base) continue;
    for (const View* view : couple.first) {
      const Outcome outcome = view->record->verdict.outcome;
      const bool wrong = outcome == Outcome::failed || outcome == Outcome::crashed;
      if (!wrong && (!view->passed() || view->record->accuracy.outputs.empty())) continue;
      const double figure =
          view->record->accuracy.outputs.empty() ? 0 : view->record->accuracy.outputs.front().error_over_bound;
      tally.add(wrong ? ClaimAnswer::does_not_hold : ClaimAnswer::holds, figure, *view);
    }
  }
  if (tally.cases() == 0) return not_measured("no problem on which both were checked");
  return {tally.answer(), fmt::format("{}; error / bound {}", tally.counts(), tally.range()), tally.conditions()};
}

/// Standard's time over flash2's at the greatest length of every family, against a bound on one side.
Finding flash_speed(const Study& study, double bound, bool at_least) {
  struct Race {
    const View *flash = nullptr, *base = nullptr;
  };
  std::map<std::string, Race> longest;
  for (const auto& [shape, couple] : couples(study, "flash2", "standard")) {
    Race race;
    const auto fastest = [](const std::vector<const View*>& views) {
      const View* best = nullptr;
      for (const View* view : views) {
        if (view->timing() == nullptr || view->samples().empty()) continue;
        if (best == nullptr || view->timing()->seconds_median < best->timing()->seconds_median) best = view;
      }
      return best;
    };
    race = {fastest(couple.first), fastest(couple.second)};
    if (race.flash == nullptr || race.base == nullptr || !is_square(*race.flash)) continue;
    if (race.flash->length < least_speed_length) continue;
    Race& known = longest[race.flash->family];
    if (known.flash == nullptr || race.flash->length > known.flash->length) known = race;
  }
  Tally tally;
  std::set<std::string> bases;
  for (const auto& [family, race] : longest) {
    const Comparison comparison = compare_samples(race.flash->samples(), race.base->samples());
    const attest::Interval& interval = comparison.ratio_interval;
    const bool holds = at_least ? interval.low >= bound : interval.high <= bound;
    const bool against = at_least ? interval.high < bound : interval.low > bound;
    const ClaimAnswer answer = !comparison.enough ? ClaimAnswer::unclear
                               : holds            ? ClaimAnswer::holds
                               : against          ? ClaimAnswer::does_not_hold
                                                  : ClaimAnswer::unclear;
    tally.add(answer, comparison.ratio, *race.flash);
    bases.insert(race.base->record->key.kernel);
  }
  if (tally.cases() == 0) return not_measured("no problem of 512 tokens or more on which both were timed");
  std::string over;
  for (const std::string& base : bases)
    over += (over.empty() ? " over " : ", ") + base;
  return {tally.answer(), fmt::format("{} times as fast, {}", tally.range(), tally.counts()),
          tally.conditions() + over};
}

Finding flash_is_twice_as_fast(const Study& study) {
  return flash_speed(study, 2, true);
}
Finding flash_is_at_most_four_times_as_fast(const Study& study) {
  return flash_speed(study, 4, false);
}

/// Growth of the workspace between the ends of every curve, over the growth of the length.
Finding flash_memory_is_linear(const Study& study) {
  Tally tally;
  for (const auto& [name, views] : curves(study, "flash2", is_square)) {
    const View &first = *views.front(), &last = *views.back();
    const auto start = static_cast<double>(first.record->workspace_bytes_measured);
    const auto end = static_cast<double>(last.record->workspace_bytes_measured);
    if (!(last.length > first.length) || start < 0 || end < 0) continue;
    const double growth = start > 0 ? end / start : end > 0 ? std::numeric_limits<double>::infinity() : 0;
    const double share = growth / (last.length / first.length);
    tally.add(share <= 1 ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, share, last);
    tally.saw(first);
  }
  if (tally.cases() == 0) return not_measured("no kernel at two lengths of one problem");
  return {tally.answer(),
          fmt::format("workspace grew by {} times the growth of the length, {}", tally.range(), tally.counts()),
          tally.conditions()};
}

Finding groups_divide_the_cache(const Study& study) {
  Tally tally;
  std::map<std::string, std::vector<const View*>> heads;
  for (const View& view : study.views) {
    if (!view.passed() || !view.problem.parameters.empty()) continue;
    const CellKey& key = view.record->key;
    heads[key.kernel + " " + key.backend + " " + key.inputs + " " + drop_tokens(key.problem, {"hkv"})].push_back(&view);
  }
  for (const auto& [name, views] : heads) {
    const auto whole =
        std::find_if(views.begin(), views.end(), [](const View* view) { return view->problem.group() == 1; });
    if (whole == views.end()) continue;
    for (const View* view : views) {
      if (view->problem.group() == 1) continue;
      const double divided = cache_bytes(**whole) / cache_bytes(*view);
      const double share = divided / static_cast<double>(view->problem.group());
      tally.add(share == 1 ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, share, *view);
    }
  }
  if (tally.cases() == 0) return not_measured("no kernel on one problem with and without groups");
  return {tally.answer(),
          fmt::format("bytes of K and V without groups over with them: {} times the group, {}", tally.range(),
                      tally.counts()),
          tally.conditions()};
}

bool has_plain_window(const View& view) {
  return is_square(view) && view.problem.has_window() && view.problem.parameters.empty();
}

Finding window_work_is_linear(const Study& study) {
  Tally tally;
  for (const View& view : study.views) {
    if (view.variant != "sliding_window" || !view.passed() || !has_plain_window(view) || !(view.record->flops > 0))
      continue;
    const Problem& problem = view.problem;
    const double sides =
        static_cast<double>(problem.window.left) + 1 + std::max<double>(0, static_cast<double>(problem.window.right));
    if (problem.window.left < 0 || (!problem.causal && problem.window.right < 0)) continue;
    const double most = 2.0 *
                        static_cast<double>((problem.head_dim + problem.head_dim_v) * problem.batch * problem.heads_q) *
                        view.length * std::min(sides, view.length);
    const double share = view.record->flops / most;
    tally.add(share <= 1 ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, share, view);
  }
  if (tally.cases() == 0) return not_measured("no cell with a window");
  return {tally.answer(), fmt::format("exact FLOPs over those of n*w pairs: {}, {}", tally.range(), tally.counts()),
          tally.conditions()};
}

/// Exponents of time over all curves of a variant, held against a limit.
Finding exponent_under(const Study& study, const std::string& variant, bool (*fits)(const View&), double limit) {
  Tally tally;
  for (const auto& [name, views] : curves(study, variant, fits)) {
    std::vector<GrowthPoint> points;
    for (const View* view : views) {
      if (view->timing() != nullptr && !view->samples().empty())
        points.push_back({.length = view->length, .samples = view->samples(), .width = 0});
    }
    if (distinct_lengths(points) < least_lengths) continue;
    const PowerFit fit = fit_power(points);
    if (!fit.exponent_interval) continue;
    const ClaimAnswer answer = fit.exponent_interval->high < limit   ? ClaimAnswer::holds
                               : fit.exponent_interval->low >= limit ? ClaimAnswer::does_not_hold
                                                                     : ClaimAnswer::unclear;
    tally.add(answer, fit.exponent, *views.back());
    tally.saw(*views.front());
  }
  if (tally.cases() == 0) return not_measured("no kernel timed at three lengths of one problem");
  return {tally.answer(), fmt::format("exponent of time {}, {}", tally.range(), tally.counts()), tally.conditions()};
}

Finding window_time_is_linear(const Study& study) {
  return exponent_under(study, "sliding_window", has_plain_window, 1.5);
}

bool is_cross(const View& view) {
  const Problem& problem = view.problem;
  return !is_square(view) && !problem.decodes() && !problem.causal && !problem.has_window() &&
         problem.parameters.empty();
}

Finding cross_work_is_a_product(const Study& study) {
  Tally tally;
  for (const View& view : study.views) {
    const Problem& problem = view.problem;
    if (!view.passed() || !view.function_class.empty() || !is_cross(view) || !(view.record->flops > 0)) continue;
    const double product =
        2.0 * static_cast<double>((problem.head_dim + problem.head_dim_v) * problem.batch * problem.heads_q) *
        static_cast<double>(problem.seq_q) * static_cast<double>(problem.seq_kv);
    const double share = view.record->flops / product;
    tally.add(share == 1 ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, share, view);
  }
  if (tally.cases() == 0) return not_measured("no cell with two lengths");
  return {tally.answer(), fmt::format("exact FLOPs over 2 (d + dv) hq b sq skv: {}, {}", tally.range(), tally.counts()),
          tally.conditions()};
}

Finding linear_is_subquadratic(const Study& study) {
  return exponent_under(study, "linear", is_square, 2);
}

Finding linear_loses_quality(const Study& study) {
  Tally tally;
  for (const View& view : study.views) {
    const auto& approximation = view.record->accuracy.approximation;
    if (!view.passed() || !approximation || approximation->rows == 0) continue;
    const bool beyond = approximation->relative_l2 > unit_roundoff(view.problem.dtype);
    tally.add(beyond ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, approximation->relative_l2, view);
  }
  if (tally.cases() == 0) return not_measured("no cell of linear attention with its distance from softmax attention");
  return {tally.answer(),
          fmt::format("relative L2 distance from softmax attention: {}, {}", tally.range(), tally.counts()),
          tally.conditions()};
}

}  // namespace

double cache_bytes(const View& view) {
  const Problem& problem = view.problem;
  const auto rows = static_cast<double>(problem.batch * problem.heads_q * problem.seq_q);
  const auto width =
      static_cast<double>((problem.head_dim + problem.head_dim_v) * static_cast<std::int64_t>(size_of(problem.dtype)));
  return static_cast<double>(view.record->tensor_bytes) - rows * (width + 4);
}

const std::vector<Claim>& selection_claims() {
  static const std::vector<Claim> claims = {
      {"Standard attention is fine up to 4096 tokens",
       "every cell up to 4096, and one at 4096, passes within the memory and the time it was given", standard_is_fine},
      {"FlashAttention-2 gives the same output as standard attention",
       "where standard passed, flash2 is within the bound derived for each element of the same reference",
       flash_gives_the_same},
      {"FlashAttention-2 is at least 2 times as fast",
       "at the greatest length of every problem, from 512: the 95% interval of the fastest standard kernel's time over "
       "flash2's "
       "lies at or above 2; against it where it lies below",
       flash_is_twice_as_fast},
      {"FlashAttention-2 is at most 4 times as fast",
       "the same interval lies at or below 4; against it where it lies above", flash_is_at_most_four_times_as_fast},
      {"FlashAttention-2 needs O(n) memory",
       "from the shortest length to the longest the workspace grows no faster than the length", flash_memory_is_linear},
      {"Grouped queries divide the KV cache by the group",
       "the bytes of K and V of the same kernel and problem without groups are exactly the group times as many",
       groups_divide_the_cache},
      {"A sliding window makes the work O(n*w)", "exact FLOPs are at most those of n*w pairs", window_work_is_linear},
      {"A sliding window makes the time grow as n",
       "at a fixed window the 95% interval of the exponent lies below 1.5, nearer to n than to n^2; against it where "
       "it lies above",
       window_time_is_linear},
      {"Cross-attention costs sq*skv", "exact FLOPs are exactly those of sq*skv pairs", cross_work_is_a_product},
      {"Linear attention is sub-quadratic",
       "the 95% interval of the exponent of time lies below 2; against it where it lies above", linear_is_subquadratic},
      {"Linear attention trades quality for speed",
       "its distance from softmax attention on the same inputs, both in double, is more than the rounding of its type",
       linear_loses_quality}};
  return claims;
}

}  // namespace attest::reports
