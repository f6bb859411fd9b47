#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "harness/core/dtype.hpp"

namespace attest {

struct JudgedElement;

/// What one rule says of one output.
struct RuleFinding {
  double ratio = 0.0;  ///< figure over its limit
  bool passed = true;
  std::string reason;  ///< one line when it did not pass
};

/// Rules P and S over the elements of one output. Tallies of parts merge.
class ChanceTally {
 public:
  ChanceTally(std::string_view output, DType dtype) : output_(output), dtype_(dtype) {}

  /// `signature`: of its truth (signature_of); lines of one truth err together and count once.
  /// Those without a scored element do not count.
  void add_line(std::uint64_t signature) { line_ = signature; }
  /// An element whose |got - expected| is `error`.
  void add(const JudgedElement& element, double error);
  void merge(const ChanceTally& later);

  std::int64_t probable_failures() const { return probable_failures_; }

  /// Rule P: every error within its probable bound. Nothing where no element had one.
  std::optional<RuleFinding> probable() const;

  /// Rule S, of z = error / deviation: the root mean square of z at most 1.5 for 16-bit outputs and 2 for wider ones,
  /// max z at most 10. Elements of a line err together, so few different lines may by chance lie higher: the limit is
  /// never below that which the mean square of as many independent normal numbers exceeds once in 1e9.
  std::optional<RuleFinding> statistic() const;

 private:
  std::string output_;
  DType dtype_;
  std::unordered_set<std::uint64_t> lines_;
  std::optional<std::uint64_t> line_;  ///< that began and has no scored element yet
  std::int64_t probable_elements_ = 0;
  std::int64_t probable_failures_ = 0;
  double probable_ratio_ = -1.0;
  std::string probable_worst_;
  std::int64_t scored_ = 0;
  double squares_ = 0.0;
  double greatest_ = -1.0;
  std::string greatest_at_;
};

/// The limit of the root mean square of z for `lines` lines.
double statistic_limit(DType dtype, std::int64_t lines);

}  // namespace attest
