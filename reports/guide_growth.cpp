// Claims of the selection guide on how work and time grow, and on what linear attention gives for its speed.
#include <cmath>
#include <fmt/format.h>
#include <optional>

#include "harness/measure/growth.hpp"
#include "reports/contest.hpp"
#include "reports/guide_tally.hpp"
#include "reports/ratio.hpp"

namespace attest::reports {
namespace {

/// FLOPs that the emulator saw; 0 where it did not run the cell.
double executed_flops(const View& view) {
  const auto& counts = view.record->counts;
  return counts ? counts->tensor_flops + counts->scalar_flops : 0;
}

/// Keys that a row sees at most.
double window_keys(const Problem& problem) {
  return static_cast<double>(problem.window.left) + 1 + std::max<double>(0, static_cast<double>(problem.window.right));
}

/// A window with two ends, and nothing else.
bool has_plain_window(const View& view) {
  const Window& window = view.problem.window;
  return is_square(view) && window.left >= 0 && (view.problem.causal || window.right >= 0) &&
         view.problem.parameters.empty();
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

bool is_cross(const View& view) {
  const Problem& problem = view.problem;
  return !is_square(view) && !problem.decodes() && !problem.causal && !problem.has_window() &&
         problem.parameters.empty();
}

/// Whether an exponent is nearer to 1 than to 0 or 2, by its interval where it has noise.
ClaimAnswer nearest_to_one(const PowerFit& fit, bool exact) {
  if (!exact && !fit.exponent_interval) return ClaimAnswer::unclear;
  const attest::Interval interval = exact ? attest::Interval{fit.exponent, fit.exponent} : *fit.exponent_interval;
  if (interval.low > 0.5 && interval.high < 1.5) return ClaimAnswer::holds;
  return interval.high <= 0.5 || interval.low >= 1.5 ? ClaimAnswer::does_not_hold : ClaimAnswer::unclear;
}

/// Every family's views at one length, softmax attention and linear.
struct Trade {
  const View *linear = nullptr, *softmax = nullptr;  // the fastest of each
};

std::map<std::string, Trade> trades(const Study& study) {
  std::map<std::string, std::map<double, Trade>> by_length;
  for (const View& view : study.views) {
    if (view.timing() == nullptr || view.samples().empty()) continue;
    if (view.variant != "linear" && !view.function_class.empty()) continue;
    Trade& trade = by_length[view.family][view.length];
    const View*& place = view.variant == "linear" ? trade.linear : trade.softmax;
    if (place == nullptr || view.timing()->seconds_median < place->timing()->seconds_median) place = &view;
  }
  std::map<std::string, Trade> longest;
  for (const auto& [family, lengths] : by_length) {
    for (const auto& [length, trade] : lengths)
      if (trade.linear != nullptr && trade.softmax != nullptr) longest[family] = trade;
  }
  return longest;
}

}  // namespace

Finding window_work_is_linear(const Study& study) {
  Tally tally;
  double least_share = std::numeric_limits<double>::infinity(), most_share = 0;
  for (const auto& [name, views] : curves(study, "sliding_window", has_plain_window)) {
    std::vector<GrowthPoint> points;
    const View* first = nullptr;
    for (const View* view : views) {
      const Problem& problem = view->problem;
      const double keys = window_keys(problem);
      const double executed = executed_flops(*view);
      if (!(executed > 0) || view->length < keys) continue;
      const double pairs = static_cast<double>(problem.batch * problem.heads_q) * view->length * keys;
      const double share = executed / (2.0 * static_cast<double>(problem.head_dim + problem.head_dim_v) * pairs);
      least_share = std::min(least_share, share);
      most_share = std::max(most_share, share);
      points.push_back({.length = view->length, .samples = {executed}, .width = 0});
      if (first == nullptr) first = view;
    }
    if (distinct_lengths(points) < least_lengths) continue;
    const double exponent = fit_power(points).exponent;
    tally.add(exponent < 1.5 ? ClaimAnswer::holds : ClaimAnswer::does_not_hold, exponent, *views.back());
    tally.saw(*first);
  }
  if (tally.cases() == 0) return not_measured("no kernel emulated at three lengths of one window");
  return {tally.answer(),
          fmt::format("exponent of executed FLOPs {}, {}; executed over those of n*w pairs: {} to {}", tally.range(),
                      tally.counts(), number(least_share), number(most_share)),
          tally.conditions()};
}

Finding window_time_is_linear(const Study& study) {
  return exponent_under(study, "sliding_window", has_plain_window, 1.5);
}

Finding cross_cost_is_a_product(const Study& study) {
  Tally tally;
  const auto key = [](const View& view) {
    const CellKey& cell = view.record->key;
    if (!view.passed() || !view.function_class.empty() || !is_cross(view)) return std::string();
    return cell.kernel + "\n" + cell.backend + "\n" + cell.inputs + "\n" + std::to_string(cell.threads) + "\n" +
           drop_tokens(cell.problem, {"sq", "skv"});
  };
  for (const auto& [name, views] : group_views(study, key)) {
    std::vector<GrowthPoint> points;
    bool exact = true;
    for (const View* view : views) {
      const double executed = executed_flops(*view);
      std::vector<double> samples = executed > 0 ? std::vector<double>{executed} : view->samples();
      if (samples.empty()) continue;
      exact = exact && executed > 0;
      points.push_back({.length = static_cast<double>(view->problem.seq_q * view->problem.seq_kv),
                        .samples = std::move(samples),
                        .width = 0});
    }
    if (distinct_lengths(points) < least_lengths) continue;
    const PowerFit fit = fit_power(points);
    tally.add(nearest_to_one(fit, exact), fit.exponent, *views.front());
    for (const View* view : views)
      tally.saw(*view);
  }
  if (tally.cases() == 0) return not_measured("no kernel at three products sq*skv of one problem");
  return {tally.answer(),
          fmt::format("exponent over sq*skv of executed FLOPs or time {}, {}", tally.range(), tally.counts()),
          tally.conditions()};
}

Finding linear_is_subquadratic(const Study& study) {
  return exponent_under(study, "linear", is_square, 2);
}

Finding linear_trades_quality_for_speed(const Study& study) {
  Tally tally;  // of the speed-ups
  Tally distances;
  std::set<std::string> rivals;
  for (const auto& [family, trade] : trades(study)) {
    const auto& approximation = trade.linear->record->accuracy.approximation;
    if (!approximation || approximation->rows == 0) continue;
    const bool beyond = approximation->relative_l2 > unit_roundoff(trade.linear->problem.dtype);
    const bool faster = is_clear(*trade.linear, *trade.softmax);
    const bool slower = is_clear(*trade.softmax, *trade.linear);
    const ClaimAnswer answer = !beyond || slower ? ClaimAnswer::does_not_hold
                               : faster          ? ClaimAnswer::holds
                                                 : ClaimAnswer::unclear;
    tally.add(answer, 1 / time_ratio(*trade.softmax, *trade.linear).comparison.ratio, *trade.linear);
    distances.add(answer, approximation->relative_l2, *trade.linear);
    rivals.insert(trade.softmax->record->key.kernel);
  }
  if (tally.cases() == 0) {
    return not_measured(
        "no problem on which linear attention, with its distance from softmax attention, and a softmax "
        "kernel were both timed");
  }
  std::string over;
  for (const std::string& rival : rivals)
    over += (over.empty() ? " over " : ", ") + rival;
  return {tally.answer(),
          fmt::format("{} times as fast, {}; relative L2 distance from softmax attention {}", tally.range(),
                      tally.counts(), distances.range()),
          tally.conditions() + over};
}

}  // namespace attest::reports
