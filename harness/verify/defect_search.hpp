#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/tensor.hpp"
#include "harness/verify/matched_filter.hpp"
#include "harness/verify/verify.hpp"

namespace attest {

/// Holds lines of the outputs against the defects that the oracle knows, with a filter for each output. Searches of
/// parts merge.
class DefectSearch {
 public:
  /// All of them outlive this.
  DefectSearch(const Oracle& oracle, const Arithmetic& arithmetic, const TensorSet& outputs);

  bool knows_any() const { return !known_.empty(); }
  /// `lines`: those of the oracle at that place.
  void add(const RowPlace& place, const std::vector<OutputRow>& lines);
  void add(const std::vector<RowPlace>& places);
  void merge(const DefectSearch& later);

  /// Places whose lines were held against the defects.
  std::int64_t places() const { return places_; }

  /// MatchedFilter::figures, one entry a defect that the outputs could have: of the first output that it changes.
  std::vector<DefectFigure> figures(bool judges) const;

  struct Judgement {
    std::string output;
    MatchedFilter::Judgement worst;
    std::int64_t lines = 0;  ///< of that output
  };
  /// The largest ratio of all outputs; nothing where no defect changes anything.
  std::optional<Judgement> judge() const;
  /// Whether rule M rejects that output.
  bool rejects(std::string_view output) const;

  struct Recognition {
    std::string output;
    DefectFigure defect;
  };
  /// The defect that explains most of the errors of an output, of all that `is_wrong`.
  std::optional<Recognition> recognised(const std::function<bool(std::string_view)>& is_wrong) const;

 private:
  struct Filter {
    std::string output;
    MatchedFilter filter;
  };

  void add(const LineChanges& changes, const OutputRow& line);
  MatchedFilter& filter_of(std::string_view output);

  const Oracle* oracle_;
  const Arithmetic* arithmetic_;
  const TensorSet* outputs_;
  std::vector<KnownDefect> known_;
  std::vector<Filter> filters_;
  std::int64_t places_ = 0;
};

/// The rows that rule M looks at, a stratified sample of their own: working out a row's defects costs about as much as
/// several rows, so that they are a sixteenth of `checked` rows, but all that cost next to nothing, and 32 at least.
std::vector<RowPlace> rows_for_defects(const Oracle& oracle, const Problem& problem, const VerifyOptions& options,
                                       std::size_t checked);

}  // namespace attest
