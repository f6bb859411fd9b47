#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"
#include "reference/philox.hpp"
#include "reference/row_loops.hpp"

namespace attest {

/// The tensors of a softmax problem, checked against it, optional ones broadcast to (b, hq, sq, skv).
struct SoftmaxInputs {
  /// Throws Error naming the tensor that disagrees with the problem.
  SoftmaxInputs(const Spec& spec, const Problem& problem, const TensorSet& inputs);

  /// Present keys of the row by spec and length, before mask and bias are looked at.
  std::int64_t count_visible(std::int64_t batch, std::int64_t row) const;
  std::int64_t kv_length(std::int64_t batch) const;

  const Spec& spec;
  Problem problem;
  TensorSet tensors;
  TensorView q, k, v;
  std::optional<TensorView> mask, bias;
  std::vector<std::int64_t> kv_lengths;  ///< empty: all keys
  std::optional<DropoutMask> dropout;
  double scale = 1.0;
};

/// The present keys of one row; arrays have one entry a key. Formulas: s is the final score, after cap and bias.
struct RowScores {
  std::vector<std::int64_t> key;   ///< index j
  std::vector<double> score;       ///< s
  std::vector<double> scaled;      ///< scale * q.k, before cap and bias
  std::vector<double> parts;       ///< |capped score| + |bias|: what the addition of the bias rounds
  std::vector<double> magnitude;   ///< a = |scale| * sum_c |q_c k_c|
  std::vector<double> multiplier;  ///< kappa: 0 when dropped, 1/(1-p) when kept
  std::vector<float> plain_score;  ///< a textbook f32 kernel's; empty for f64 problems
  double greatest = 0.0;           ///< m = max s
  double largest = 0.0;            ///< M = max |s|
  bool not_a_number = false;       ///< some s is NaN
  bool infinite = false;           ///< some s is +inf
  std::vector<double> weight;      ///< e^(s-m)
  double sum = 0.0;                ///< l = sum e^(s-m)
};

/// Which keys a row reads: those of a key head, up to a length, about its own position.
struct RowReading {
  std::int64_t head_kv = 0;
  std::int64_t length = 0;
  std::int64_t offset = 0;  ///< row + offset is the row's key position
};

/// What the row at `place` should read.
RowReading row_reading(const SoftmaxInputs& inputs, const RowPlace& place);

/// Products of one query row with the keys of one head, kept for another look at the same row: by key, NaN where not
/// yet known.
struct RowProducts {
  explicit RowProducts(std::int64_t keys);
  std::vector<double> dot, magnitude;
};

/// Scores of the keys that are present in the row, and their weights when all scores are finite. With `products` of
/// that row and head, those that are known are not worked out again, and the textbook kernel's scores are left out.
RowScores score_row(const SoftmaxInputs& inputs, const RowPlace& place, const RowReading& reading,
                    RowProducts* products = nullptr);
inline RowScores score_row(const SoftmaxInputs& inputs, const RowPlace& place) {
  return score_row(inputs, place, row_reading(inputs, place));
}

/// The keys that a tile of the kernel holds, as far as its number of rescales says; 64 where it says nothing.
std::int64_t keys_of_tile(const Problem& problem, const Arithmetic& arithmetic);

/// softcap * tanh(score / softcap), or the score itself.
double capped_score(const Problem& problem, double score);

/// One line of a tensor of rank 4 as double.
void load_line(const TensorView& view, std::int64_t i0, std::int64_t i1, std::int64_t i2, double* target);

/// Sums over the keys, one entry a column of v, padded; of normalised weights P = weight / l.
struct RowColumns {
  std::vector<double> out;        ///< O = sum kappa P v
  std::vector<double> magnitude;  ///< A = sum kappa P |v|
  std::vector<double> absolute;   ///< sum kappa |v|
  std::vector<double> spread;     ///< sum P |kappa v - O| growth
  std::vector<double> variance;   ///< sums of MomentWeights, in this order
  std::vector<double> shift;
  std::vector<double> squares;
  std::vector<double> slope;
  std::vector<float> plain;  ///< the textbook kernel's out before its last rounding; empty for f64 problems
};

/// Averages the values of the row's keys. `growth` is empty or has one entry a key (e^eta - 1); `plain_weight` is empty
/// or has the textbook kernel's weights, `moments` is empty or has one entry a key.
RowColumns average_values(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores,
                          const std::vector<double>& growth, const std::vector<float>& plain_weight,
                          const std::vector<MomentWeights>& moments = {});

/// What IEEE arithmetic makes of a column that meets a value that is not finite: value, and whether honest kernels may
/// differ in which of NaN and infinity they get.
struct Propagated {
  double value = 0.0;
  bool certain = true;
};
Propagated propagate(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores, std::int64_t column);

}  // namespace attest
