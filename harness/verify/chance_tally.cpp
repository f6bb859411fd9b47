#include "harness/verify/chance_tally.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "harness/verify/figures.hpp"

namespace attest {
namespace {

constexpr double greatest_z = 10.0;
// e^-21 is 0.8e-9.
constexpr double tail = 21.0;

}  // namespace

double statistic_limit(DType dtype, std::int64_t lines) {
  const double usual = size_of(dtype) <= 2 ? 1.5 : 2.0;
  // Laurent and Massart, "Adaptive estimation of a quadratic functional", lemma 1: chi-square of n degrees exceeds
  // n + 2 sqrt(n t) + 2t with probability e^-t at most.
  const double share = tail / static_cast<double>(std::max<std::int64_t>(1, lines));
  return std::max(usual, std::sqrt(1.0 + 2.0 * std::sqrt(share) + 2.0 * share));
}

void ChanceTally::add(const JudgedElement& element, double error) {
  if (!std::isinf(element.probable)) {
    ++probable_elements_;
    const bool right = error <= element.probable;
    double ratio = error == 0.0 ? 0.0 : error / element.probable;
    if (!right && !(ratio > 1.0)) ratio = std::numeric_limits<double>::infinity();
    if (!right) ++probable_failures_;
    if (ratio > probable_ratio_) {
      probable_ratio_ = ratio;
      probable_worst_ =
          fmt::format("{}: expected {:.9g}, got {:.9g}, error {:.3g} is {:.3g} times the bound {:.3g}",
                      text_of_element(output_, element), element.expected, element.got, error, ratio, element.probable);
    }
  }
  if (element.deviation > 0.0) {
    if (line_) lines_.insert(*line_);
    line_.reset();
    const double z = error / element.deviation;
    ++scored_;
    squares_ += z * z;
    if (!(z <= greatest_)) {
      greatest_ = z;
      greatest_at_ =
          fmt::format("{}: expected {:.9g}, got {:.9g}, error {:.3g} is {:.3g} standard deviations {:.3g}",
                      text_of_element(output_, element), element.expected, element.got, error, z, element.deviation);
    }
  }
}

void ChanceTally::merge(const ChanceTally& later) {
  lines_.insert(later.lines_.begin(), later.lines_.end());
  probable_elements_ += later.probable_elements_;
  probable_failures_ += later.probable_failures_;
  if (later.probable_ratio_ > probable_ratio_) {
    probable_ratio_ = later.probable_ratio_;
    probable_worst_ = later.probable_worst_;
  }
  scored_ += later.scored_;
  squares_ += later.squares_;
  if (!(later.greatest_ <= greatest_)) {
    greatest_ = later.greatest_;
    greatest_at_ = later.greatest_at_;
  }
}

std::optional<RuleFinding> ChanceTally::probable() const {
  if (probable_elements_ == 0) return std::nullopt;
  return RuleFinding{.ratio = probable_ratio_,
                     .passed = probable_failures_ == 0,
                     .reason = fmt::format("{} by rule P ({} of {} elements wrong)", probable_worst_,
                                           probable_failures_, probable_elements_)};
}

std::optional<RuleFinding> ChanceTally::statistic() const {
  if (scored_ == 0) return std::nullopt;
  const double limit = statistic_limit(dtype_, std::ssize(lines_));
  const double mean = std::sqrt(squares_ / static_cast<double>(scored_));
  const double ratio = std::max(mean / limit, greatest_ / greatest_z);
  return RuleFinding{.ratio = ratio,
                     .passed = ratio <= 1.0,
                     .reason = fmt::format("{}; over {} elements the root mean square is {:.3g} (limit {:.3g}), the "
                                           "largest {:.3g} (limit {:.3g}), by rule S",
                                           greatest_at_, scored_, mean, limit, greatest_, greatest_z)};
}

}  // namespace attest
