#pragma once

#include <cstdint>

#include "variants/common/cuda/dropout.cuh"
#include "variants/common/cuda/element.cuh"
#include "variants/common/cuda/online_softmax.cuh"
#include "variants/common/cuda/pair_terms.cuh"
#include "variants/common/cuda/row_map.cuh"
#include "variants/common/cuda/split_shape.hpp"
#include "variants/common/cuda/visibility.cuh"

namespace attest::cuda {

/// What a chunk of the keys leaves behind of every query row: its weights are 2^(score - base), not yet divided.
struct Partial {
  float base;
  float sum;
};

/// Sixteen bytes of a row as f32.
__device__ __forceinline__ void load_vector(float (&to)[4], const float* from) {
  const float4 four = *reinterpret_cast<const float4*>(from);
  to[0] = four.x;
  to[1] = four.y;
  to[2] = four.z;
  to[3] = four.w;
}
template <class Element>
__device__ __forceinline__ void load_vector(float (&to)[8], const Element* from) {
  const uint4 four = *reinterpret_cast<const uint4*>(from);
  const std::uint32_t pairs[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const float2 pair = unpack<Element>(pairs[n]);
    to[2 * n] = pair.x;
    to[2 * n + 1] = pair.y;
  }
}

/// What the argument Dropout says.
constexpr bool with_dropout = true;
constexpr bool without_dropout = false;

/// Attention of a few query rows to one chunk of many keys (Flash-Decoding, Dao et al. 2023). Rows of a block share
/// every read of K and V; packed, they are the heads of a group at one query. Preconditions: head dims up to
/// Shape::width, Shape::threads threads, grid (chunks, slots * row tiles, batch), one query row where packed.
template <class Element, class Shape, bool Packed, bool Dropout>
class SplitAttention {
 public:
  struct Tensors {
    const Element* q;  // (b, hq, sq, d)
    const Element* k;  // (b, hkv, skv, d)
    const Element* v;  // (b, hkv, skv, dv)
    PairTensors pairs;
    const std::int64_t* kv_lengths;
    Partial* partials;  // (b, hq, sq, chunks)
    float* sums;        // (b, hq, sq, chunks, dv)
  };

  /// Where the groups of threads of a block meet.
  struct Shared {
    Partial partials[Shape::groups][Shape::rows];
    alignas(16) float sums[Shape::groups][Shape::rows][Shape::width];
  };

  __device__ SplitAttention(const AttentionParams& params, const Tensors& tensors, int row_tiles, int chunk_keys,
                            Shared& shared)
      : p(params),
        tensors_(tensors),
        shared_(shared),
        map_{params, static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y) / row_tiles},
        first_row_(static_cast<int>(blockIdx.y) % row_tiles * Shape::rows),
        chunk_keys_(chunk_keys) {}

  __device__ void run() {
    const int keys = key_count(p, tensors_.kv_lengths, map_.batch);
#pragma unroll
    for (int r = 0; r < Shape::rows; ++r) {
      const bool present = has_row(r);
      if (r < spans) visible_[r] = present ? keys_of_row(p, keys, map_.row(first_row_ + r)) : KeySpan{0, 0};
      load_columns(queries_[r], tensors_.q + map_.line(present ? first_row_ + r : first_row_) * p.head_dim, p.head_dim,
                   present);
    }
    const int last_row = min(first_row_ + Shape::rows, map_.total()) - 1;
    const KeySpan any = keys_of_any(p, keys, map_.row(first_row_), map_.row(last_row));
    const int chunk = static_cast<int>(blockIdx.x);
    const int first = max(any.first, chunk * chunk_keys_);
    const int last = min(any.last, chunk * chunk_keys_ + chunk_keys_);
    const RowTensors pairs = tensors_.pairs.row(p, map_.batch, map_.head(first_row_), map_.row(first_row_));
#pragma unroll 1
    for (int key = first; key < last; key += Shape::step)
      attend(key, last, pairs);
    join_groups();
    store();
  }

