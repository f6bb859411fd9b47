#pragma once

#include <cstdint>

#include "variants/common/cuda/async_copy.cuh"
#include "variants/common/cuda/block_view.cuh"
#include "variants/common/cuda/row_map.cuh"
#include "variants/common/cuda/tile_load.cuh"
#include "variants/common/cuda/visibility.cuh"

namespace attest::cuda {

/// What attention over tiles reads and writes.
template <class Element>
struct AttentionTensors {
  const Element* q;  // (b, hq, sq, d)
  const Element* k;  // (b, hkv, skv, d)
  const Element* v;  // (b, hkv, skv, dv)
  const std::int64_t* kv_lengths;
  Element* out;  // (b, hq, sq, dv)
  float* lse;    // (b, hq, sq)
};

/// What MmaAttention and SimtAttention share: a block holds Shape::rows query rows; tiles of Shape::keys keys pass by,
/// the next one on its way while one is used. Pairs says what is done pair by pair (PairTensors, NoPairs), View which
/// keys a row sees (BandView). Own has the arithmetic: begin, load_keys, load_values, attend, store, and the packed
/// numbers own_row(0 .. Shape::own_rows - 1) of a thread's rows.
template <class Own, class Element, class Shape, bool Packed, class Pairs, class View>
class TileFrame {
 public:
  using Tensors = AttentionTensors<Element>;

  __device__ TileFrame(const AttentionParams& params, const Tensors& tensors, const Pairs& pairs, unsigned char* memory,
                       const View& view = {})
      : p(params),
        tensors_(tensors),
        pairs_(pairs),
        view_(view),
        map_{params, static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y)},
        // Causal: the last rows see the most keys, so their blocks start first.
        first_row_(static_cast<int>(gridDim.x - 1 - blockIdx.x) * Shape::rows),
        queries_(memory),
        keys_(memory + Shape::query_bytes),
        values_(memory + Shape::query_bytes + 2 * Shape::tile_bytes) {}

  __device__ void run() {
    Own& own = static_cast<Own&>(*this);
    const int last_row = min(first_row_ + Shape::rows, map_.total()) - 1;
    const int from = map_.row(first_row_);
    const int to = map_.row(last_row);
    const int keys = key_count(p, tensors_.kv_lengths, map_.batch);
    const TileWalk<View, Shape::keys> walk{view_.block(p, keys, from, to)};
#pragma unroll
    for (int n = 0; n < Shape::own_rows; ++n) {
      const int number = own.own_row(n);
      visible_[n] = number <= last_row ? view_.row(p, keys, map_.row(number)) : typename View::Row{};
    }
    // K and V; the rest of a tile becomes 0.
    const auto load = [&](int stage, int first) {
      own.load_keys(stage, first, walk.limit(first));
      own.load_values(stage, first, walk.limit(first));
    };

    if (walk.begin() < walk.end()) own.begin([&] { load(0, walk.begin()); });
    int stage = 0;
    for (int first = walk.begin(); first < walk.end();) {
      const int next = walk.next(first);
      wait_for_copies<0>();
      __syncthreads();  // the tile is here, and all are done with the one before
      if (next < walk.end()) load(stage ^ 1, next);
      commit_copies();
      own.attend(stage, first, walk.is_whole(first) && pairs_.absent());
      stage ^= 1;
      first = next;
    }
    own.store(last_row);
  }

 protected:
  __device__ void load_queries() {
    copy_tile<Element, Shape::rows, Shape::chunks, Shape::threads>(queries_, p.head_dim, [&](int row) {
      const bool present = first_row_ + row < map_.total();
      const std::int64_t line = map_.line(present ? first_row_ + row : first_row_);
      return SourceRow<Element>{tensors_.q + line * p.head_dim, present};
    });
  }

  const AttentionParams& p;
  Tensors tensors_;
  Pairs pairs_;
  View view_;
  RowMap<Packed> map_;
  int first_row_;           // packed
  unsigned char* queries_;  // rows x width, swizzled
  unsigned char* keys_;     // 2 stages of keys x width
  unsigned char* values_;   // 2 stages of keys x width
  typename View::Row visible_[Shape::own_rows];
};

}  // namespace attest::cuda
