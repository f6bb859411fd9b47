#pragma once

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"

namespace attest::cuda {

constexpr float minus_infinity = -__builtin_huge_valf();

/// The optional tensors over pairs; null where absent.
struct PairTensors {
  const std::uint8_t* mask;  ///< 0 hides
  const float* bias;

  __device__ bool absent() const { return mask == nullptr && bias == nullptr; }
};

/// The tensors of one query row.
struct RowTensors {
  const std::uint8_t* mask;
  const float* bias;

  __device__ RowTensors(const AttentionParams& p, const PairTensors& tensors, int batch, int head, int row)
      : mask(tensors.mask), bias(tensors.bias) {
    if (mask != nullptr) mask += batch * p.mask.batch + head * p.mask.head + row * p.mask.row;
    if (bias != nullptr) bias += batch * p.bias.batch + head * p.bias.head + row * p.bias.row;
  }
};

/// The score of a pair from its product q.k: scaled, capped, then the bias; -inf where the mask hides the key, whatever
/// the product is. A score of -inf is a weight of 0, so a bias of -inf hides as well. `key` must be below seq_kv.
__device__ inline float shaped_score(const AttentionParams& p, const RowTensors& tensors, int key, float product) {
  float score = p.softcap == 0.0f ? product * p.scale : p.softcap * tanhf(product * p.scale_over_cap);
  if (tensors.bias != nullptr) {
    const float bias = tensors.bias[key * p.bias.key];
    // NaN + (-inf) would be NaN.
    score = bias == minus_infinity ? minus_infinity : score + bias;
  }
  if (tensors.mask != nullptr && tensors.mask[key * p.mask.key] == 0) score = minus_infinity;
  return score;
}

/// Whether mask and bias let the row see the key.
__device__ inline bool tensors_show(const AttentionParams& p, const RowTensors& tensors, int key) {
  if (tensors.mask != nullptr && tensors.mask[key * p.mask.key] == 0) return false;
  return tensors.bias == nullptr || tensors.bias[key * p.bias.key] != minus_infinity;
}

}  // namespace attest::cuda
