#pragma once

#include "variants/common/cpu/vector.inc.hpp"

// Decoding: few query rows, so that the time is that of reading K and V once. Rows are read where they are, one after
// the other, and every query row uses a register of K or V while it is there.

namespace attest::tiles::ATTEST_TILES_ISA {

/// The rows that a block of keys fetches on its way, a line for each register that it reads: spread out, since a core
/// waits when some ten lines are under way. They are needed in some microseconds, when this piece is done.
struct Fetch {
  const char* from;
  std::ptrdiff_t row_bytes;  ///< from one row to the next

  ATTEST_TILES_INLINE void line(int row, std::ptrdiff_t byte) const {
    __builtin_prefetch(from + row * row_bytes + byte, 0, 2);
  }
};

/// Of the rows that have the places of keys `key` to `key` + `count` - 1; without such rows, of the keys themselves.
ATTEST_TILES_INLINE Fetch fetch_of(const Ahead& ahead, const Rows& keys, int key, int count) {
  const Rows& rows = key + count <= ahead.count ? ahead.rows : keys;
  const std::ptrdiff_t element = rows.storage == Storage::f32 ? 4 : 2;
  const std::ptrdiff_t row_bytes = rows.row_stride * element;
  return {static_cast<const char*>(rows.data) + key * row_bytes, row_bytes};
}

/// The order of a row's columns as the streaming kernels take and give it: bf16 with neighbouring columns is widened by
/// evens and odds, so that each full pair of registers holds its even columns first.
inline int stream_column(const Rows& rows, int head_dim, int column) {
  const int pair = column / (2 * width) * 2 * width;
  if (rows.storage != Storage::bf16 || rows.column_stride != 1 || pair + 2 * width > head_dim) return column;
  const int within = column - pair;
  return pair + (within % 2) * width + within / 2;
}

/// Scores of `kKeys` neighbouring keys for `kRows` query rows.
template <Storage kStorage, int kRows, int kKeys>
ATTEST_TILES_INLINE void stream_score_block(const float* __restrict queries, std::ptrdiff_t query_stride,
                                            const typename Element<kStorage>::type* __restrict keys, const Rows& shape,
                                            int head_dim, const Fetch& fetch, float* __restrict scores) {
  Floats sums[kRows][kKeys] = {};
  int column = 0;
  if constexpr (kStorage == Storage::bf16) {
    if (shape.column_stride == 1) {
      for (; column + 2 * width <= head_dim; column += 2 * width) {
        Floats even[kRows], odd[kRows];
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row) {
          even[row] = load(queries + row * query_stride + column);
          odd[row] = load(queries + row * query_stride + column + width);
        }
#pragma GCC unroll 4
        for (int key = 0; key < kKeys; ++key) {
          fetch.line(key, 2 * std::ptrdiff_t{column});
          const EvenOdd value = even_and_odd(keys + key * shape.row_stride + column);
#pragma GCC unroll 4
          for (int row = 0; row < kRows; ++row) {
            sums[row][key] = multiply_add(value.even, even[row], sums[row][key]);
            sums[row][key] = multiply_add(value.odd, odd[row], sums[row][key]);
          }
        }
      }
    }
  }
  if (shape.column_stride == 1) {
    for (; column + width <= head_dim; column += width) {
      Floats query[kRows];
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row)
        query[row] = load(queries + row * query_stride + column);
#pragma GCC unroll 4
      for (int key = 0; key < kKeys; ++key) {
        fetch.line(key, column * std::ptrdiff_t{sizeof *keys});
        const Floats value = Element<kStorage>::many(keys + key * shape.row_stride + column);
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row)
          sums[row][key] = multiply_add(value, query[row], sums[row][key]);
      }
    }
  }
  // Unrolled like the others: an array of registers that any loop walks through lies in memory for all of them.
  for (; column < head_dim; column += width) {
#pragma GCC unroll 4
    for (int key = 0; key < kKeys; ++key) {
      const Floats value = widen<kStorage>(keys + key * shape.row_stride + column * shape.column_stride,
                                           shape.column_stride, head_dim - column);
#pragma GCC unroll 4
      for (int row = 0; row < kRows; ++row)
        sums[row][key] = multiply_add(value, load(queries + row * query_stride + column), sums[row][key]);
    }
  }
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row)
    sums_of<kKeys>(sums[row], scores + row * score_stride);
}

