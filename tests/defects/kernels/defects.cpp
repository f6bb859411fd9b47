#include "tests/defects/kernels/defects.hpp"

#include <cmath>

#include "tests/defects/kernels/simulated_kernel.hpp"

namespace attest::test {
namespace {

bool has_linear_state(const Problem& p) {
  return p.parameters.contains("feature");
}

bool has_softmax(const Problem& p, const Presence&) {
  return !has_linear_state(p);
}
// Where scores are large, a key of score 0 weighs nothing.
bool small_scores(const Problem& p, const Presence&) {
  return !has_linear_state(p) && p.effective_scale() * std::sqrt(static_cast<double>(p.head_dim)) < 2.0;
}
bool always(const Problem&, const Presence&) {
  return true;
}
bool several_tiles(const Problem& p, const Presence&) {
  const bool banded = p.window.left >= 0 && (p.causal || p.window.right >= 0);
  const std::int64_t seen = banded ? p.window.left + 1 + (p.causal ? 0 : p.window.right) : p.seq_kv;
  return !has_linear_state(p) && seen > Schedule{}.tile;
}
bool ragged_tiles(const Problem& p, const Presence& presence) {
  return several_tiles(p, presence) && !presence.kv_lengths && !p.causal && !p.has_window() &&
         p.seq_kv % Schedule{}.tile != 0;
}
bool several_rows(const Problem& p, const Presence&) {
  return p.seq_q > 1;
}
bool several_heads(const Problem& p, const Presence&) {
  return p.heads_q > 1;
}
bool several_heads_kv(const Problem& p, const Presence&) {
  return p.heads_kv > 1 && !has_linear_state(p);
}
bool groups(const Problem& p, const Presence&) {
  return p.heads_kv > 1 && p.group() > 1;
}
bool several_batches(const Problem& p, const Presence&) {
  return p.batch > 1 && !has_linear_state(p);
}
bool lengths(const Problem&, const Presence& presence) {
  return presence.kv_lengths;
}
bool mask(const Problem&, const Presence& presence) {
  return presence.mask;
}
bool bias(const Problem&, const Presence& presence) {
  return presence.bias;
}
bool relative_bias(const Problem& p, const Presence&) {
  return p.parameter("buckets", 0) > 0;
}
bool any_bias(const Problem& p, const Presence& presence) {
  return bias(p, presence) || relative_bias(p, presence);
}
bool window_left(const Problem& p, const Presence&) {
  return p.window.left >= 0;
}
bool window_right(const Problem& p, const Presence&) {
  return p.window.right >= 0 && !p.causal;
}
bool causal(const Problem& p, const Presence&) {
  return p.causal && !has_linear_state(p) && p.seq_q > 1;
}
bool causal_alone(const Problem& p, const Presence& presence) {
  return causal(p, presence) && p.window.right < 0;
}
bool bottom_right(const Problem& p, const Presence& presence) {
  return (causal(p, presence) || p.has_window()) && p.seq_q != p.seq_kv;
}
bool softcap(const Problem& p, const Presence&) {
  return p.softcap > 0.0;
}
bool dropout(const Problem& p, const Presence&) {
  return p.dropout > 0.0;
}
// A scale that is a power of two rounds nothing of a bf16 query.
bool rounded_queries(const Problem& p, const Presence&) {
  int exponent = 0;
  return !has_linear_state(p) && (p.dtype != DType::bf16 || std::frexp(p.effective_scale(), &exponent) != 0.5);
}
bool state(const Problem& p, const Presence&) {
  return has_linear_state(p);
}
bool low_output(const Problem& p, const Presence&) {
  return p.dtype != DType::f32;
}

}  // namespace

std::string_view name_of(DefectKind kind) {
  switch (kind) {
    case DefectKind::meaning:
      return "meaning";
    case DefectKind::arithmetic:
      return "arithmetic";
    case DefectKind::control:
      return "control";
  }
  return "";
}

const std::vector<PlantedDefect>& planted_defects() {
  using enum DefectKind;
  static const std::vector<PlantedDefect> defects{
      {Defect::scale_1_percent, meaning, "scale +1%", has_softmax},
      {Defect::scale_tenth_percent, meaning, "scale +0.1%", has_softmax},
      {Defect::scale_twice, meaning, "scale applied twice",
       [](const Problem& p, const Presence&) { return !has_linear_state(p) && p.effective_scale() != 1.0; }},
      {Defect::gain_half_percent, meaning, "gain +0.5%", has_softmax},
      {Defect::softcap_ignored, meaning, "softcap ignored", softcap},
      {Defect::last_dimension_dropped, meaning, "last of d dropped", has_softmax},
      {Defect::last_key_dropped, meaning, "last key dropped", has_softmax},
      {Defect::first_of_tile_dropped, meaning, "first key of each later tile dropped", several_tiles},
      {Defect::ragged_tile_dropped, meaning, "last tile dropped when ragged", ragged_tiles},
      {Defect::padded_keys_unmasked, meaning, "16 padded keys unmasked", small_scores},
      {Defect::length_ignored, meaning, "kv lengths ignored", lengths},
      {Defect::mask_ignored, meaning, "mask ignored", mask},
      {Defect::window_left_plus_1, meaning, "window left +1", window_left},
      {Defect::window_left_minus_1, meaning, "window left -1", window_left},
      {Defect::window_right_plus_1, meaning, "window right +1", window_right},
      {Defect::causal_strict, meaning, "causal strict", causal},
      {Defect::causal_plus_1, meaning, "causal +1", causal_alone},
      {Defect::top_left, meaning, "top-left for bottom-right", bottom_right},
      {Defect::bias_ignored, meaning, "bias ignored", any_bias},
      {Defect::bias_scaled, meaning, "bias scaled by 1/sqrt(d)", any_bias},
      {Defect::relative_sign, meaning, "sign of the relative position", relative_bias},
      {Defect::bucket_off_by_one, meaning, "bucket off by one", relative_bias},
      {Defect::output_not_rescaled, meaning, "O not rescaled", several_tiles},
      {Defect::sum_not_rescaled, meaning, "l not rescaled", several_tiles},
      {Defect::heads_by_remainder, meaning, "head mapping h % hkv", groups},
      {Defect::heads_swapped, meaning, "K and V heads swapped", several_heads_kv},
      {Defect::values_of_other_head, meaning, "V of another head", several_heads_kv},
      {Defect::keys_of_first_batch, meaning, "K and V of the first batch entry", several_batches},
      {Defect::value_row_swapped, meaning, "two rows of V swapped", has_softmax},
      {Defect::stale_value_tile, meaning, "V of the tile before", several_tiles},
      {Defect::dropout_not_scaled, meaning, "dropout without 1/(1-p)", dropout},
      {Defect::dropout_renormalised, meaning, "dropout renormalised", dropout},
      {Defect::dropout_transposed, meaning, "dropout of (j,i) for (i,j)", dropout},
      {Defect::state_not_carried, meaning, "state not carried between chunks", state},
      {Defect::nan_planted, meaning, "a NaN planted", always},
      {Defect::zeros, control, "zeros", always},
      {Defect::mean_of_values, control, "mean of V", always},
      {Defect::rows_shuffled, control, "rows shuffled", several_rows},
      {Defect::previous_head, control, "output of the previous head", several_heads},
      {Defect::previous_call, control, "output of the previous call", always},
      {Defect::sum_in_bf16, arithmetic, "l summed in bf16", several_tiles},
      {Defect::output_sum_in_bf16, arithmetic, "O summed in bf16", several_tiles},
      {Defect::scores_in_bf16, arithmetic, "S rounded to bf16", has_softmax},
      {Defect::queries_scaled_in_bf16, arithmetic, "scale * q rounded to bf16", rounded_queries},
      {Defect::weights_truncated, arithmetic, "P truncated", has_softmax},
      {Defect::weights_in_e4m3, arithmetic, "P in e4m3", has_softmax},
      {Defect::exponential_coarse, arithmetic, "exp error 2^-8", has_softmax},
      {Defect::output_truncated, arithmetic, "output truncated", low_output},
  };
  return defects;
}

const std::vector<PlantedDefect>& planted_lse_defects() {
  using enum DefectKind;
  static const std::vector<PlantedDefect> defects{
      {Defect::lse_base_2, meaning, "lse in base 2", has_softmax},
      {Defect::lse_without_maximum, meaning, "lse without the maximum", has_softmax},
      {Defect::lse_maximum_base_2, meaning, "lse with the maximum in base 2", has_softmax},
      {Defect::lse_log_base_2, meaning, "lse with log2 l for ln l", has_softmax},
      {Defect::lse_without_log, meaning, "lse with l for ln l", has_softmax},
      {Defect::lse_maximum_unscaled, meaning, "lse with the maximum unscaled",
       [](const Problem& p, const Presence& presence) {
         return has_softmax(p, presence) && p.effective_scale() != 1.0 && p.softcap == 0.0 && !any_bias(p, presence);
       }},
      {Defect::lse_in_bf16, arithmetic, "lse rounded to bf16", has_softmax},
  };
  return defects;
}

}  // namespace attest::test