 private:
  // Packed rows are heads of one query, which see the same keys.
  static constexpr int spans = Packed ? 1 : Shape::rows;

  __device__ int group() const {
    return static_cast<int>(threadIdx.x) / Shape::lanes;
  }
  __device__ int own_column(int part) const {
    return (part * Shape::lanes + static_cast<int>(threadIdx.x) % Shape::lanes) * Shape::vector;
  }
  __device__ bool has_row(int r) const {
    return first_row_ + r < map_.total();
  }

  /// This lane's columns of a row; 0 beyond the row's end, or everywhere where it is absent.
  __device__ void load_columns(float (&to)[Shape::own], const Element* row, int columns, bool present) const {
#pragma unroll
    for (int part = 0; part < Shape::parts; ++part) {
      const int column = own_column(part);
      float vector[Shape::vector] = {};
      if (present && columns % Shape::vector == 0) {
        if (column < columns) load_vector(vector, row + column);
      } else if (present) {
#pragma unroll
        for (int n = 0; n < Shape::vector; ++n) {
          if (column + n < columns) vector[n] = to_float(row[column + n]);
        }
      }
#pragma unroll
      for (int n = 0; n < Shape::vector; ++n)
        to[part * Shape::vector + n] = vector[n];
    }
  }

  /// Visits the keys of a batch that are this thread's group's: number in the batch, key, this lane's columns of it in
  /// `rows`. From `last` on these are 0.
  template <class Visit>
  __device__ void for_each_key(const Element* rows, int columns, int first, int last, const Visit& visit) const {
    rows += map_.key_line() * columns;
#pragma unroll
    for (int n = 0; n < Shape::batch; ++n) {
      const int key = first + n * Shape::groups + group();
      const bool present = key < last;
      float own[Shape::own];
      load_columns(own, rows + static_cast<std::int64_t>(present ? key : first) * columns, columns, present);
      visit(n, key, own);
    }
  }

  /// The tensors of row r: neighbouring rows of a block are one stride apart.
  __device__ RowTensors pairs_of(const RowTensors& first, int r) const {
    RowTensors row = first;
    if (row.mask != nullptr) row.mask += r * (Packed ? p.mask.head : p.mask.row);
    if (row.bias != nullptr) row.bias += r * (Packed ? p.bias.head : p.bias.row);
    return row;
  }

  /// One batch of keys for each group of threads.
  __device__ void attend(int first, int last, const RowTensors& pairs) {
    float scores[Shape::rows][Shape::batch];
    for_each_key(tensors_.k, p.head_dim, first, last, [&](int n, int key, const float(&columns)[Shape::own]) {
#pragma unroll
      for (int r = 0; r < Shape::rows; ++r) {
        float product = 0.0f;
#pragma unroll
        for (int c = 0; c < Shape::own; ++c)
          product = fmaf(queries_[r][c], columns[c], product);
        product = group_sum<Shape::lanes>(product);
        const bool seen = key < last && has_row(r) && visible_[r % spans].holds(key);
        scores[r][n] = seen ? pairs_of(pairs, r).score(p, key, product) : minus_infinity;
      }
    });
#pragma unroll
    for (int r = 0; r < Shape::rows; ++r) {
      float largest = minus_infinity;
#pragma unroll
      for (int n = 0; n < Shape::batch; ++n)
        largest = fmaxf(largest, scores[r][n]);
      const float factor = softmax_[r].update(largest, p.exponent_scale);
#pragma unroll
      for (int c = 0; c < Shape::own; ++c)
        sums_[r][c] *= factor;
    }
    for_each_key(tensors_.v, p.head_dim_v, first, last, [&](int n, int key, const float(&columns)[Shape::own]) {
#pragma unroll
      for (int r = 0; r < Shape::rows; ++r) {
        // The value of a hidden key must not even be multiplied by 0.
        if (scores[r][n] == minus_infinity) continue;
        float weight = softmax_[r].weight(scores[r][n], p.exponent_scale);
        softmax_[r].sum += weight;
        if (Dropout && p.has_dropout &&
            !keeps_weight(p, map_.batch, map_.head(first_row_ + r), map_.row(first_row_ + r), key)) {
          weight = 0.0f;
        }
#pragma unroll
        for (int c = 0; c < Shape::own; ++c)
          sums_[r][c] = fmaf(weight, columns[c], sums_[r][c]);
      }
    });
  }

