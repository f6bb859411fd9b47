#pragma once

#include <cstdint>

#include "variants/common/cuda/element.cuh"
#include "variants/common/cuda/four_elements.cuh"
#include "variants/common/cuda/mma.cuh"
#include "variants/common/cuda/tile_load.cuh"
#include "variants/common/cuda/transposed_tile.cuh"
#include "variants/common/cuda/warp.cuh"
#include "variants/multihead/cuda.hpp"

namespace attest::multihead {

using namespace attest::cuda;

/// Four neighbouring numbers, each rounded to Element and back.
template <class Element>
__device__ __forceinline__ float4 rounded(float4 values) {
  const float2 first = unpack<Element>(pack<Element>(values.x, values.y));
  const float2 last = unpack<Element>(pack<Element>(values.z, values.w));
  return {first.x, first.y, last.x, last.y};
}

/// Where a projection goes: split into heads (b, h, s, d), as the attention reads them and as the stage result in f32
/// of the very same numbers.
template <class Element>
struct ToHeads {
  float* heads;
  Element* copy;

  __device__ void store(const ProjectionShape& shape, int token, int feature, float4 values) const {
    const int heads_count = shape.width / shape.head_dim;
    const std::int64_t line =
        (static_cast<std::int64_t>(token / shape.rows) * heads_count + feature / shape.head_dim) * shape.rows +
        token % shape.rows;
    const std::int64_t place = line * shape.head_dim + feature % shape.head_dim;
    store_four(copy + place, values);
    store_four(heads + place, rounded<Element>(values));
  }
};
template <>
struct ToHeads<float> {
  float* heads;
  float* copy;  ///< not used: the stage result is what the attention reads

  __device__ void store(const ProjectionShape& shape, int token, int feature, float4 values) const {
    const int heads_count = shape.width / shape.head_dim;
    const std::int64_t line =
        (static_cast<std::int64_t>(token / shape.rows) * heads_count + feature / shape.head_dim) * shape.rows +
        token % shape.rows;
    store_four(heads + line * shape.head_dim + feature % shape.head_dim, values);
  }
};

/// Where a projection goes: as tokens (b, s, d_model).
template <class Element>
struct ToTokens {
  Element* out;

