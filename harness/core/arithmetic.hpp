#pragma once

#include <cstdint>

namespace attest {

/// What a kernel declares of its rounding, never of its order of operations. The bounds of reference/ follow from it.
/// Names as in the derivation: Higham, Accuracy and Stability of Numerical Algorithms, chapter 3; gamma(n) =
/// n*u/(1-n*u).
struct Arithmetic {
  double accumulate = 0x1p-24;     ///< u: unit roundoff of products, sums and the elementwise work
  double input = 0.0;              ///< u_in: relative error of q, k, v as used; 0 when used as stored
  double score = 0.0;              ///< u_s: scores stored in a lower type
  double score_floor = 0.0;        ///< sigma_s: half the smallest subnormal of that type
  double weight = 0.0;             ///< u_p: weights stored in a lower type before the product with v
  double output = 0x1p-24;         ///< u_out: rounding of the stored result
  double weight_floor = 0.0;       ///< sigma_p: half the smallest subnormal of the weights' type; 0 when not stored low
  double output_floor = 0.0;       ///< sigma_out: the same of the result's type
  double exponential = 0x1p-23;    ///< e_exp: relative error of exp
  std::int64_t rescales = 0;       ///< n_r: KV blocks - 1 + splits - 1; 0 when unfused
  std::int64_t longest_chain = 0;  ///< N: longest accumulation chain over keys; 0 is the row's own number of keys
  bool weights_normalised = false;   ///< weights are divided by their sum before they are rounded to `weight`
  std::int64_t truncated_chunk = 0;  ///< products that a truncating tensor core sums at once; 0: sums round to nearest
  double feature = 0x1p-23;          ///< linear attention: relative error of the feature map
  bool feature_literal = false;      ///< linear attention: elu(x)+1 computed as written, which cancels for x << 0
  std::int64_t state_chain = 0;      ///< linear attention: longest chain through the carried state; 0 is the row's keys
};

}  // namespace attest
