#pragma once

#include <cstdint>

// What the host tells the device code of multihead/cuda beside the usual parameters.

namespace attest::multihead {

/// A product of tokens with one of the module's matrices: (tokens, width) times (width, width) transposed.
struct ProjectionShape {
  std::int32_t tokens;  ///< of all batch entries
  std::int32_t rows;    ///< tokens of one batch entry
  std::int32_t width;   ///< d_model = heads * head_dim
  std::int32_t head_dim;
};

inline constexpr int projection_tile = 64;  ///< tokens a block, and features
inline constexpr int scalar_projection_threads = 256;
inline constexpr int tensor_projection_threads = 128;

/// Floats from one row of the weights on their way out to the next: 8 rows on, the banks are the same.
inline constexpr int weight_stride = 64 + 8;
/// Shared bytes that the weights of 64 rows and 64 keys take beside MmaAttention's.
inline constexpr int weight_bytes = 64 * weight_stride * 4;

}  // namespace attest::multihead