  /// Leaves what every group has in shared memory.
  __device__ void join_groups() {
    const bool first_lane = threadIdx.x % Shape::lanes == 0;
#pragma unroll
    for (int r = 0; r < Shape::rows; ++r) {
      if (first_lane) shared_.partials[group()][r] = {softmax_[r].base, softmax_[r].sum};
#pragma unroll
      for (int part = 0; part < Shape::parts; ++part) {
#pragma unroll
        for (int n = 0; n < Shape::vector; n += 4) {
          const float* sums = sums_[r] + part * Shape::vector + n;
          *reinterpret_cast<float4*>(&shared_.sums[group()][r][own_column(part) + n]) =
              make_float4(sums[0], sums[1], sums[2], sums[3]);
        }
      }
    }
    __syncthreads();
  }

  /// The groups' sums at one base, to the place of this chunk.
  __device__ void store() const {
    const int chunks = static_cast<int>(gridDim.x);
    const int chunk = static_cast<int>(blockIdx.x);
#pragma unroll 1
    for (int n = static_cast<int>(threadIdx.x); n < Shape::rows * Shape::width; n += Shape::threads) {
      const int r = n / Shape::width;
      const int column = n % Shape::width;
      if (!has_row(r) || column >= p.head_dim_v) continue;
      float base = minus_infinity;
      for (int g = 0; g < Shape::groups; ++g)
        base = fmaxf(base, shared_.partials[g][r].base);
      const float shift = base == minus_infinity ? 0.0f : base;
      float sum = 0.0f;
      float value = 0.0f;
      for (int g = 0; g < Shape::groups; ++g) {
        const float factor = exp2_approximate(shared_.partials[g][r].base - shift);
        sum = fmaf(factor, shared_.partials[g][r].sum, sum);
        value = fmaf(factor, shared_.sums[g][r][column], value);
      }
      const std::int64_t place = map_.line(first_row_ + r) * chunks + chunk;
      tensors_.sums[place * p.head_dim_v + column] = value;
      if (column == 0) tensors_.partials[place] = {base, sum};
    }
  }

  const AttentionParams& p;
  Tensors tensors_;
  Shared& shared_;
  RowMap<Packed> map_;
  int first_row_;  // packed
  int chunk_keys_;
  float queries_[Shape::rows][Shape::own];
  float sums_[Shape::rows][Shape::own] = {};
  OnlineSoftmax<1> softmax_[Shape::rows];
  KeySpan visible_[spans];
};

/// out and lse of one query row a block from what its chunks left.
template <class Element>
__device__ void merge_chunks(const AttentionParams& p, int chunks, const Partial* partials, const float* sums,
                             Element* out, float* lse) {
  const std::int64_t line = blockIdx.x;
  OnlineSoftmax<1> joint;
  for (int chunk = 0; chunk < chunks; ++chunk)
    joint.base = fmaxf(joint.base, partials[line * chunks + chunk].base);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const Partial partial = partials[line * chunks + chunk];
    joint.sum = fmaf(exp2_approximate(partial.base - joint.shift()), partial.sum, joint.sum);
  }
  const float inverse = joint.inverse(p.kept_multiplier);
  for (int column = static_cast<int>(threadIdx.x); column < p.head_dim_v; column += static_cast<int>(blockDim.x)) {
    float value = 0.0f;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const std::int64_t place = line * chunks + chunk;
      value = fmaf(exp2_approximate(partials[place].base - joint.shift()), sums[place * p.head_dim_v + column], value);
    }
    out[line * p.head_dim_v + column] = from_float<Element>(value * inverse);
  }
  if (threadIdx.x == 0) lse[line] = joint.lse();
}

}  // namespace attest::cuda
