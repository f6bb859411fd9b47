#pragma once

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"

namespace attest::cuda {

/// First word of Philox4x32 after ten rounds (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
/// 1, 2, 3"; constants of Random123).
__device__ inline std::uint32_t philox4x32_10(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3,
                                              std::uint32_t key0, std::uint32_t key1) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const std::uint32_t low0 = 0xD2511F53u * c0;
    const std::uint32_t high0 = __umulhi(0xD2511F53u, c0);
    const std::uint32_t low1 = 0xCD9E8D57u * c2;
    const std::uint32_t high1 = __umulhi(0xCD9E8D57u, c2);
    c0 = high1 ^ c1 ^ key0;
    c1 = low1;
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c0;
}

/// Whether dropout keeps the weight of this pair: a function of the seed and the place alone.
__device__ inline bool keeps_weight(const AttentionParams& p, int batch, int head, int row, int key) {
  const std::uint32_t word =
      philox4x32_10(static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(head),
                    static_cast<std::uint32_t>(batch), p.seed_low, p.seed_high);
  return word >= p.dropout_threshold;
}

}  // namespace attest::cuda
