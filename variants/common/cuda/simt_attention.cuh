#pragma once

#include <cstdint>

#include "variants/common/cuda/async_copy.cuh"
#include "variants/common/cuda/block_view.cuh"
#include "variants/common/cuda/dropout.cuh"
#include "variants/common/cuda/online_softmax.cuh"
#include "variants/common/cuda/pair_terms.cuh"
#include "variants/common/cuda/simt_shape.hpp"
#include "variants/common/cuda/tile_frame.cuh"
#include "variants/common/cuda/tile_load.cuh"

namespace attest::cuda {

/// MmaAttention's algorithm in f32 on the ordinary units. Thread (x, y) takes rows 4y .. 4y + 3, of a tile the keys
/// x + 16n, and of the output Shape::width / 16 columns. Preconditions: head dims up to Shape::width, Shape::threads
/// threads, Shape::shared_bytes of dynamic shared memory, grid (row blocks, slots, batch).
template <class Shape, bool Packed, class Pairs, class View = BandView>
class SimtAttention : public TileFrame<SimtAttention<Shape, Packed, Pairs, View>, float, Shape, Packed, Pairs, View> {
  using Frame = TileFrame<SimtAttention, float, Shape, Packed, Pairs, View>;
  friend Frame;

 public:
  using Frame::Frame;

 protected:
  using Frame::p, Frame::tensors_, Frame::pairs_, Frame::map_, Frame::first_row_, Frame::visible_;
  using Frame::queries_, Frame::keys_, Frame::values_;

  static constexpr int own_rows = Shape::own_rows;
  static constexpr int own_keys = Shape::own_keys;
  static constexpr int vector = Shape::width >= 64 ? 4 : 2;              // neighbouring columns of a thread
  static constexpr int vectors = Shape::width / (Shape::side * vector);  // of them a thread
  /// Stands for the weight of a hidden key, whose value must not even be multiplied by 0.
  static constexpr float hidden = -1.0f;

  __device__ int x() const { return static_cast<int>(threadIdx.x) % Shape::side; }
  __device__ int y() const { return static_cast<int>(threadIdx.x) / Shape::side; }
  __device__ int own_row(int n) const { return first_row_ + y() * own_rows + n; }  // packed number
  __device__ int own_key(int first, int n) const { return first + x() + n * Shape::side; }
  __device__ int own_column(int n) const { return (n * Shape::side + x()) * vector; }

  /// Sends for Q and, by `load_first`, for the first tile.
  template <class Load>
  __device__ void begin(const Load& load_first) {
    this->load_queries();
    load_first();
    commit_copies();
  }

  __device__ void load_keys(int stage, int first, int last) {
    load_rows(keys_ + stage * Shape::tile_bytes, tensors_.k, p.head_dim, first, last);
  }
  __device__ void load_values(int stage, int first, int last) {
    load_rows(values_ + stage * Shape::tile_bytes, tensors_.v, p.head_dim_v, first, last);
  }

  __device__ void load_rows(unsigned char* tile, const float* rows, int columns, int first, int last) {
    const float* const from = rows + (map_.key_line() + first) * columns;
    copy_tile<float, Shape::keys, Shape::chunks, Shape::threads>(tile, columns, [&](int row) {
      const bool present = first + row < last;
      return SourceRow<float>{present ? from + row * columns : from, present};
    });
  }

  __device__ void attend(int stage, int first, bool whole) {
    float scores[own_rows][own_keys] = {};
    multiply_keys(scores, keys_ + stage * Shape::tile_bytes);
    if (Pairs::shapes || !whole) shape(scores, first);
    weigh(scores, first, whole);
    // The weights of a row are written and read by the same half of a warp.
    __syncwarp();
    if (whole) {
      multiply_values<false>(values_ + stage * Shape::tile_bytes);
    } else {
      multiply_values<true>(values_ + stage * Shape::tile_bytes);
    }
  }

  __device__ static float4 chunk_of(const unsigned char* tile, int row, int chunk) {
    return *reinterpret_cast<const float4*>(tile + swizzled<Shape::chunks>(row, chunk));
  }

  /// scores += q k^T, four columns at a time.
  __device__ void multiply_keys(float (&scores)[own_rows][own_keys], const unsigned char* tile) const {
    const int used_chunks = (p.head_dim + 3) / 4;
#pragma unroll 2
    for (int chunk = 0; chunk < used_chunks; ++chunk) {
      float4 key[own_keys];
#pragma unroll
      for (int n = 0; n < own_keys; ++n)
        key[n] = chunk_of(tile, x() + n * Shape::side, chunk);
#pragma unroll
      for (int m = 0; m < own_rows; ++m) {
        const float4 query = chunk_of(queries_, y() * own_rows + m, chunk);
#pragma unroll
        for (int n = 0; n < own_keys; ++n) {
          float& score = scores[m][n];
          score = fmaf(query.x, key[n].x, score);
          score = fmaf(query.y, key[n].y, score);
          score = fmaf(query.z, key[n].z, score);
          score = fmaf(query.w, key[n].w, score);
        }
      }
    }
  }

