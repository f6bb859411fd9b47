#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/accuracy.hpp"
#include "harness/core/dtype.hpp"
#include "harness/verify/chance_tally.hpp"

namespace attest {

/// One element of an output with its truth.
struct JudgedElement {
  std::span<const std::int64_t> index;  ///< of the line, without the column
  std::int64_t column = -1;             ///< negative: the line is the element
  double expected = 0.0;
  double got = 0.0;
  double bound = 0.0;                                         ///< infinite: any value that is not finite is right
  double probable = std::numeric_limits<double>::infinity();  ///< rule P's bound; infinite: the rule does not hold here
  double deviation = 0.0;  ///< rule S's standard deviation; 0: the rule does not hold here
};

/// "out (b,h,i,c) = (0,1,2,3)", "weights (b,h,i,j) = (0,1,2,3)": the tensor's own axes, which are batch entry, head,
/// query row, key and column; the indices alone for tensors of other names.
std::string text_of_element(std::string_view output, const JudgedElement& element);

/// Judges the elements of one output tensor and gathers the figures that a paper quotes. Collectors of parts of a
/// tensor merge; merging in a fixed order gives the same figures for any number of threads.
class FigureCollector {
 public:
  FigureCollector(std::string_view output, DType dtype) : output_(output), dtype_(dtype), chances_(output, dtype) {}

  /// Right when !(error <= bound) does not hold: NaN where and only where the truth is NaN, infinities equal.
  void add(const JudgedElement& element);

  /// A line of the output begins; its elements follow.
  void add_line(std::uint64_t signature) { chances_.add_line(signature); }

  /// The same element's value from a plain kernel.
  void add_plain(double expected, double plain);

  void merge(const FigureCollector& later);

  const std::string& output() const { return output_; }
  std::int64_t failures() const { return failures_; }
  /// Elements that rule F or P found wrong, each once a rule.
  std::int64_t wrong_elements() const { return failures_ + chances_.probable_failures(); }
  /// The element with the largest error over bound: where, expected, got, error, bound.
  const std::string& worst() const { return worst_; }
  const ChanceTally& chances() const { return chances_; }
  /// One line: the worst element, its expected and got value, bound and ratio, the rule when it is F, and how many
  /// elements failed.
  std::string failure(std::string_view rule) const;
  AccuracyFigures figures() const;

 private:
  /// |got - expected|; infinity when they cannot be compared and differ; negative when they agree without a number.
  double error_of(const JudgedElement& element) const;

  std::string output_;
  DType dtype_;
  std::int64_t elements_ = 0;
  std::int64_t failures_ = 0;
  std::int64_t plain_elements_ = 0;
  double max_error_ = 0.0;
  double max_relative_ = 0.0;
  double squares_ = 0.0;
  double expected_squares_ = 0.0;
  double got_squares_ = 0.0;
  double products_ = 0.0;
  double plain_squares_ = 0.0;
  double plain_max_error_ = 0.0;
  double worst_ratio_ = -1.0;
  std::string worst_;
  std::vector<float> ulps_;
  ChanceTally chances_;
};

/// The distance of neighbouring numbers of `type` at `value`.
double unit_in_last_place(DType type, double value);

}  // namespace attest
