#pragma once

#include <cstdint>

#include "harness/core/dtype.hpp"

namespace attest {

/// A dot product and the sum of its terms' magnitudes.
struct DotProduct {
  double value = 0.0;      ///< compensated
  double magnitude = 0.0;  ///< plain sum: it only scales a bound
};

/// A weight with its two halves, for products that must be exact: value == high + low, high in 26 bits.
struct Weight {
  double value = 0.0;
  double high = 0.0;
  double low = 0.0;
};

/// What a row accumulates over its keys, each an array with one number a column of v.
struct ColumnSums {
  double* sum = nullptr;        ///< of weight * v; sum + error is the compensated value
  double* error = nullptr;      ///< what the roundings took from `sum`
  double* magnitude = nullptr;  ///< of weight * |v|
  double* absolute = nullptr;   ///< of multiplier * |v|
};

/// Arrays handed to the loops are padded with zeros to a multiple of this many elements.
inline constexpr std::int64_t row_padding = 8;

/// The weights of one key in the sums that the variance of an output needs.
struct MomentWeights {
  double variance = 0.0;  ///< of v^2: what the key's own roundings add to the variance
  double shift = 0.0;     ///< of v: the same, about the average
  double spread = 0.0;    ///< of v^2: P kappa^2
  double slope = 0.0;     ///< of v: P s kappa
};

/// Arrays with one number a column of v, of the sums that MomentWeights names.
struct MomentSums {
  double* variance = nullptr;
  double* shift = nullptr;
  double* spread = nullptr;
  double* slope = nullptr;
};

/// The inner loops of one row, compiled once for the plain machine and once for each instruction set that pays. All
/// give the same bits: lanes are fixed and products are never fused. `count` is a multiple of row_padding.
struct RowLoops {
  /// `count` elements of a floating `type`, exactly, as double. Here `count` need not be a multiple.
  void (*widen)(const void* source, DType type, std::int64_t count, double* target);
  /// q.k; `exact` says that the products of elements fit a double, as those of all types but f64 do.
  void (*dot)(const double* q, const double* k, std::int64_t count, bool exact, DotProduct* result);
  /// Adds one key to the sums; `exact` as above, of v. `multiplier` is the dropout multiplier of the key.
  void (*accumulate)(const Weight& weight, double multiplier, const double* v, std::int64_t count, bool exact,
                     const ColumnSums& sums);
  /// spread[c] += weight * |multiplier * v[c] - out[c]|
  void (*add_spread)(double weight, double multiplier, const double* v, const double* out, std::int64_t count,
                     double* spread);
  /// Adds one key to the sums of a variance, plainly: they only scale a bound.
  void (*add_moments)(const MomentWeights& weights, const double* v, std::int64_t count, const MomentSums& sums);
  /// sum[c] += weight * v[c], plainly.
  void (*add_scaled)(double weight, const double* v, std::int64_t count, double* sum);
  /// q.k in f32 arithmetic: what a textbook kernel gets.
  float (*plain_dot)(const double* q, const double* k, std::int64_t count);
  /// sum[c] += weight * v[c] in f32 arithmetic.
  void (*plain_accumulate)(float weight, const double* v, std::int64_t count, float* sum);
};

/// The loops for this machine.
const RowLoops& row_loops();

namespace row_loops_baseline {
extern const RowLoops table;
}
namespace row_loops_avx2 {
extern const RowLoops table;
}

}  // namespace attest
