#pragma once

#include <cstdint>
#include <type_traits>

#include "variants/common/cuda/four_elements.cuh"
#include "variants/common/cuda/tile_entries.cuh"
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

/// The pass of either attention that writes weights: all tiles of keys once more, each staged in shared memory on its
/// way out. Own says how and where a tile is staged.
template <class Own, class Attention, class Element, class Shape>
class WeightPass : public Attention {
 public:
  using Attention::Attention;

  __device__ void run(const WeightTensors<Element>& tensors) {
    const AttentionParams& params = this->p;
    const int batch = this->map_.batch;
    const int head = this->map_.slot;
    const int last_row = min(this->first_row_ + Shape::rows, params.seq_q) - 1;
    const int keys = key_count(params, this->tensors_.kv_lengths, batch);
#pragma unroll
    for (int n = 0; n < Shape::own_rows; ++n) {
      const int row = this->own_row(n);
      this->visible_[n] = row <= last_row ? keys_of_row(params, keys, row) : KeySpan{0, 0};
      lse_[n] = row <= last_row ? tensors.lse[this->map_.line(row)] : 0.0f;
    }
    const KeySpan any = keys_of_any(params, keys, this->first_row_, last_row);
    const int begin = any.empty() ? params.seq_kv : any.first / Shape::keys * Shape::keys;

    Own& own = static_cast<Own&>(*this);
    if (!any.empty()) this->begin([&] { this->load_keys(0, begin, any.last); });
    const int warp_first = static_cast<int>(threadIdx.x) / warp_lanes * Own::warp_rows;
    const int warp_row = this->first_row_ + warp_first;
    float* const staged = own.staged() + warp_first * Own::stride;
    int stage = 0;
    for (int first = 0; first < params.seq_kv; first += Shape::keys) {
      const bool is_seen = first >= begin && first < any.last;  // by some row of the block
      if (is_seen) {
        wait_for_copies<0>();
        __syncthreads();  // the tile is here, and all are done with the one before
        if (first + Shape::keys < any.last) this->load_keys(stage ^ 1, first + Shape::keys, any.last);
        commit_copies();
        own.stage(this->keys_ + stage * Shape::tile_bytes, first);
        __syncwarp();
        stage ^= 1;
      }
      for (int n = 0; n < Own::warp_rows && warp_row + n <= last_row; ++n) {
        write_row(params, tensors.weights, is_seen ? staged + n * Own::stride : nullptr, batch, head, warp_row + n,
                  first, min(Shape::keys, params.seq_kv - first));
      }
      __syncwarp();
    }
    merge_context<Shape::threads>(params, tensors, batch, head, this->first_row_, last_row);
  }

 protected:
  float lse_[Shape::own_rows];
};

/// Scores once more on the tensor cores. Behind MmaAttention's shared memory it has weight_bytes.
template <class Element, class Shape>
class MmaWeights
    : public WeightPass<MmaWeights<Element, Shape>, MmaAttention<Element, Shape, false, PairTensors>, Element, Shape> {
  using Attention = MmaAttention<Element, Shape, false, PairTensors>;
  using Pass = WeightPass<MmaWeights, Attention, Element, Shape>;
  friend Pass;

 public:
  using Pass::Pass;

 private:
  static constexpr int warp_rows = 16;
  static constexpr int stride = weight_stride;

  __device__ float* staged() const { return reinterpret_cast<float*>(this->queries_ + Shape::shared_bytes); }

  __device__ void stage(unsigned char* tile, int first) {
    FragmentC scores[Attention::key_blocks] = {};
    this->multiply_keys(scores, tile);
    this->shape(scores, first);
#pragma unroll
    for (int block = 0; block < Attention::key_blocks; ++block) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float* pair = scores[block].value + half * 2;
        const int row = this->warp() * warp_rows + half * 8 + this->lane() / 4;
        float* to = staged() + row * stride + block * 8 + this->lane() % 4 * 2;
        *reinterpret_cast<float2*>(to) = {final_weight(pair[0], this->lse_[half]),
                                          final_weight(pair[1], this->lse_[half])};
      }
    }
  }
};

/// The same in f32 on the ordinary units.
template <class Shape>
class SimtWeights : public WeightPass<SimtWeights<Shape>, SimtAttention<Shape, false, PairTensors>, float, Shape> {
  using Attention = SimtAttention<Shape, false, PairTensors>;
  using Pass = WeightPass<SimtWeights, Attention, float, Shape>;
  friend Pass;

 public:
  using Pass::Pass;

 private:
  static constexpr int warp_rows = warp_lanes / Shape::side * Shape::own_rows;
  static constexpr int stride = Shape::weight_stride;

  __device__ float* staged() const { return this->weights_; }

  __device__ void stage(const unsigned char* tile, int first) {
    float scores[Shape::own_rows][Shape::own_keys] = {};
    this->multiply_keys(scores, tile);
    this->shape(scores, first);
#pragma unroll
    for (int m = 0; m < Shape::own_rows; ++m) {
      float* row = staged() + (this->y() * Shape::own_rows + m) * stride;
#pragma unroll
      for (int n = 0; n < Shape::own_keys; ++n)
        row[this->x() + n * Shape::side] = final_weight(scores[m][n], this->lse_[m]);
    }
  }
};

/// The one of them that takes the type.
template <class Element, int Width>
using ModuleWeights =
    std::conditional_t<sizeof(Element) == 4, SimtWeights<SimtShapeFor<Width>>, MmaWeights<Element, MmaShapeFor<Width>>>;

}  // namespace attest::multihead