template <Storage kStorage, int kRows>
void stream_scores_of(const float* queries, std::ptrdiff_t query_stride, const typename Element<kStorage>::type* data,
                      const Rows& keys, int count, int head_dim, float* scores, const Ahead& ahead) {
  int key = 0;
  for (; key + 4 <= count; key += 4) {
    stream_score_block<kStorage, kRows, 4>(queries, query_stride, data + key * keys.row_stride, keys, head_dim,
                                           fetch_of(ahead, keys, key, 4), scores + key);
  }
  for (; key < count; ++key) {
    stream_score_block<kStorage, kRows, 1>(queries, query_stride, data + key * keys.row_stride, keys, head_dim,
                                           fetch_of(ahead, keys, key, 1), scores + key);
  }
}

/// Adds `kKeys` neighbouring values, weighted, to `kRows` output rows.
template <Storage kStorage, int kRows, int kKeys, bool kGuards>
ATTEST_TILES_INLINE void stream_accumulate_block(const float* __restrict weights,
                                                 const typename Element<kStorage>::type* __restrict values,
                                                 const Rows& shape, int head_dim_v, const Fetch& fetch,
                                                 float* __restrict out, std::ptrdiff_t out_stride) {
  Floats weight[kRows][kKeys];
#pragma GCC unroll 4
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int key = 0; key < kKeys; ++key)
      weight[row][key] = splat(weights[row * score_stride + key]);
  }
  const auto add = [&](const Floats(&value)[kKeys], int place) __attribute__((always_inline)) {
    Ints bad{};
    if constexpr (kGuards) {
#pragma GCC unroll 4
      for (int key = 0; key < kKeys; ++key)
        bad |= ((Ints)value[key] & 0x7f800000) == 0x7f800000;
    }
    const bool all_finite = !kGuards || !any_of(bad);
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row) {
      float* to = out + row * out_stride + place;
      Floats sum = load(to);
#pragma GCC unroll 4
      for (int key = 0; key < kKeys; ++key) {
        if (all_finite) {
          sum = multiply_add(weight[row][key], value[key], sum);
        } else if (!__builtin_signbit(weights[row * score_stride + key])) {
          // A visible weight that underflowed is still positive: infinity times it is infinity.
          const float visible = weights[row * score_stride + key];
          sum = multiply_add(splat(visible == 0.0f ? 0x1p-126f : visible), value[key], sum);
        }
      }
      store(to, sum);
    }
  };
  int column = 0;
  if constexpr (kStorage == Storage::bf16) {
    if (shape.column_stride == 1) {
      for (; column + 2 * width <= head_dim_v; column += 2 * width) {
        Floats even[kKeys], odd[kKeys];
#pragma GCC unroll 4
        for (int key = 0; key < kKeys; ++key) {
          fetch.line(key, 2 * std::ptrdiff_t{column});
          const EvenOdd value = even_and_odd(values + key * shape.row_stride + column);
          even[key] = value.even;
          odd[key] = value.odd;
        }
        add(even, column);
        add(odd, column + width);
      }
    }
  }
  for (; column < head_dim_v; column += width) {
    Floats value[kKeys];
#pragma GCC unroll 4
    for (int key = 0; key < kKeys; ++key) {
      fetch.line(key, column * std::ptrdiff_t{sizeof *values});
      value[key] = widen<kStorage>(values + key * shape.row_stride + column * shape.column_stride, shape.column_stride,
                                   head_dim_v - column);
    }
    add(value, column);
  }
}

template <Storage kStorage, int kRows, bool kGuards>
void stream_accumulate_of(const float* weights, const typename Element<kStorage>::type* data, const Rows& values,
                          int count, int head_dim_v, float* out, std::ptrdiff_t out_stride, const Ahead& ahead) {
  int key = 0;
  for (; key + 4 <= count; key += 4) {
    stream_accumulate_block<kStorage, kRows, 4, kGuards>(weights + key, data + key * values.row_stride, values,
                                                         head_dim_v, fetch_of(ahead, values, key, 4), out, out_stride);
  }
  for (; key < count; ++key) {
    stream_accumulate_block<kStorage, kRows, 1, kGuards>(weights + key, data + key * values.row_stride, values,
                                                         head_dim_v, fetch_of(ahead, values, key, 1), out, out_stride);
  }
}

