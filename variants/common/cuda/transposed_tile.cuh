#pragma once

#include <cstdint>

#include "variants/common/cuda/four_elements.cuh"

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

/// Columns first .. end - 1 of 64 rows of a dense matrix to tile[column - first][row], each through `change`. Row `row`
/// is the tile's first, and may be negative; rows outside of 0 .. row_end - 1 become 0. `first` and `end` are multiples
/// of 4.
template <int Threads, class Element, class Change>
__device__ void load_transposed(float* tile, const Element* rows, int row, int row_end, int first, int end, int width,
                                Change change) {
  // 8 lanes read 32 neighbouring columns.
  const int slices = (end - first + 31) / 32;
  for (int place = static_cast<int>(threadIdx.x); place < slices * tile_outer * 8; place += Threads) {
    const int outer = place / 8 % tile_outer;
    const int inner = place / (8 * tile_outer) * 32 + place % 8 * 4;
    if (first + inner >= end) continue;
    float4 values{0.0f, 0.0f, 0.0f, 0.0f};
    if (row + outer >= 0 && row + outer < row_end) {
      values = change(load_four(rows + static_cast<std::int64_t>(row + outer) * width + first + inner));
    }
    write_transposed(tile, inner, outer, values);
  }
}

/// 64 columns from `first` on of 64 rows of a dense matrix to tile[row][column], each through `change`; rows outside of
/// 0 .. row_end - 1 and columns from `width` on become 0.
template <int Threads, class Element, class Change>
__device__ void load_straight(float* tile, const Element* rows, int row, int row_end, int first, int width,
                              Change change) {
  for (int place = static_cast<int>(threadIdx.x); place < tile_outer * 16; place += Threads) {
    const int own = row + place / 16;
    const int column = first + place % 16 * 4;
    float4 values{0.0f, 0.0f, 0.0f, 0.0f};
    if (own >= 0 && own < row_end && column < width) {
      values = change(load_four(rows + static_cast<std::int64_t>(own) * width + column));
    }
    *reinterpret_cast<float4*>(tile + place * 4) = values;
  }
}

/// Four columns of a straight tile.
__device__ inline float4 read_straight(const float* tile, int row, int column) {
  return *reinterpret_cast<const float4*>(tile + row * tile_outer + column);
}

/// For the loads: as stored.
struct Unchanged {
  __device__ float4 operator()(float4 values) const { return values; }
};

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
