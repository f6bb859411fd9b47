#pragma once

#include <cstdint>

#include "variants/common/cuda/async_copy.cuh"
#include "variants/common/cuda/block_view.cuh"
#include "variants/common/cuda/dropout.cuh"
#include "variants/common/cuda/mma.cuh"
#include "variants/common/cuda/mma_shape.hpp"
#include "variants/common/cuda/not_finite.cuh"
#include "variants/common/cuda/online_softmax.cuh"
#include "variants/common/cuda/pair_terms.cuh"
#include "variants/common/cuda/tile_frame.cuh"
#include "variants/common/cuda/tile_load.cuh"
#include "variants/common/cuda/unrolled.cuh"

namespace attest::cuda {

/// FlashAttention-2's forward pass on the tensor cores (Dao 2023, arXiv:2307.08691, algorithm 1), in TileFrame; each
/// warp takes 16 query rows. Preconditions: head dims are multiples of 8 up to Shape::width, Shape::threads threads,
/// Shape::shared_bytes of dynamic shared memory, grid (row blocks, slots, batch).
template <class Element, class Shape, bool Packed, class Pairs, class View = BandView>
class MmaAttention
    : public TileFrame<MmaAttention<Element, Shape, Packed, Pairs, View>, Element, Shape, Packed, Pairs, View> {
  using Frame = TileFrame<MmaAttention, Element, Shape, Packed, Pairs, View>;
  friend Frame;

 public:
  using Frame::Frame;

 protected:
  using Frame::p, Frame::tensors_, Frame::pairs_, Frame::map_, Frame::first_row_, Frame::visible_;
  using Frame::queries_, Frame::keys_, Frame::values_;

  static constexpr int key_blocks = Shape::keys / 8;      // of scores, 8 keys wide
  static constexpr int column_blocks = Shape::width / 8;  // of sums, 8 columns wide
  static constexpr int steps = Shape::width / 16;         // of the product with K
  // Wider queries stay in shared memory: with the sums they would not fit the registers.
  static constexpr bool holds_queries = Shape::width <= 128;

  __device__ int lane() const { return static_cast<int>(threadIdx.x) % warp_lanes; }
  __device__ int warp() const { return static_cast<int>(threadIdx.x) / warp_lanes; }
  /// Packed number of the row that this lane holds of fragments: g or g + 8.
  __device__ int own_row(int half) const { return first_row_ + warp() * 16 + half * 8 + lane() / 4; }

  /// Sends for Q and, by `load_first`, for the first tile.
  template <class Load>
  __device__ void begin(const Load& load_first) {
    this->load_queries();
    commit_copies();
    load_first();
    commit_copies();
    wait_for_copies<1>();
    __syncthreads();
    hold_queries();
  }

  __device__ void load_keys(int stage, int first, int last) {
    key_rows_.copy(shared_address(keys_) + stage * Shape::tile_bytes, first, last);
  }
  __device__ void load_values(int stage, int first, int last) {
    value_rows_.copy(shared_address(values_) + stage * Shape::tile_bytes, first, last);
  }

  /// Address of a lane's row of the four matrices of a fragment: `row` and chunk `half` (0, 1) of the first step. Later
  /// steps are two chunks on each, which is an XOR with 32 times the step, since the swizzle is an XOR too.
  __device__ std::uint32_t fragment_address(unsigned char* tile, int row, int half) const {
    return shared_address(tile) + swizzled<Shape::chunks>(row, half);
  }

  __device__ void load_query_step(FragmentA& to, int step) const {
    // Matrices: rows 0-7 and 8-15 of the first chunk, then of the second.
    const int row = warp() * 16 + lane() % 16;
    load_matrices(to.pair, fragment_address(queries_, row, lane() / 16) ^ static_cast<std::uint32_t>(step * 32));
  }

  __device__ void hold_queries() {
    if constexpr (holds_queries) {
#pragma unroll
      for (int step = 0; step < steps; ++step)
        load_query_step(held_[step], step);
    }
  }

  __device__ void attend(int stage, int first, bool whole) {
    unsigned char* values = values_ + stage * Shape::tile_bytes;
    std::uint64_t taken_out = 0;
    if (!whole) {
      take_out_not_finite<Element, Shape>(values, flags_);
      __syncthreads();
      taken_out = flagged_keys<Shape>(flags_);
    }
    FragmentC scores[key_blocks];  // 16 x keys
    multiply_keys(scores, keys_ + stage * Shape::tile_bytes);
    if (Pairs::shapes || !whole) shape(scores, first);
    weigh(scores, first);
    multiply_values(scores, values);
    if (taken_out != 0) give_back(scores, first, taken_out);
  }

  /// scores = q k^T
  __device__ void multiply_keys(FragmentC (&scores)[key_blocks], unsigned char* tile) const {
    // Matrices: both chunks of keys 0-7, then of keys 8-15.
    const std::uint32_t base = fragment_address(tile, lane() / 16 * 8 + lane() % 8, lane() / 8 % 2);
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      FragmentA query;
      if constexpr (holds_queries) {
        query = held_[step];
      } else {
        load_query_step(query, step);
      }
      const std::uint32_t address = base ^ static_cast<std::uint32_t>(step * 32);
      unrolled<key_blocks / 2>([&](auto pair) {
        constexpr int block = pair.value * 2;
        std::uint32_t key[4];
        load_matrices<block * 8 * Shape::row_bytes>(key, address);
        if (step == 0) {
          scores[block] = product<Element>(query, key[0], key[1]);
          scores[block + 1] = product<Element>(query, key[2], key[3]);
        } else {
          mma<Element>(scores[block], query, key[0], key[1]);
          mma<Element>(scores[block + 1], query, key[2], key[3]);
        }
      });
    }
  }

