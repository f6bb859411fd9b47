#pragma once

#include <cstdint>

namespace attest::cuda {

/// Elements from one index to the next of a tensor over (b, hq, sq, skv); 0 where it is broadcast.
struct PairStrides {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t row = 0;
  std::int64_t key = 0;
};

/// All that a kernel of softmax attention is told beside its pointers. One plain struct of host and device, passed by
/// value; tensors are dense. Lengths are below 2^31.
struct AttentionParams {
  // Sizes
  std::int32_t batch = 1;
  std::int32_t heads_q = 1;
  std::int32_t heads_kv = 1;
  std::int32_t group = 1;  ///< heads_q / heads_kv
  std::int32_t seq_q = 1;
  std::int32_t seq_kv = 1;
  std::int32_t head_dim = 64;
  std::int32_t head_dim_v = 64;

  // Visibility: row i stands at key i + offset
  std::int64_t offset = 0;        ///< of align=top_left (0) and of a whole number
  std::int32_t bottom_right = 1;  ///< the offset is kv_length - seq_q instead
  std::int32_t causal = 0;
  std::int64_t window_left = -1;  ///< -1: unbounded
  std::int64_t window_right = -1;

  // Scores
  float scale = 1.0f;           ///< multiplies q.k
  float exponent_scale = 1.0f;  ///< exp(x) = 2^(exponent_scale * x) of what the kernel calls a score
  float softcap = 0.0f;         ///< 0 is off
  float scale_over_cap = 0.0f;  ///< scale / softcap
  std::int32_t raw_scores = 0;  ///< scores are q.k itself: no pair needs shaping, and exponent_scale holds the scale
  std::int32_t has_dropout = 0;
  std::uint32_t dropout_threshold = 0;  ///< a weight is kept when its random word is at least this
  std::uint32_t seed_low = 0;
  std::uint32_t seed_high = 0;
  float kept_multiplier = 1.0f;  ///< 1 / (1 - p)

  // Optional tensors
  PairStrides mask;  ///< bytes, which are elements
  PairStrides bias;  ///< of f32
};

}  // namespace attest::cuda
