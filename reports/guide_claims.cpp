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
#include "reports/guide_tally.hpp"

namespace attest::reports {
namespace {

constexpr double standard_is_fine_to = 4096;
constexpr double least_speed_length = 512;  // where the figures of the FlashAttention papers begin

std::string bytes(double value) {
  return format_number(value, {NumberFormat::Style::bytes, 3});
}
std::string seconds(double value) {
  return format_number(value, {NumberFormat::Style::seconds, 3});
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
      tally.add(wrong ? ClaimAnswer::does_not_hold : ClaimAnswer::holds, std::max(0.0, view->error_over_bound()),
                *view);
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
      {"A sliding window makes the work O(n*w)",
       "at a fixed window the exponent of the FLOPs that the emulator saw executed, from the window's length on, lies "
       "below 1.5, nearer to n than to n^2",
       window_work_is_linear},
      {"A sliding window makes the time grow as n",
       "at a fixed window the 95% interval of the exponent lies below 1.5, nearer to n than to n^2; against it where "
       "it lies above",
       window_time_is_linear},
      {"Cross-attention costs sq*skv",
       "over sq*skv, three products or more, the exponent of executed FLOPs (emulated) or the 95% interval of that of "
       "time lies within 0.5 and 1.5, nearer to 1 than to 0 or 2; against it where it lies outside",
       cross_cost_is_a_product},
      {"Linear attention is sub-quadratic",
       "the 95% interval of the exponent of time lies below 2; against it where it lies above", linear_is_subquadratic},
      {"Linear attention trades quality for speed",
       "where both were timed on one problem, at its greatest length: clearly faster than every softmax kernel, and "
       "its "
       "distance from softmax attention on the same inputs, both in double, more than the rounding of its type; "
       "against it where it is clearly slower, or no further than that",
       linear_trades_quality_for_speed}};
  return claims;
}

}  // namespace attest::reports