  /// Key of element n of a lane's part of a block of scores.
  __device__ int own_key(int first, int block, int n) const {
    return first + block * 8 + lane() % 4 * 2 + n % 2;
  }

  /// Visits the blocks of scores in a loop that stays one: they pass through the first place, since registers have no
  /// index. Unrolled, the code of a pair would stand there 32 times.
  template <class Visit>
  __device__ static void for_each_block(FragmentC (&scores)[key_blocks], const Visit& visit) {
#pragma unroll 1
    for (int block = 0; block < key_blocks; ++block) {
      FragmentC current = scores[0];
      visit(block, current);
#pragma unroll
      for (int next = 1; next < key_blocks; ++next)
        scores[next - 1] = scores[next];
      scores[key_blocks - 1] = current;
    }
  }

  /// Before the softmax: hidden keys become -inf, whatever their scores are, and pairs are shaped.
  __device__ void shape(FragmentC (&scores)[key_blocks], int first) const {
    if constexpr (Pairs::shapes) {
      const typename Pairs::Row rows[2] = {pair_row(0), pair_row(1)};
      for_each_block(scores, [&](int block, FragmentC& current) {
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          const int key = own_key(first, block, n);
          float score = minus_infinity;
          if (visible_[n / 2].holds(key)) score = rows[n / 2].score(p, key, current.value[n]);
          current.value[n] = score;
        }
      });
    } else {
#pragma unroll
      for (int block = 0; block < key_blocks; ++block) {
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          float& score = scores[block].value[n];
          score = visible_[n / 2].holds(own_key(first, block, n)) ? score : minus_infinity;
        }
      }
    }
  }

  /// scores -> weights, which dropout may have set to 0; the sums so far are brought to the new base.
  __device__ void weigh(FragmentC (&scores)[key_blocks], int first) {
    const float scale = p.exponent_scale;
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float largest = minus_infinity;
#pragma unroll
      for (int block = 0; block < key_blocks; ++block)
        largest = fmaxf(largest, fmaxf(scores[block].value[half * 2], scores[block].value[half * 2 + 1]));
      factor[half] = softmax_[half].update(largest, scale);
      const float shift = -softmax_[half].shift();
      float sum = 0.0f;
#pragma unroll
      for (int block = 0; block < key_blocks; ++block) {
#pragma unroll
        for (int n = 0; n < 2; ++n) {
          float& weight = scores[block].value[half * 2 + n];
          weight = exp2_approximate(fmaf(weight, scale, shift));
          sum += weight;
        }
      }
      softmax_[half].sum += sum;
    }
    // Most tiles hold no new largest score; NaN counts as a change.
    if (__any_sync(all_lanes, !(factor[0] == 1.0f && factor[1] == 1.0f))) {
#pragma unroll
      for (int block = 0; block < column_blocks; ++block) {
#pragma unroll
        for (int n = 0; n < 4; ++n)
          sums_[block].value[n] *= factor[n / 2];
      }
    }
    if (Pairs::shapes && p.has_dropout) drop(scores, first);
  }

  __device__ void drop(FragmentC (&weights)[key_blocks], int first) const {
    const int rows[2] = {map_.row(own_row(0)), map_.row(own_row(1))};
    const int heads[2] = {map_.head(own_row(0)), map_.head(own_row(1))};
    for_each_block(weights, [&](int block, FragmentC& current) {
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const bool kept = keeps_weight(p, map_.batch, heads[n / 2], rows[n / 2], own_key(first, block, n));
        current.value[n] = kept ? current.value[n] : 0.0f;
      }
    });
  }

  /// sums += weights v. The scores of two blocks of 8 keys are where the fragment of 16 keys wants them.
  __device__ void multiply_values(const FragmentC (&weights)[key_blocks], unsigned char* tile) {
    // Matrices: keys 0-7 and 8-15 of the first chunk, then of the second.
    const std::uint32_t base = fragment_address(tile, lane() % 16, lane() / 16);
    unrolled<key_blocks / 2>([&](auto pair) {
      constexpr int block = pair.value * 2;
      FragmentA weight;
      weight.pair[0] = pack<Element>(weights[block].value[0], weights[block].value[1]);
      weight.pair[1] = pack<Element>(weights[block].value[2], weights[block].value[3]);
      weight.pair[2] = pack<Element>(weights[block + 1].value[0], weights[block + 1].value[1]);
      weight.pair[3] = pack<Element>(weights[block + 1].value[2], weights[block + 1].value[3]);
#pragma unroll
      for (int step = 0; step < steps; ++step) {
        std::uint32_t value[4];
        load_matrices_transposed<block * 8 * Shape::row_bytes>(value, base ^ static_cast<std::uint32_t>(step * 32));
        mma<Element>(sums_[step * 2], weight, value[0], value[1]);
        mma<Element>(sums_[step * 2 + 1], weight, value[2], value[3]);
      }
    });
  }

  /// NaN and infinities that were taken out of the tile, for the rows that see their keys. Rare: no care for speed.
  __device__ void give_back(FragmentC (&weights)[key_blocks], int first, std::uint64_t taken_out) {
    for_each_block(weights, [&](int block, const FragmentC& current) {
#pragma unroll 1
      for (int n = 0; n < 8; ++n) {
        if ((taken_out >> (block * 8 + n) & 1) == 0) continue;
        const int key = first + block * 8 + n;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const float own = n % 2 == 0 ? current.value[half * 2] : current.value[half * 2 + 1];
          const float weight = __shfl_sync(all_lanes, own, lane() / 4 * 4 + n / 2);
          if (visible_[half].holds(key) && pair_row(half).shows(p, key)) add_not_finite(half, weight, key);
        }
      }
    });
  }

  __device__ void add_not_finite(int half, float weight, int key) {
    const Element* value = tensors_.v + (map_.key_line() + key) * p.head_dim_v;
#pragma unroll
    for (int block = 0; block < column_blocks; ++block) {
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        const int column = block * 8 + lane() % 4 * 2 + n;
        const float single = column < p.head_dim_v ? to_float(value[column]) : 0.0f;
        if (!isfinite(single)) sums_[block].value[half * 2 + n] += weight * single;
      }
    }
  }

  __device__ typename Pairs::Row pair_row(int half) const {
    const int number = min(own_row(half), map_.total() - 1);
    return pairs_.row(p, map_.batch, map_.head(number), map_.row(number));
  }

  /// Each warp writes its rows through its part of the place of Q, so that whole lines go out.
  __device__ void store(int last_row) {
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      softmax_[half].finish();
      inverse[half] = softmax_[half].inverse(p.kept_multiplier);
      const int number = own_row(half);
      if (lane() % 4 == 0 && number <= last_row) tensors_.lse[map_.line(number)] = softmax_[half].lse();
    }
    unsigned char* rows = queries_ + warp() * 16 * Shape::row_bytes;
    __syncwarp();
