#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attest {

/// How far one output tensor is from the truth, over the rows that were checked.
struct AccuracyFigures {
  std::string output;         ///< the tensor's name
  std::int64_t elements = 0;  ///< elements compared
  double max_abs_error = 0.0;
  double rmse = 0.0;           ///< root of the mean squared error
  double max_rel_error = 0.0;  ///< largest |error| / |truth| where the truth is not 0
  double ulp_median = 0.0;     ///< error in units in the last place of the output's type, at the truth
  double ulp_p99 = 0.0;
  double ulp_max = 0.0;
  double cosine = 1.0;                ///< cosine between result and truth, all elements as one vector
  double error_over_bound = 0.0;      ///< rule F: largest |error| / bound; must not exceed 1
  double plain_rmse = -1.0;           ///< RMSE of a plain kernel of the same type; negative: not computed
  double plain_max_abs_error = -1.0;  ///< its largest error; negative: not computed
  std::string worst;                  ///< the element with the largest error over bound: index, expected, got, bound
};

/// What one rule said.
struct RuleResult {
  std::string rule;    ///< "F"; "P", "S" and "M" where the inputs' nature lets them hold
  double ratio = 0.0;  ///< figure over its limit; passed when not above 1
  bool passed = false;
};

/// A named defect, held against the errors of one output, the oracle's first that it changes on these inputs (rule M).
struct DefectFigure {
  std::string name;
  double sensitivity = 0.0;  ///< ||D/std||: how far these inputs show it, in standard deviations; 0: not at all
  double z = 0.0;            ///< how far the errors point its way, in standard deviations
  double c = 0.0;            ///< the share of it that the errors hold: 0 without the defect, 1 with it

  double expected_z = 0.0;  ///< the z that these rows would give a kernel that has it
  double limit_z = 0.0;     ///< the z from which rule M flags it; 0 where M does not judge and F would not see it

  /// Whether rule M, or F where M does not judge these inputs, would have seen it: the expected z is above the limit by
  /// three standard deviations of itself, so that fewer than one in 700 kernels that have the defect would have passed.
  /// Inputs that do not show a defect prove nothing about it by this rule and in this output; a later output might.
  bool is_shown() const { return expected_z >= limit_z + 3.0 && limit_z > 0.0; }
  static constexpr double greatest_z = 8.0;
};

/// How far a variant that approximates softmax attention is from it on the same inputs: its own reference against
/// softmax attention's, both in double. No kernel and no rounding is in it.
struct ApproximationFigures {
  std::int64_t rows = 0;
  double relative_l2 = 0.0;  ///< ||own - softmax|| / ||softmax||, all elements as one vector
  double cosine = 0.0;       ///< between the two, all elements as one vector
};

/// The recall task (inputs `recall`): of so many queries, each equal to one key, how often is the value of that key the
/// nearest of all visible values to what comes back?
struct RecallFigures {
  std::int64_t queries = 0;
  std::int64_t kernel = 0;     ///< right ones of the kernel
  std::int64_t reference = 0;  ///< right ones of the variant's own reference in double

  /// Share of the right ones.
  static double share(std::int64_t right, std::int64_t queries) {
    return queries == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(queries);
  }
};

/// The proof of one result.
struct Accuracy {
  std::int64_t rows_checked = 0;
  std::int64_t rows_total = 0;
  std::vector<RuleResult> rules;
  std::vector<AccuracyFigures> outputs;               ///< the variant's main output first
  std::int64_t defect_rows = 0;                       ///< rows that were held against the defects
  std::vector<DefectFigure> defects;                  ///< that this kernel could have on this problem
  std::optional<ApproximationFigures> approximation;  ///< of variants that approximate softmax attention
  std::optional<RecallFigures> recall;                ///< of inputs `recall`

  /// The largest error over bound of all outputs; NaN when one is NaN.
  double error_over_bound() const {
    double worst = 0.0;
    for (const AccuracyFigures& figures : outputs) {
      if (!(figures.error_over_bound <= worst)) worst = figures.error_over_bound;
    }
    return worst;
  }
};

}  // namespace attest
