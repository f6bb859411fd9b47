#pragma once

// A tile in shared memory whose contraction index is the slow one, for products on CUDA cores: tile[inner][outer], 64
// outer places. Rows are read from memory along `inner`, so they arrive transposed; groups of four outer places trade
// places by inner / 4, so that neither the store of four inner places by 8 lanes nor the load of four outer places
// meets a bank twice.

namespace attest::cuda {

inline constexpr int tile_outer = 64;

/// Place of (inner, outer); four outer places from a multiple of four on lie together.
__device__ inline int transposed_at(int inner, int outer) {
  return inner * tile_outer + (outer ^ ((inner >> 2 & 7) << 2));
}

/// Four outer places from `outer` on, a multiple of four.
__device__ inline float4 read_transposed(const float* tile, int inner, int outer) {
  return *reinterpret_cast<const float4*>(tile + transposed_at(inner, outer));
}

/// Stores four inner places from `inner` on, a multiple of four, of one outer place.
__device__ inline void write_transposed(float* tile, int inner, int outer, float4 values) {
  const int place = transposed_at(inner, outer);  // the same swizzle for all four
  tile[place] = values.x;
  tile[place + tile_outer] = values.y;
  tile[place + 2 * tile_outer] = values.z;
  tile[place + 3 * tile_outer] = values.w;
}

/// sums[i][j] += a[i] * b[j].
__device__ inline void add_outer_product(float (&sums)[4][4], float4 a, float4 b) {
  const float left[4] = {a.x, a.y, a.z, a.w};
  const float right[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j)
      sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
  }
}

}  // namespace attest::cuda
