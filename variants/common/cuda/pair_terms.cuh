#pragma once

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"

namespace attest::cuda {

constexpr float minus_infinity = -__builtin_huge_valf();

/// The tensors of one query row: what is done pair by pair.
struct RowTensors {
  const std::uint8_t* mask;
  const float* bias;

  /// The score of a pair from its product q.k: scaled, capped, then the bias; -inf where the mask hides the key,
  /// whatever the product is. A score of -inf is a weight of 0, so a bias of -inf hides as well. `key` must be below
  /// seq_kv.
  __device__ float score(const AttentionParams& p, int key, float product) const {
    float score = p.softcap == 0.0f ? product * p.scale : p.softcap * tanhf(product * p.scale_over_cap);
    if (bias != nullptr) {
      const float term = bias[key * p.bias.key];
      // NaN + (-inf) would be NaN.
      score = term == minus_infinity ? minus_infinity : score + term;
    }
    if (mask != nullptr && mask[key * p.mask.key] == 0) score = minus_infinity;
    return score;
  }

  /// Whether mask and bias let the row see the key.
  __device__ bool shows(const AttentionParams& p, int key) const {
    if (mask != nullptr && mask[key * p.mask.key] == 0) return false;
    return bias == nullptr || bias[key * p.bias.key] != minus_infinity;
  }
};

/// The optional tensors over pairs; null where absent.
struct PairTensors {
  static constexpr bool shapes = true;  ///< scores are looked at one by one
  using Row = RowTensors;

  const std::uint8_t* mask;  ///< 0 hides
  const float* bias;

  __device__ bool absent() const { return mask == nullptr && bias == nullptr; }

  __device__ Row row(const AttentionParams& p, int batch, int head, int row) const {
    Row result{mask, bias};
    if (mask != nullptr) result.mask += batch * p.mask.batch + head * p.mask.head + row * p.mask.row;
    if (bias != nullptr) result.bias += batch * p.bias.batch + head * p.bias.head + row * p.bias.row;
    return result;
  }
};

/// Nothing is done pair by pair: scores stay q.k, and the exponential scales them.
struct NoPairs {
  static constexpr bool shapes = false;
  struct Row {
    __device__ float score(const AttentionParams&, int, float product) const { return product; }
    __device__ bool shows(const AttentionParams&, int) const { return true; }
  };

  __device__ bool absent() const { return true; }
  __device__ Row row(const AttentionParams&, int, int, int) const { return {}; }
};

}  // namespace attest::cuda
