#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/accuracy.hpp"
#include "harness/core/dtype.hpp"
#include "harness/core/oracle.hpp"

namespace attest {

/// Rule M: holds the errors e of an output against what each named defect would have made of it, D = wrong - right.
/// Over the lines, weighed by the standard deviation of an honest error,
///
///     t = <e/std, D/std> of a line, S = sum t, n = ||D/std||, c = S/n^2, z = S/sqrt(V)
///
/// c near 0: innocent; c near 1: the kernel has that defect. V is what an honest kernel's S varies by: n^2 when the
/// errors of a line are independent; when they move together, as those that come from one wrong weight do, what the
/// lines show, V = sum (t - c n_line^2)^2; and `width` n^2, the most that is possible, where fewer than 32 lines carry
/// n. Lines with one truth (equal queries, a scale of 0) have one error between them and count as one line: their t add
/// up, and so do their n_line.
///
/// What a right kernel's declared roundings make of a line is known where the rest of its error is small: the truth
/// rounded to the output's type and, for entries of `known` whose least_share is infinite, the truth with that change
/// rounded so. R = <that error, D> of the lines is what S is without any defect: of that sign, z must exceed it too.
/// Filters of parts merge.
class MatchedFilter {
 public:
  explicit MatchedFilter(std::vector<KnownDefect> known) : known_(std::move(known)) { sums_.resize(known_.size()); }

  /// A line of the output, whose numbers are those of `dtype`, as the kernel wrote it; changes: one entry a defect,
  /// empty where it changes nothing.
  void add(const OutputRow& line, DType dtype, std::span<const double> got,
           const std::vector<std::vector<double>>& changes);
  void merge(const MatchedFilter& later);

  std::int64_t lines() const { return lines_; }

  /// Every defect that was looked for; sensitivity 0 where these inputs could not have shown it, the largest number
  /// where it makes values that are not finite, which no rule lets pass. Unless rule M `judges`, limit_z is 0 (not
  /// shown) where rule F would not have seen it: where no element changes by twice its bound. The expected z is n^2 /
  /// sqrt(V): where few lines carry the defect, V is the most that is possible, and so is what is asked of them.
  std::vector<DefectFigure> figures(bool judges = true) const;

  struct Judgement {
    double ratio = 0.0;
    DefectFigure defect;
  };
  /// The largest of min(|z|/(8 + z'), |c|/limit, 1000/c'): above 1 a defect is flagged. limit is 0.02 for 16-bit
  /// outputs, 0.002 for wider ones, and the share of the defect that honest kernels may seem to have where that is
  /// more. z' is what errors of one sign (OutputRow::coherent) and declared roundings (R) may add to z. c' is the lower
  /// end of |c|'s interval, |c| - (8 + z') sqrt(V)/n^2: the finest defect is a thousandth of its parameter, so that
  /// 1000 times a defect is a parameter wrong by all of itself, and errors beyond are not of its kind. Nothing where no
  /// defect changes anything.
  std::optional<Judgement> judge() const;

  struct Recognition {
    double explained = 0.0;  ///< what taking it away takes from the sum of e^2 / std^2
    DefectFigure defect;
  };
  /// The defect whose removal leaves least of the errors, provided that it explains half of them, or is flagged and the
  /// errors hold between half and twice of it.
  std::optional<Recognition> recognised() const;

 private:
  // Of lines that have one truth.
  struct Cluster {
    double products = 0.0;  ///< sum t
    double squares = 0.0;   ///< sum n_line^2
    double lengths = 0.0;   ///< sum n_line
  };
  struct Sums {
    double products = 0.0;  ///< S
    double squares = 0.0;   ///< n^2
    bool is_finite = true;
    bool breaks_bound =
        false;              ///< whether an element changes by twice its bound, so that the right error cannot hide it
    double coherent = 0.0;  ///< sum coherent |D| / std^2
    std::vector<double> rounded{};                ///< R, one entry a way of rounding
    std::map<std::uint64_t, Cluster> clusters{};  ///< by the truth's signature

    void add(const Sums& other);
    /// The largest R of that sign, without it.
    double most_rounded(double sign) const;
  };

  bool is_rounding(std::size_t entry) const { return std::isinf(known_[entry].least_share); }
  double variance(const Sums& sums) const;
  double ratio(std::size_t defect) const;
  DefectFigure figure(std::size_t defect) const;

  std::vector<KnownDefect> known_;
  DType dtype_ = DType::f32;
  std::vector<Sums> sums_;
  std::int64_t lines_ = 0;
  double width_ = 1.0;
  double errors_ = 0.0;  ///< sum e^2 / std^2
};

/// "looks like: l not rescaled (c = 0.98) in lse"
std::string text_of(const DefectFigure& defect, std::string_view output);

}  // namespace attest
