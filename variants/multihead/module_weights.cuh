#pragma once

#include <cstdint>

#include "variants/common/cuda/four_elements.cuh"
#include "variants/common/cuda/mma_attention.cuh"
#include "variants/common/cuda/simt_attention.cuh"
#include "variants/multihead/cuda.hpp"

namespace attest::multihead {

using namespace attest::cuda;

/// What is left to write after the attention: its weights, from its logarithms of sums, and the merged context.
template <class Element>
struct WeightTensors {
  const float* lse;        // (b, h, sq)
  float* weights;          // (b, h, sq, skv)
  const Element* context;  // (b, h, sq, d)
  float* merged;           // (b, sq, d_model)
  Element* merged_copy;    // the same as stored; null in f32
};

/// One weight from its score, before dropout: 0 where the key is hidden.
__device__ inline float final_weight(float score, float lse) {
  return score == minus_infinity ? 0.0f : exp2_approximate((score - lse) * log2_of_e);
}

/// Lanes write neighbouring keys of a query row, from `first` on: kappa times `from`, or zeros where that is null.
__device__ inline void write_row(const AttentionParams& p, float* weights, const float* from, int batch, int head,
                                 int row, int first, int count) {
  float* to = weights + ((static_cast<std::int64_t>(batch) * p.heads_q + head) * p.seq_q + row) * p.seq_kv + first;
#pragma unroll 1
  for (int key = static_cast<int>(threadIdx.x) % warp_lanes; key < count; key += warp_lanes) {
    float weight = from == nullptr ? 0.0f : from[key];
    // A product, so that NaN stays NaN where the weight is dropped.
    if (p.has_dropout && from != nullptr) {
      weight *= keeps_weight(p, batch, head, row, first + key) ? p.kept_multiplier : 0.0f;
    }
    to[key] = weight;
  }
}

/// Rows first_row .. last_row of one head, from their own place to that among the tokens.
template <int Threads, class Element>
__device__ void merge_context(const AttentionParams& p, const WeightTensors<Element>& tensors, int batch, int head,
                              int first_row, int last_row) {
  const int fours = p.head_dim / 4;
  for (int n = static_cast<int>(threadIdx.x); n < (last_row - first_row + 1) * fours; n += Threads) {
    const int row = first_row + n / fours;
    const int column = n % fours * 4;
    const std::int64_t line = (static_cast<std::int64_t>(batch) * p.heads_q + head) * p.seq_q + row;
    const float4 values = load_four(tensors.context + line * p.head_dim + column);
    const std::int64_t token = static_cast<std::int64_t>(batch) * p.seq_q + row;
    const std::int64_t place = (token * p.heads_q + head) * p.head_dim + column;
    store_four(tensors.merged + place, values);
    if (tensors.merged_copy != nullptr) store_four(tensors.merged_copy + place, values);
  }
}

/// Scores once more on the tensor cores, tile by tile, and the weights that they are.
template <class Element, class Shape>
class MmaWeights : public MmaAttention<Element, Shape, false, PairTensors> {
  using Base = MmaAttention<Element, Shape, false, PairTensors>;

 public:
  using Base::Base;

  /// `staged` has weight_bytes in shared memory.
  __device__ void run(const WeightTensors<Element>& tensors, float* staged) {
    const AttentionParams& params = this->p;
    const int batch = this->map_.batch;
    const int head = this->map_.slot;
    const int last_row = min(this->first_row_ + Shape::rows, params.seq_q) - 1;
    const int keys = key_count(params, this->tensors_.kv_lengths, batch);
    float lse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = this->own_row(half);
      this->visible_[half] = row <= last_row ? keys_of_row(params, keys, row) : KeySpan{0, 0};
      lse[half] = row <= last_row ? tensors.lse[this->map_.line(row)] : 0.0f;
    }
    const KeySpan any = keys_of_any(params, keys, this->first_row_, last_row);
    const int begin = any.empty() ? params.seq_kv : any.first / Shape::keys * Shape::keys;

