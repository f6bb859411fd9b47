#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"

namespace attest::test {

/// What is wrong with a simulated kernel.
enum class Defect {
  none,
  scale_1_percent,
  gain_half_percent,
  last_key_dropped,
  last_dimension_dropped,
  padded_keys_unmasked,
  mask_ignored,
  bias_ignored,
  output_not_rescaled,
  sum_not_rescaled,
  sum_in_bf16,
  output_sum_in_bf16,
  window_left_plus_1,
  window_left_minus_1,
  causal_strict,
  causal_plus_1,
  top_left,
  heads_by_remainder,
  heads_swapped,
  values_of_other_head,
  value_row_swapped,
  dropout_not_scaled,
  dropout_renormalised,
  exponential_coarse,
  nan_planted,
  zeros,
  mean_of_values,
  rows_shuffled,
  previous_head,
  lse_base_2,
};

struct NamedDefect {
  Defect defect;
  std::string_view name;
};
const std::vector<NamedDefect>& all_defects();

/// How the keys of a row are gone through; all are honest.
struct Schedule {
  std::int64_t tile = 16;  ///< keys a tile; after each tile the running output is rescaled
  bool backwards = false;  ///< tiles from the last key to the first
  bool pairwise = false;   ///< dot products and sums as trees, otherwise one after the other
};

/// A tiled kernel with an online softmax in f32, weights and output rounded to the problem's type: what honest kernels
/// do, and with `defect` what broken ones do.
TensorStorage run_simulated(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect);

/// The arithmetic that an honest run_simulated() declares.
Arithmetic simulated_arithmetic(const Problem& problem, const Schedule& schedule);

}  // namespace attest::test
