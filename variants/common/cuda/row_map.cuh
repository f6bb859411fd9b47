#pragma once

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"

namespace attest::cuda {

/// What RowMap's argument says.
constexpr bool rows_of_head = false;
constexpr bool rows_of_group = true;

/// Which query rows a block takes: the rows of one query head or, packed, neighbouring rows of all heads that share a
/// key head, where packed row n is row n / group of head n % group of the group.
template <bool Packed>
struct RowMap {
  const AttentionParams& p;
  int batch;
  int slot;  ///< query head, or key head where packed

  __device__ int total() const { return Packed ? p.group * p.seq_q : p.seq_q; }
  __device__ int row(int number) const { return Packed ? number / p.group : number; }
  __device__ int head(int number) const { return Packed ? slot * p.group + number % p.group : slot; }
  __device__ int head_kv() const { return Packed ? slot : slot / p.group; }

  /// Number of the row in (b, hq, sq).
  __device__ std::int64_t line(int number) const {
    return (static_cast<std::int64_t>(batch) * p.heads_q + head(number)) * p.seq_q + row(number);
  }
  /// Number of key 0 of the key head in (b, hkv, skv).
  __device__ std::int64_t key_line() const {
    return (static_cast<std::int64_t>(batch) * p.heads_kv + head_kv()) * p.seq_kv;
  }
};

}  // namespace attest::cuda