    if (!any.empty()) {
      this->load_queries();
      commit_copies();
      this->load_keys(0, begin, any.last);
      commit_copies();
      wait_for_copies<1>();
      __syncthreads();
      this->hold_queries();
    }
    const int warp_row = this->first_row_ + this->warp() * 16;
    float* own = staged + this->warp() * 16 * weight_stride;
    int stage = 0;
    for (int first = 0; first < params.seq_kv; first += Shape::keys) {
      const bool is_seen = first >= begin && first < any.last;  // by some row of the block
      if (is_seen) {
        wait_for_copies<0>();
        __syncthreads();  // the tile is here, and all are done with the one before
        if (first + Shape::keys < any.last) this->load_keys(stage ^ 1, first + Shape::keys, any.last);
        commit_copies();
        stage_weights(own, this->keys_ + stage * Shape::tile_bytes, lse, first);
        stage ^= 1;
      }
      for (int n = 0; n < 16 && warp_row + n <= last_row; ++n) {
        write_row(params, tensors.weights, is_seen ? own + n * weight_stride : nullptr, batch, head, warp_row + n,
                  first, min(Shape::keys, params.seq_kv - first));
      }
      __syncwarp();
    }
    merge_context<Shape::threads>(params, tensors, batch, head, this->first_row_, last_row);
  }

 private:
  __device__ void stage_weights(float* own, unsigned char* tile, const float (&lse)[2], int first) {
    FragmentC scores[Base::key_blocks] = {};
    this->multiply_keys(scores, tile);
    this->shape(scores, first);
#pragma unroll
    for (int block = 0; block < Base::key_blocks; ++block) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float* pair = scores[block].value + half * 2;
        float* to = own + (half * 8 + this->lane() / 4) * weight_stride + block * 8 + this->lane() % 4 * 2;
        *reinterpret_cast<float2*>(to) = {final_weight(pair[0], lse[half]), final_weight(pair[1], lse[half])};
      }
    }
    __syncwarp();
  }
};

/// The same in f32 on the ordinary units.
template <class Shape>
class SimtWeights : public SimtAttention<Shape, false, PairTensors> {
  using Base = SimtAttention<Shape, false, PairTensors>;

 public:
  using Base::Base;

  __device__ void run(const WeightTensors<float>& tensors) {
    const AttentionParams& params = this->p;
    const int batch = this->map_.batch;
    const int head = this->map_.slot;
    const int last_row = min(this->first_row_ + Shape::rows, params.seq_q) - 1;
    const int keys = key_count(params, this->tensors_.kv_lengths, batch);
    float lse[Base::own_rows];
#pragma unroll
    for (int m = 0; m < Base::own_rows; ++m) {
      const int row = this->own_row(m);
      this->visible_[m] = row <= last_row ? keys_of_row(params, keys, row) : KeySpan{0, 0};
      lse[m] = row <= last_row ? tensors.lse[this->map_.line(row)] : 0.0f;
    }
    const KeySpan any = keys_of_any(params, keys, this->first_row_, last_row);
    const int begin = any.empty() ? params.seq_kv : any.first / Shape::keys * Shape::keys;

    if (!any.empty()) {
      this->load_queries();
      this->load_keys(0, begin, any.last);
      commit_copies();
    }
    constexpr int warp_rows = warp_lanes / Shape::side * Base::own_rows;
    const int warp_first = static_cast<int>(threadIdx.x) / warp_lanes * warp_rows;
    int stage = 0;
    for (int first = 0; first < params.seq_kv; first += Shape::keys) {
      const bool is_seen = first >= begin && first < any.last;  // by some row of the block
      if (is_seen) {
        wait_for_copies<0>();
        __syncthreads();  // the tile is here, and all are done with the one before
        if (first + Shape::keys < any.last) this->load_keys(stage ^ 1, first + Shape::keys, any.last);
        commit_copies();
        stage_weights(this->keys_ + stage * Shape::tile_bytes, lse, first);
        stage ^= 1;
      }
      for (int n = 0; n < warp_rows && this->first_row_ + warp_first + n <= last_row; ++n) {
        write_row(params, tensors.weights, is_seen ? this->weights_ + (warp_first + n) * Shape::weight_stride : nullptr,
                  batch, head, this->first_row_ + warp_first + n, first, min(Shape::keys, params.seq_kv - first));
      }
      __syncwarp();
    }
    merge_context<Shape::threads>(params, tensors, batch, head, this->first_row_, last_row);
  }

 private:
  __device__ void stage_weights(const unsigned char* tile, const float (&lse)[Base::own_rows], int first) {
    float scores[Base::own_rows][Base::own_keys] = {};
    this->multiply_keys(scores, tile);
    this->shape(scores, first);
#pragma unroll
    for (int m = 0; m < Base::own_rows; ++m) {
      float* row = this->weights_ + (this->y() * Base::own_rows + m) * Shape::weight_stride;
#pragma unroll
      for (int n = 0; n < Base::own_keys; ++n) {
        row[this->x() + n * Shape::side] = final_weight(scores[m][n], lse[m]);
      }
    }
    __syncwarp();
  }
};

}  // namespace attest::multihead