  __device__ void store(const ProjectionShape& shape, int token, int feature, float4 values) const {
    store_four(out + static_cast<std::int64_t>(token) * shape.width + feature, values);
  }
};

/// Adds the bias to four neighbouring features of one token and stores them; nothing outside of the result.
template <class Element, class To>
__device__ __forceinline__ void finish(const ProjectionShape& shape, const Element* bias, const To& to, int token,
                                       int feature, float4 sums) {
  if (token >= shape.tokens || feature >= shape.width) return;
  const float4 own = load_four(bias + feature);
  to.store(shape, token, feature, {sums.x + own.x, sums.y + own.y, sums.z + own.z, sums.w + own.w});
}

/// to = x w^T + bias for 64 tokens and 64 features, in f32: thread (x, y) takes features 4x .. 4x + 3 of tokens 4y ..
/// 4y + 3. Preconditions: width is a multiple of 8, scalar_projection_threads threads, grid (tokens, features) / 64.
template <class To>
__device__ void project(const float* x, const float* w, const float* bias, const To& to, const ProjectionShape& shape) {
  constexpr int depth = 32;
  __shared__ float4 token_memory[depth * projection_tile / 4];   // depth x 64 tokens
  __shared__ float4 matrix_memory[depth * projection_tile / 4];  // depth x 64 features
  float* tokens = reinterpret_cast<float*>(token_memory);
  float* matrix = reinterpret_cast<float*>(matrix_memory);
  const int first_token = static_cast<int>(blockIdx.x) * projection_tile;
  const int first_feature = static_cast<int>(blockIdx.y) * projection_tile;
  const int token = static_cast<int>(threadIdx.x) / 16 * 4;
  const int feature = static_cast<int>(threadIdx.x) % 16 * 4;
  float sums[4][4] = {};
  for (int first = 0; first < shape.width; first += depth) {
    const int end = min(first + depth, shape.width);
    __syncthreads();
    load_transposed<scalar_projection_threads>(tokens, x, first_token, shape.tokens, first, end, shape.width,
                                               Unchanged{});
    load_transposed<scalar_projection_threads>(matrix, w, first_feature, shape.width, first, end, shape.width,
                                               Unchanged{});
    __syncthreads();
#pragma unroll 8
    for (int inner = 0; inner < end - first; ++inner)
      add_outer_product(sums, read_transposed(tokens, inner, token), read_transposed(matrix, inner, feature));
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    finish(shape, bias, to, first_token + token + i, first_feature + feature,
           {sums[i][0], sums[i][1], sums[i][2], sums[i][3]});
  }
}

/// The same on the tensor cores: 4 warps of 32 tokens x 32 features each; slices of 64 of the inner dimension arrive
/// two deep. tensor_projection_threads threads.
template <class Element, class To>
__device__ void project(const Element* x, const Element* w, const Element* bias, const To& to,
                        const ProjectionShape& shape) {
  constexpr int depth = 64;
  constexpr int chunks = depth / 8;
  constexpr int tile_bytes = projection_tile * depth * 2;
  constexpr int stride = projection_tile + 8;  // of the result: 8 rows on, the banks are the same
  static_assert(projection_tile * stride * 4 <= 4 * tile_bytes);
  __shared__ __align__(1024) unsigned char memory[4 * tile_bytes];  // two tiles of tokens, two of the matrix
  const int first_token = static_cast<int>(blockIdx.x) * projection_tile;
  const int first_feature = static_cast<int>(blockIdx.y) * projection_tile;
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  const int warp_token = static_cast<int>(threadIdx.x) / warp_lanes / 2 * 32;
  const int warp_feature = static_cast<int>(threadIdx.x) / warp_lanes % 2 * 32;

  const auto load = [&](int stage, int first) {
    const auto rows = [&](const Element* matrix, int first_row, int row_end) {
      return [=, &shape](int row) {
        const bool present = first_row + row < row_end;
        const std::int64_t line = present ? first_row + row : first_row;
        return SourceRow<Element>{matrix + line * shape.width + first, present};
      };
    };
    copy_tile<Element, projection_tile, chunks, tensor_projection_threads>(
        memory + stage * tile_bytes, shape.width - first, rows(x, first_token, shape.tokens));
    copy_tile<Element, projection_tile, chunks, tensor_projection_threads>(
        memory + (2 + stage) * tile_bytes, shape.width - first, rows(w, first_feature, shape.width));
  };

  FragmentC sums[2][4] = {};  // 32 tokens x 32 features
  load(0, 0);
  commit_copies();
  int stage = 0;
  for (int first = 0; first < shape.width; first += depth) {
    wait_for_copies<0>();
    __syncthreads();  // the slice is here, and all are done with the one before
    if (first + depth < shape.width) load(stage ^ 1, first + depth);
    commit_copies();
    // Matrices of tokens: rows 0-7 and 8-15 of the first chunk, then of the second; of features: both chunks of rows
    // 0-7, then of rows 8-15. Later steps are two chunks on, an XOR since the swizzle is one too.
    const std::uint32_t tokens =
        shared_address(memory + stage * tile_bytes) + swizzled<chunks>(warp_token + lane % 16, lane / 16);
    const std::uint32_t matrix = shared_address(memory + (2 + stage) * tile_bytes) +
                                 swizzled<chunks>(warp_feature + lane / 16 * 8 + lane % 8, lane / 8 % 2);
#pragma unroll
    for (int step = 0; step < depth / 16; ++step) {
      FragmentA token[2];
      std::uint32_t feature[2][4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const auto place = static_cast<std::uint32_t>(half * 16 * depth * 2);
        load_matrices(token[half].pair, (tokens ^ static_cast<std::uint32_t>(step * 32)) + place);
        load_matrices(feature[half], (matrix ^ static_cast<std::uint32_t>(step * 32)) + place);
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          mma<Element>(sums[i][j], token[i], feature[j / 2][j % 2 * 2], feature[j / 2][j % 2 * 2 + 1]);
      }
    }
    stage ^= 1;
  }

  // Through shared memory, so that neighbouring features go out together.
  __syncthreads();
  float* result = reinterpret_cast<float*>(memory);  // 64 tokens x 64 features
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = warp_token + i * 16 + half * 8 + lane / 4;
        *reinterpret_cast<float2*>(result + row * stride + warp_feature + j * 8 + lane % 4 * 2) = {
            sums[i][j].value[half * 2], sums[i][j].value[half * 2 + 1]};
      }
    }
  }
  __syncthreads();
  for (int four = static_cast<int>(threadIdx.x); four < projection_tile * projection_tile / 4;
       four += tensor_projection_threads) {
    const int row = four / (projection_tile / 4);
    const int column = four % (projection_tile / 4) * 4;
    finish(shape, bias, to, first_token + row, first_feature + column,
           *reinterpret_cast<const float4*>(result + row * stride + column));
  }
}

}  // namespace attest::multihead
