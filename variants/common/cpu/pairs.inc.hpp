#pragma once

#include "variants/common/cpu/pack.inc.hpp"
#include "variants/common/cpu/products.inc.hpp"

// Products of bf16 as they are: a step takes two terms, whose products are exact, to a sum in f32 (VDPBF16PS). Operands
// are packed in pairs along the sum, each pair a word. The instruction flushes subnormals, so that values of V near
// them go the way of those that are not finite.

namespace attest::tiles::ATTEST_TILES_ISA {

struct PairStep {
  static constexpr int terms = 2;
  static ATTEST_TILES_INLINE Floats splat_of(const float* from) {
    std::int32_t word;
    __builtin_memcpy(&word, from, 4);
    return (Floats)(word - Ints{});
  }
  static ATTEST_TILES_INLINE Floats add(Floats left, Floats right, Floats sum) {
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
  }
};

inline constexpr int most_dims = 1024;

inline void pack_query_pairs(const Rows& queries, int count, int head_dim, float sign, float* packed,
                             std::ptrdiff_t packed_stride) {
  const auto flip = static_cast<std::uint16_t>(sign < 0.0f ? 0x8000u : 0u);
  for (int row = 0; row < count; ++row) {
    const auto* from = static_cast<const std::uint16_t*>(queries.data) + row * queries.row_stride;
    auto* to = reinterpret_cast<std::uint16_t*>(packed + row * packed_stride);
    for (int column = 0; column < head_dim; ++column)
      to[column] = static_cast<std::uint16_t>(from[column * queries.column_stride] ^ flip);
    if (head_dim % 2 != 0) to[head_dim] = 0;
  }
}

/// A row of pairs is a row of words, which are transposed as floats are.
inline void pack_key_pairs(const Rows& keys, int count, int head_dim, float* packed) {
  const int words = (head_dim + 1) / 2;
  const auto* data = static_cast<const std::uint16_t*>(keys.data);
  if (keys.column_stride == 1 && head_dim % 2 == 0 && keys.row_stride % 2 == 0) {
    const Rows pairs{.data = data, .storage = Storage::f32, .row_stride = keys.row_stride / 2, .column_stride = 1};
    return pack_keys_of<Storage::f32>(reinterpret_cast<const float*>(data), pairs, count, words, packed);
  }
  alignas(64) float gathered[width * most_dims / 2];
  for (int key = 0; key < count; key += width) {
    const int rows = smaller_of(count - key, width);
    const Rows from{.data = data + key * keys.row_stride,
                    .storage = keys.storage,
                    .row_stride = keys.row_stride,
                    .column_stride = keys.column_stride};
    pack_query_pairs(from, rows, head_dim, 1.0f, gathered, words);
    pack_keys_of<Storage::f32>(gathered, {.data = gathered, .row_stride = words}, rows, words,
                               packed + std::ptrdiff_t{key / panel} * panel * words + key % panel);
  }
}

/// Lanes that the instruction would not take as they are: NaN, infinity, and what is under 2^-100 but not 0.
ATTEST_TILES_INLINE Ints unfit_lanes(Floats value) {
  const Ints magnitude = (Ints)value & 0x7fffffff;
  return not_finite_lanes(value) | ((magnitude < bits_of_power(-100)) & (magnitude != 0));
}

inline bool unfit(const std::uint16_t* row, const Rows& values, int head_dim_v) {
  Ints bad{};
  for (int column = 0; column < head_dim_v; column += width)
    bad |= unfit_lanes(
        widen<Storage::bf16>(row + column * values.column_stride, values.column_stride, head_dim_v - column));
  return any_of(bad);
}

inline bool pack_value_pairs(const Rows& values, int count, int head_dim_v, float* packed, std::uint8_t* not_finite) {
  const auto* data = static_cast<const std::uint16_t*>(values.data);
  const int padded = (head_dim_v + panel - 1) / panel * panel;
  bool any = false;
  for (int key = 0; key < count; ++key) {
    not_finite[key] = unfit(data + key * values.row_stride, values, head_dim_v) ? 1 : 0;
    any = any || not_finite[key] != 0;
  }
  for (int key = 0; key < count; key += 2) {
    for (int column = 0; column < padded; column += width) {
      Words words{};
#pragma GCC unroll 2
      for (int term = 0; term < 2; ++term) {
        if (key + term >= count || not_finite[key + term] != 0 || column >= head_dim_v) continue;
        const auto* from = data + (key + term) * values.row_stride + column * values.column_stride;
        const Words value = (Words)widen<Storage::bf16>(from, values.column_stride, head_dim_v - column);
        words |= term == 0 ? value >> 16 : value;
      }
      float* to = packed + std::ptrdiff_t{column / panel} * panel * (tile_keys / 2) + std::ptrdiff_t{key / 2} * panel +
                  column % panel;
      store(to, (Floats)words);
    }
  }
  return any;
}

inline void score_pairs(const float* queries, std::ptrdiff_t query_stride, const KeyRange* ranges, int strips,
                        const float* keys, int head_dim, float* scores) {
  scores_by<PairStep>(queries, query_stride, ranges, strips, keys, head_dim, scores);
}

/// Weights begin .. end - 1 of a strip's rows as bf16, where begin is even; a hidden key's -0.0 and what is missing of
/// the last pair are 0.
inline void narrow_weights(const float* weights, std::ptrdiff_t weight_stride, KeyRange range, int begin, int end,
                           float* narrowed, std::ptrdiff_t stride) {
  for (int row = 0; row < row_block; ++row) {
    for (int key = begin; key < end; key += width) {
      Floats value{};
      if (key >= range.begin && key + width <= range.end) {
        value = load(weights + row * weight_stride + key);
      } else {
        for (int lane = 0; lane < width; ++lane) {
          if (key + lane >= range.begin && key + lane < range.end)
            value[lane] = weights[row * weight_stride + key + lane];
        }
      }
      const __m256bh halves = _mm512_cvtneps_pbh((__m512)value);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(narrowed + row * stride + (key - begin) / 2), (__m256i)halves);
    }
  }
}

