#pragma once

#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/tensor.hpp"
#include "harness/verify/matched_filter.hpp"
#include "harness/verify/verify.hpp"

namespace attest {

/// Holds lines of the oracle's first output against the defects that it knows. Searches of parts merge.
class DefectSearch {
 public:
  /// All of them outlive this.
  DefectSearch(const Oracle& oracle, const Arithmetic& arithmetic, const TensorSet& outputs);

  bool knows_any() const { return filter_.knows_any(); }
  /// `line`: the oracle's first of that place.
  void add(const RowPlace& place, const OutputRow& line);
  void add(const std::vector<RowPlace>& places);
  void merge(const DefectSearch& later) { filter_.merge(later.filter_); }

  const MatchedFilter& filter() const { return filter_; }

 private:
  const Oracle* oracle_;
  const Arithmetic* arithmetic_;
  const TensorSet* outputs_;
  MatchedFilter filter_;
};

/// The rows that rule M looks at, a stratified sample of their own: working out a row's defects costs about as much as
/// several rows, so that they are a sixteenth of `checked` rows, but all that cost next to nothing, and 32 at least.
std::vector<RowPlace> rows_for_defects(const Oracle& oracle, const Problem& problem, const VerifyOptions& options,
                                       std::size_t checked);

}  // namespace attest
