#include "harness/verify/figures.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>

namespace attest {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// From here on a number rounds to infinity in the type.
double overflow_threshold(DType type) {
  switch (type) {
    case DType::f16:
      return 65520.0;
    case DType::bf16:
      return std::ldexp(511.0, 119);
    case DType::f32:
      return std::ldexp(33554431.0, 103);
    default:
      return infinity;
  }
}

// The value at a share of a sample, which is reordered.
double quantile(std::vector<float>& sample, double share) {
  if (sample.empty()) return 0.0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(sample.size() - 1) + 0.5);
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end());
  return sample[static_cast<std::size_t>(rank)];
}

// What the indices of an element are called: batch entry, head, query row, key, column. Empty for tensors of other
// names.
std::string_view axes_of(std::string_view output, std::size_t rank) {
  struct Axes {
    std::string_view output, names;
  };
  constexpr Axes known[] = {
      {"out", "b,h,i,c"},     {"out", "b,i,c"},       {"context", "b,i,c"},   {"lse", "b,h,i"},
      {"weights", "b,h,i,j"}, {"heads_q", "b,h,i,c"}, {"heads_k", "b,h,j,c"}, {"heads_v", "b,h,j,c"},
  };
  for (const Axes& axes : known)
    if (axes.output == output && (axes.names.size() + 1) / 2 == rank) return axes.names;
  return {};
}

}  // namespace

std::string text_of_element(std::string_view output, const JudgedElement& element) {
  std::vector<std::int64_t> index(element.index.begin(), element.index.end());
  if (element.column >= 0) index.push_back(element.column);
  const std::string_view names = axes_of(output, index.size());
  return fmt::format("{} {}({})", output, names.empty() ? "" : fmt::format("({}) = ", names), fmt::join(index, ","));
}

double unit_in_last_place(DType type, double value) {
  const double smallest =
      type == DType::f64 ? std::numeric_limits<double>::denorm_min() : 2.0 * half_smallest_subnormal(type);
  if (value == 0.0) return smallest;
  return std::max(std::ldexp(2.0 * unit_roundoff(type), std::ilogb(value)), smallest);
}

double FigureCollector::error_of(const JudgedElement& element) const {
  const double expected = element.expected;
  const double got = element.got;
  if (std::isfinite(expected) && std::isfinite(got)) return std::fabs(got - expected);
  if (!std::isfinite(expected)) {
    const bool any = std::isinf(element.bound) && !std::isfinite(got);
    const bool same = std::isnan(expected) ? std::isnan(got) : got == expected;
    return any || same ? -1.0 : infinity;
  }
  // A truth so near the end of the type that its rounding may overflow.
  const bool overflows = std::isinf(got) && std::signbit(got) == std::signbit(expected) &&
                         std::fabs(expected) + element.bound >= overflow_threshold(dtype_);
  return overflows ? -1.0 : infinity;
}

void FigureCollector::add(const JudgedElement& element) {
  ++elements_;
  const double error = error_of(element);
  if (error < 0.0) return;
  const bool unbounded = !std::isfinite(element.bound);  // proves nothing about a finite value
  const bool right = !unbounded && error <= element.bound;
  const double ratio = right ? (error == 0.0 ? 0.0 : error / element.bound)
                             : (error > 0.0 && element.bound > 0.0 && !unbounded ? error / element.bound : infinity);
  if (!right) ++failures_;
  if (ratio > worst_ratio_) {
    worst_ratio_ = ratio;
    worst_ = fmt::format("{}: expected {:.9g}, got {:.9g}, error {:.3g} is {:.3g} times the bound {:.3g}",
                         text_of_element(output_, element), element.expected, element.got, error, ratio, element.bound);
  }
  chances_.add(element, error);
  max_error_ = std::max(max_error_, error);
  squares_ += error * error;
  if (element.expected != 0.0 && std::isfinite(element.expected)) {
    max_relative_ = std::max(max_relative_, error / std::fabs(element.expected));
  }
  const double unit = std::isfinite(element.expected) ? unit_in_last_place(dtype_, element.expected) : 1.0;
  ulps_.push_back(static_cast<float>(error / unit));
  if (std::isfinite(element.expected) && std::isfinite(element.got)) {
    expected_squares_ += element.expected * element.expected;
    got_squares_ += element.got * element.got;
    products_ += element.expected * element.got;
  }
}

void FigureCollector::add_plain(double expected, double plain) {
  if (!std::isfinite(expected) || !std::isfinite(plain)) return;
  ++plain_elements_;
  const double error = std::fabs(plain - expected);
  plain_squares_ += error * error;
  plain_max_error_ = std::max(plain_max_error_, error);
}

void FigureCollector::merge(const FigureCollector& later) {
  elements_ += later.elements_;
  failures_ += later.failures_;
  plain_elements_ += later.plain_elements_;
  max_error_ = std::max(max_error_, later.max_error_);
  max_relative_ = std::max(max_relative_, later.max_relative_);
  squares_ += later.squares_;
  expected_squares_ += later.expected_squares_;
  got_squares_ += later.got_squares_;
  products_ += later.products_;
  plain_squares_ += later.plain_squares_;
  plain_max_error_ = std::max(plain_max_error_, later.plain_max_error_);
  chances_.merge(later.chances_);
  if (later.worst_ratio_ > worst_ratio_) {
    worst_ratio_ = later.worst_ratio_;
    worst_ = later.worst_;
  }
  ulps_.insert(ulps_.end(), later.ulps_.begin(), later.ulps_.end());
}

std::string FigureCollector::failure(std::string_view rule) const {
  const std::string by = rule == "F" ? " by rule F" : "";
  return fmt::format("{}{} ({} of {} elements wrong)", worst_, by, failures_, elements_);
}

AccuracyFigures FigureCollector::figures() const {
  AccuracyFigures figures;
  figures.output = output_;
  figures.elements = elements_;
  figures.max_abs_error = max_error_;
  figures.rmse = ulps_.empty() ? 0.0 : std::sqrt(squares_ / static_cast<double>(ulps_.size()));
  figures.max_rel_error = max_relative_;
  std::vector<float> ulps = ulps_;
  figures.ulp_median = quantile(ulps, 0.5);
  figures.ulp_p99 = quantile(ulps, 0.99);
  figures.ulp_max = quantile(ulps, 1.0);
  const double lengths = std::sqrt(expected_squares_) * std::sqrt(got_squares_);
  const bool both_zero = expected_squares_ == 0.0 && got_squares_ == 0.0;
  figures.cosine = lengths > 0.0 ? products_ / lengths : (both_zero ? 1.0 : 0.0);
  figures.error_over_bound = std::max(worst_ratio_, 0.0);
  if (plain_elements_ > 0) {
    figures.plain_rmse = std::sqrt(plain_squares_ / static_cast<double>(plain_elements_));
    figures.plain_max_abs_error = plain_max_error_;
  }
  figures.worst = worst_;
  return figures;
}

}  // namespace attest