  /// Before the softmax: hidden keys become -inf, whatever their scores are, and pairs are shaped.
  __device__ void shape(float (&scores)[own_rows][own_keys], int first) const {
#pragma unroll
    for (int m = 0; m < own_rows; ++m) {
      const int number = min(own_row(m), map_.total() - 1);
      const typename Pairs::Row row = pairs_.row(p, map_.batch, map_.head(number), map_.row(number));
#pragma unroll
      for (int n = 0; n < own_keys; ++n) {
        const int key = own_key(first, n);
        float score = minus_infinity;
        if (visible_[m].holds(key)) score = row.score(p, key, scores[m][n]);
        scores[m][n] = score;
      }
    }
  }

  /// Brings the sums so far to the new base and leaves the weights of the tile in shared memory.
  __device__ void weigh(const float (&scores)[own_rows][own_keys], int first, bool whole) {
    const float scale = p.exponent_scale;
#pragma unroll
    for (int m = 0; m < own_rows; ++m) {
      float largest = minus_infinity;
#pragma unroll
      for (int n = 0; n < own_keys; ++n)
        largest = fmaxf(largest, scores[m][n]);
      const float factor = softmax_[m].update(largest, scale);
#pragma unroll
      for (int n = 0; n < vectors * vector; ++n)
        sums_[m][n] *= factor;
      float* row = weights_ + (y() * own_rows + m) * Shape::weight_stride;
      const int number = own_row(m);
#pragma unroll
      for (int n = 0; n < own_keys; ++n) {
        const int key = own_key(first, n);
        float weight = softmax_[m].weight(scores[m][n], scale);
        softmax_[m].sum += weight;
        if (Pairs::shapes && p.has_dropout && !keeps_weight(p, map_.batch, map_.head(number), map_.row(number), key)) {
          weight = 0.0f;
        }
        row[x() + n * Shape::side] = !whole && scores[m][n] == minus_infinity ? hidden : weight;
      }
    }
  }

  /// sums += weights v, four keys at a time.
  template <bool Guarded>
  __device__ void multiply_values(const unsigned char* tile) {
    const float* const rows = weights_ + y() * own_rows * Shape::weight_stride;
#pragma unroll 1
    for (int four = 0; four < Shape::keys; four += 4) {
      float weight[own_rows][4];
#pragma unroll
      for (int m = 0; m < own_rows; ++m) {
        const float4 loaded = *reinterpret_cast<const float4*>(rows + m * Shape::weight_stride + four);
        weight[m][0] = loaded.x;
        weight[m][1] = loaded.y;
        weight[m][2] = loaded.z;
        weight[m][3] = loaded.w;
      }
#pragma unroll
      for (int key = 0; key < 4; ++key) {
        float value[vectors * vector];
        load_value(value, tile, four + key);
#pragma unroll
        for (int m = 0; m < own_rows; ++m) {
          if (Guarded && weight[m][key] == hidden) continue;
#pragma unroll
          for (int n = 0; n < vectors * vector; ++n)
            sums_[m][n] = fmaf(weight[m][key], value[n], sums_[m][n]);
        }
      }
    }
    // The next weights go to the same place.
    __syncwarp();
  }

  /// This thread's columns of one key of V.
  __device__ void load_value(float (&value)[vectors * vector], const unsigned char* tile, int key) const {
#pragma unroll
    for (int n = 0; n < vectors; ++n) {
      const int column = own_column(n);
      const unsigned char* from = tile + swizzled<Shape::chunks>(key, column / 4) + column % 4 * 4;
      if constexpr (vector == 4) {
        const float4 loaded = *reinterpret_cast<const float4*>(from);
        value[n * 4] = loaded.x;
        value[n * 4 + 1] = loaded.y;
        value[n * 4 + 2] = loaded.z;
        value[n * 4 + 3] = loaded.w;
      } else {
        const float2 loaded = *reinterpret_cast<const float2*>(from);
        value[n * 2] = loaded.x;
        value[n * 2 + 1] = loaded.y;
      }
    }
  }

  __device__ void store(int last_row) {
#pragma unroll
    for (int m = 0; m < own_rows; ++m) {
      softmax_[m].finish();
      const float inverse = softmax_[m].inverse(p.kept_multiplier);
      const int number = own_row(m);
      if (number > last_row) continue;
      if (x() == 0) tensors_.lse[map_.line(number)] = softmax_[m].lse();
      float* const row = tensors_.out + map_.line(number) * p.head_dim_v;
#pragma unroll
      for (int n = 0; n < vectors; ++n) {
        const int column = own_column(n);
        const float* const sums = sums_[m] + n * vector;
        if (vector == 4 && p.head_dim_v % 4 == 0) {
          if (column < p.head_dim_v) {
            *reinterpret_cast<float4*>(row + column) = make_float4(
                sums[0] * inverse, sums[1] * inverse, sums[vector - 2] * inverse, sums[vector - 1] * inverse);
          }
        } else {
#pragma unroll
          for (int c = 0; c < vector; ++c) {
            if (column + c < p.head_dim_v) row[column + c] = sums[c] * inverse;
          }
        }
      }
    }
  }

  float* weights_ = reinterpret_cast<float*>(values_ + 2 * Shape::tile_bytes);  // rows x keys, of the tile in work
  float sums_[own_rows][vectors * vector] = {};
  OnlineSoftmax<Shape::side> softmax_[own_rows];
};

}  // namespace attest::cuda
