#pragma once

// What the host tells the device code of linear/cuda_chunked.

namespace attest::linear {

/// Tokens in a chunk, and the side of a tile of the state.
inline constexpr int device_chunk = 64;
inline constexpr int device_threads = 256;

/// Sizes of the problem; tensors are dense.
struct ChunkedShape {
  int heads_q, heads_kv, seq_q, seq_kv;
  int dims, dims_v;
  int causal;                 ///< 1: row i sees the first i + offset + 1 keys; 0: all
  int offset;                 ///< of a row to its key, without the length
  int offset_follows_length;  ///< 1: the length of the batch entry is added to it
  int state_chunks;           ///< states of one key head in memory, one a chunk of keys
  int state_floats;           ///< of one state: dims x dims_v, then the sum of features, dims
  float eps;                  ///< added to the denominator
};

}  // namespace attest::linear
