#include "reports/contest.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "harness/measure/comparison.hpp"
#include "harness/measure/statistics.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr double least_effect = 1.02;
constexpr auto least_samples = static_cast<std::int64_t>(minimum_comparison_samples);

/// Lengths that follow each other with the same outcome.
struct Segment {
  std::string winner;     // empty: unclear
  std::string runner_up;  // the two rivals of an unclear segment, where they stay the same
  double from = 0;
  double to = 0;
  double least_ratio = 0;
  double greatest_ratio = 0;
};

std::vector<Segment> segments(const FamilyContest& family) {
  std::vector<Segment> all;
  for (const Contest& contest : family.contests) {
    if (contest.runner_up == nullptr) continue;
    const std::string fastest = contest.fastest->record->key.kernel;
    const std::string second = contest.runner_up->record->key.kernel;
    Segment next{.winner = contest.clear ? fastest : "",
                 .runner_up = contest.clear ? "" : std::min(fastest, second) + " and " + std::max(fastest, second),
                 .from = contest.length,
                 .to = contest.length,
                 .least_ratio = contest.ratio,
                 .greatest_ratio = contest.ratio};
    if (!all.empty() && all.back().winner == next.winner) {
      // Where the rivals of an unclear stretch change, no names are left to give.
      if (all.back().runner_up != next.runner_up) all.back().runner_up = "";
      all.back().to = next.to;
      all.back().least_ratio = std::min(all.back().least_ratio, next.least_ratio);
      all.back().greatest_ratio = std::max(all.back().greatest_ratio, next.greatest_ratio);
    } else {
      all.push_back(next);
    }
  }
  return all;
}

std::string where(const Segment& segment, bool first, bool last) {
  if (first && last && segment.from == segment.to) return "at " + format_length(segment.from);
  if (first && last) return "at every length from " + format_length(segment.from) + " to " + format_length(segment.to);
  if (last) return "from " + format_length(segment.from) + " on";
  if (first) return "up to " + format_length(segment.to);
  if (segment.from == segment.to) return "at " + format_length(segment.from);
  return "from " + format_length(segment.from) + " to " + format_length(segment.to);
}

std::string ratio_text(const Segment& segment) {
  const std::string low = format_number(segment.least_ratio, {NumberFormat::Style::significant, 3});
  const std::string high = format_number(segment.greatest_ratio, {NumberFormat::Style::significant, 3});
  if (low == high) return fmt::format(" (runner-up takes {} times as long)", low);
  return fmt::format(" (runner-up takes {} to {} times as long)", low, high);
}

}  // namespace

bool FamilyContest::is_contested() const {
  return std::any_of(contests.begin(), contests.end(),
                     [](const Contest& contest) { return contest.runner_up != nullptr; });
}

bool is_clear(const View& fastest, const View& runner_up) {
  const TimingSummary* first = fastest.timing();
  const TimingSummary* second = runner_up.timing();
  if (first == nullptr || second == nullptr) return false;
  if (first->samples < least_samples || second->samples < least_samples) return false;
  if (!(second->seconds_median >= least_effect * first->seconds_median)) return false;
  if (!(first->seconds_ci_high < second->seconds_ci_low)) return false;
  for (const RoundRecord& mine : fastest.record->rounds) {
    for (const RoundRecord& other : runner_up.record->rounds) {
      if (mine.round != other.round || mine.seconds.empty() || other.seconds.empty()) continue;
      if (!(median(mine.seconds) < median(other.seconds))) return false;
    }
  }
  return true;
}

namespace {

/// All contests of a study are one family of tests: among a hundred of them five would be clear by chance.
void judge_together(std::vector<FamilyContest>& families) {
  std::vector<Contest*> contests;
  std::vector<double> probabilities;
  for (FamilyContest& family : families) {
    for (Contest& contest : family.contests) {
      if (contest.runner_up == nullptr) continue;
      const std::vector<double> fastest = contest.fastest->samples();
      const std::vector<double> other = contest.runner_up->samples();
      if (fastest.empty() || other.empty()) continue;
      contests.push_back(&contest);
      probabilities.push_back(mann_whitney(fastest, other));
    }
  }
  const std::vector<double> adjusted = holm(probabilities);
  for (std::size_t i = 0; i < contests.size(); ++i) {
    contests[i]->probability = adjusted[i];
    contests[i]->clear = adjusted[i] < 0.05 && is_clear(*contests[i]->fastest, *contests[i]->runner_up);
  }
}

}  // namespace

std::vector<FamilyContest> hold_contests(const Study& study) {
  std::vector<FamilyContest> families;
  const auto key = [](const View& view) {
    return view.timing() == nullptr ? std::string() : view.family + "\n" + view.function_class;
  };
  for (const auto& [name, views] : group_views(study, key)) {
    FamilyContest family{
        .family = views.front()->family, .function_class = views.front()->function_class, .contests = {}};
    std::map<double, std::vector<const View*>> by_length;
    for (const View* view : views)
      by_length[view->length].push_back(view);
    for (auto& [length, rivals] : by_length) {
      std::stable_sort(rivals.begin(), rivals.end(), [](const View* left, const View* right) {
        return left->timing()->seconds_median < right->timing()->seconds_median;
      });
      Contest contest{.length = length, .fastest = rivals[0], .runner_up = nullptr, .ratio = 0, .clear = false};
      if (rivals.size() > 1) {
        contest.runner_up = rivals[1];
        contest.ratio = rivals[1]->timing()->seconds_median / rivals[0]->timing()->seconds_median;
      }
      family.contests.push_back(contest);
    }
    families.push_back(std::move(family));
  }
  judge_together(families);
  return families;
}

Standing final_standing(const FamilyContest& family) {
  const std::vector<Segment> all = segments(family);
  if (all.empty()) return {};
  double ratio = 0;
  for (const Contest& contest : family.contests) {
    if (contest.runner_up != nullptr) ratio = contest.ratio;
  }
  return {.kernel = all.back().winner, .from = all.back().from, .ratio = ratio, .unbroken = all.size() == 1};
}

std::string class_note(const std::string& function_class) {
  return function_class.empty() ? "softmax attention"
                                : function_class + " by its own definition, not softmax attention of q, k and v";
}

std::string lengths_text(const FamilyContest& family) {
  const std::vector<Segment> all = segments(family);
  if (all.empty()) return "";
  Segment whole = all.front();
  whole.to = all.back().to;
  return where(whole, true, true);
}

std::string winner_sentence(const FamilyContest& family) {
  const std::vector<Segment> all = segments(family);
  if (all.empty()) {
    if (family.contests.empty()) return "nothing was timed.";
    return "only " + family.contests.front().fastest->record->key.kernel + " was timed, so there is no comparison.";
  }
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Segment& segment = all[i];
    const std::string place = where(segment, i == 0, i + 1 == all.size());
    if (i > 0) text += "; ";
    if (segment.winner.empty()) {
      const std::string rivals = segment.runner_up.empty() ? "" : "between " + segment.runner_up + " ";
      text += fmt::format("no clear winner {}{}", rivals, place);
    } else {
      text += fmt::format("{} is fastest {}{}", segment.winner, place, ratio_text(segment));
    }
  }
  return text + ".";
}

}  // namespace attest::reports