inline void accumulate_pairs(const float* weights, std::ptrdiff_t weight_stride, const KeyRange* ranges, int strips,
                             const float* values, int columns, int chunk, const float* factors, float* out,
                             std::ptrdiff_t out_stride) {
  constexpr int narrowed_stride = tile_keys / 2 + width;
  alignas(64) float narrowed[row_block * narrowed_stride];
  const KeyRange joint = joint_range(ranges, strips);
  for (int column = 0; column < columns; column += panel) {
    const int vectors = smaller_of(columns - column, panel) / width;
    for (int first = joint.begin / 2 * 2; first < joint.end; first += chunk) {
      for (int strip = 0; strip < strips; ++strip) {
        const KeyRange range = ranges[strip];
        const int begin = larger_of(range.begin / 2 * 2, first);
        const int end = smaller_of(range.end, first + chunk);
        if (range.begin >= range.end || begin >= end) continue;
        narrow_weights(weights + std::ptrdiff_t{strip} * row_block * weight_stride, weight_stride, range, begin, end,
                       narrowed, narrowed_stride);
        const float* right = values + std::ptrdiff_t{column} * (tile_keys / 2) + std::ptrdiff_t{begin / 2} * panel;
        float* to = out + std::ptrdiff_t{strip} * row_block * out_stride + column;
        const int steps = (end - begin + 1) / 2;
        if (factors != nullptr && begin == range.begin / 2 * 2) {
          product_of<PairStep, Start::scaled>(vectors, narrowed, narrowed_stride, right, steps,
                                              factors + strip * row_block, to, out_stride);
        } else {
          product_of<PairStep, Start::plain>(vectors, narrowed, narrowed_stride, right, steps, nullptr, to, out_stride);
        }
      }
    }
  }
}

extern const Products pair_products;
const Products pair_products{
    .pack_queries = pack_query_pairs,
    .pack_keys = pack_key_pairs,
    .pack_values = pack_value_pairs,
    .scores = score_pairs,
    .accumulate = accumulate_pairs,
};

}  // namespace attest::tiles::ATTEST_TILES_ISA