#pragma unroll
    for (int block = 0; block < column_blocks; ++block) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float* pair = sums_[block].value + half * 2;
        *reinterpret_cast<std::uint32_t*>(rows + swizzled<Shape::chunks>(half * 8 + lane() / 4, block) +
                                          lane() % 4 * 4) =
            pack<Element>(pair[0] * inverse[half], pair[1] * inverse[half]);
      }
    }
    __syncwarp();
#pragma unroll 4
    for (int n = lane(); n < 16 * Shape::chunks; n += warp_lanes) {
      const int number = first_row_ + warp() * 16 + n / Shape::chunks;
      const int chunk = n % Shape::chunks;
      if (number <= last_row && chunk * 8 < p.head_dim_v) {
        *reinterpret_cast<uint4*>(tensors_.out + map_.line(number) * p.head_dim_v + chunk * 8) =
            *reinterpret_cast<const uint4*>(rows + swizzled<Shape::chunks>(n / Shape::chunks, chunk));
      }
    }
  }

  static constexpr int held_steps = holds_queries ? steps : 1;

  using Tiles = RowTiles<Element, Shape::keys, Shape::chunks, Shape::threads>;
  Tiles key_rows_{tensors_.k + map_.key_line() * p.head_dim, p.head_dim};
  Tiles value_rows_{tensors_.v + map_.key_line() * p.head_dim_v, p.head_dim_v};
  std::uint32_t* flags_ = reinterpret_cast<std::uint32_t*>(values_ + 2 * Shape::tile_bytes);  // a word a warp
  FragmentA held_[held_steps];                                                                // 16 x width
  FragmentC sums_[column_blocks] = {};                                                        // 16 x width
  OnlineSoftmax<4> softmax_[2];
};

}  // namespace attest::cuda
