#pragma once

#include <string_view>
#include <vector>

#include "harness/core/problem.hpp"
#include "harness/core/variant.hpp"

namespace attest::test {

/// What is wrong with a planted kernel.
enum class Defect {
  none,
  scale_1_percent,
  scale_tenth_percent,
  scale_twice,
  gain_half_percent,
  softcap_ignored,
  last_dimension_dropped,
  last_key_dropped,
  first_of_tile_dropped,
  ragged_tile_dropped,
  padded_keys_unmasked,
  length_ignored,
  mask_ignored,
  window_left_plus_1,
  window_left_minus_1,
  window_right_plus_1,
  causal_strict,
  causal_plus_1,
  top_left,
  bias_ignored,
  bias_scaled,
  relative_sign,
  bucket_off_by_one,
  output_not_rescaled,
  sum_not_rescaled,
  heads_by_remainder,
  heads_swapped,
  values_of_other_head,
  keys_of_first_batch,
  value_row_swapped,
  stale_value_tile,
  dropout_not_scaled,
  dropout_renormalised,
  dropout_transposed,
  state_not_carried,
  nan_planted,
  zeros,
  mean_of_values,
  rows_shuffled,
  previous_head,
  previous_call,
  sum_in_bf16,
  output_sum_in_bf16,
  scores_in_bf16,
  queries_scaled_in_bf16,
  weights_truncated,
  weights_in_e4m3,
  exponential_coarse,
  output_truncated,
  lse_base_2,
  lse_without_maximum,
  lse_maximum_base_2,
  lse_log_base_2,
  lse_without_log,
  lse_maximum_unscaled,
  lse_in_bf16,
};

enum class DefectKind {
  meaning,     ///< another function than the one asked for, in exact arithmetic too
  arithmetic,  ///< the right function, rounded more coarsely than declared
  control,     ///< no computation at all: what every tolerance must reject
};
std::string_view name_of(DefectKind kind);

/// A defect, and the problems on which a kernel that has it gives other numbers than one that has not.
struct PlantedDefect {
  Defect defect = Defect::none;
  DefectKind kind = DefectKind::meaning;
  std::string_view name;
  bool (*shows)(const Problem& problem, const Presence& presence) = nullptr;
};

/// All that change the output of softmax attention or of linear attention.
const std::vector<PlantedDefect>& planted_defects();

/// Those that change lse alone.
const std::vector<PlantedDefect>& planted_lse_defects();

}  // namespace attest::test