template <Storage kStorage>
void stream_scores_rows(const float* queries, std::ptrdiff_t query_stride, int rows, const Rows& keys, int count,
                        int head_dim, float* scores, const Ahead& ahead) {
  const auto* data = static_cast<const typename Element<kStorage>::type*>(keys.data);
  switch (rows) {
    case 1:
      return stream_scores_of<kStorage, 1>(queries, query_stride, data, keys, count, head_dim, scores, ahead);
    case 2:
      return stream_scores_of<kStorage, 2>(queries, query_stride, data, keys, count, head_dim, scores, ahead);
    case 3:
      return stream_scores_of<kStorage, 3>(queries, query_stride, data, keys, count, head_dim, scores, ahead);
    default:
      return stream_scores_of<kStorage, 4>(queries, query_stride, data, keys, count, head_dim, scores, ahead);
  }
}

template <Storage kStorage, bool kGuards>
void stream_accumulate_rows(const float* weights, int rows, const Rows& values, int count, int head_dim_v, float* out,
                            std::ptrdiff_t out_stride, const Ahead& ahead) {
  const auto* data = static_cast<const typename Element<kStorage>::type*>(values.data);
  switch (rows) {
    case 1:
      return stream_accumulate_of<kStorage, 1, kGuards>(weights, data, values, count, head_dim_v, out, out_stride,
                                                        ahead);
    case 2:
      return stream_accumulate_of<kStorage, 2, kGuards>(weights, data, values, count, head_dim_v, out, out_stride,
                                                        ahead);
    case 3:
      return stream_accumulate_of<kStorage, 3, kGuards>(weights, data, values, count, head_dim_v, out, out_stride,
                                                        ahead);
    default:
      return stream_accumulate_of<kStorage, 4, kGuards>(weights, data, values, count, head_dim_v, out, out_stride,
                                                        ahead);
  }
}

inline void stream_scores(const float* queries, std::ptrdiff_t query_stride, int rows, const Rows& keys, int count,
                          int head_dim, float* scores, const Ahead& ahead) {
  switch (keys.storage) {
    case Storage::f32:
      return stream_scores_rows<Storage::f32>(queries, query_stride, rows, keys, count, head_dim, scores, ahead);
    case Storage::bf16:
      return stream_scores_rows<Storage::bf16>(queries, query_stride, rows, keys, count, head_dim, scores, ahead);
    case Storage::f16:
      return stream_scores_rows<Storage::f16>(queries, query_stride, rows, keys, count, head_dim, scores, ahead);
  }
}

template <Storage kStorage>
void stream_accumulate_guarded(const float* weights, int rows, const Rows& values, int count, int head_dim_v,
                               bool guards, float* out, std::ptrdiff_t out_stride, const Ahead& ahead) {
  if (guards)
    return stream_accumulate_rows<kStorage, true>(weights, rows, values, count, head_dim_v, out, out_stride, ahead);
  return stream_accumulate_rows<kStorage, false>(weights, rows, values, count, head_dim_v, out, out_stride, ahead);
}

inline void stream_accumulate(const float* weights, int rows, const Rows& values, int count, int head_dim_v,
                              bool guards, float* out, std::ptrdiff_t out_stride, const Ahead& ahead) {
  switch (values.storage) {
    case Storage::f32:
      return stream_accumulate_guarded<Storage::f32>(weights, rows, values, count, head_dim_v, guards, out, out_stride,
                                                     ahead);
    case Storage::bf16:
      return stream_accumulate_guarded<Storage::bf16>(weights, rows, values, count, head_dim_v, guards, out, out_stride,
                                                      ahead);
    case Storage::f16:
      return stream_accumulate_guarded<Storage::f16>(weights, rows, values, count, head_dim_v, guards, out, out_stride,
                                                     ahead);
  }
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
