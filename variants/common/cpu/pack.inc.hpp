#pragma once

#include "variants/common/cpu/vector.inc.hpp"

// Packing: elements are widened to f32 once and laid out in the order in which the products read them.

namespace attest::tiles::ATTEST_TILES_ISA {

/// Transposes a width x width block held in registers, by log2(width) rounds of exchanging halves of pairs.
ATTEST_TILES_INLINE void transpose(Floats (&block)[width]) {
#pragma GCC unroll 4
  for (int distance = 1; distance < width; distance *= 2) {
    Ints low{}, high{};
#pragma GCC unroll 16
    for (int lane = 0; lane < width; ++lane) {
      low[lane] = (lane & distance) ? width + lane - distance : lane;
      high[lane] = (lane & distance) ? width + lane : lane + distance;
    }
#pragma GCC unroll 16
    for (int row = 0; row < width; ++row) {
      if (row & distance) continue;
      const Floats upper = block[row];
      const Floats lower = block[row + distance];
      block[row] = __builtin_shuffle(upper, lower, low);
      block[row + distance] = __builtin_shuffle(upper, lower, high);
    }
  }
}

template <Storage kStorage>
void pack_queries_of(const typename Element<kStorage>::type* data, const Rows& queries, int count, int head_dim,
                     float sign, float* packed, std::ptrdiff_t packed_stride) {
  for (int row = 0; row < count; ++row) {
    const typename Element<kStorage>::type* from = data + row * queries.row_stride;
    for (int column = 0; column < head_dim; column += width) {
      const Floats value =
          widen<kStorage>(from + column * queries.column_stride, queries.column_stride, head_dim - column);
      store(packed + row * packed_stride + column, value * sign);
    }
  }
}

template <Storage kStorage>
void pack_keys_of(const typename Element<kStorage>::type* data, const Rows& keys, int count, int head_dim,
                  float* packed) {
  for (int key = 0; key < count; key += width) {
    float* to = packed + std::ptrdiff_t{key / panel} * panel * head_dim + key % panel;
    for (int column = 0; column < head_dim; column += width) {
      Floats block[width];
#pragma GCC unroll 16
      for (int row = 0; row < width; ++row) {
        block[row] = Floats{};
        if (key + row < count) {
          block[row] = widen<kStorage>(data + (key + row) * keys.row_stride + column * keys.column_stride,
                                       keys.column_stride, head_dim - column);
        }
      }
      transpose(block);
      const int columns = head_dim - column < width ? head_dim - column : width;
      if (columns == width) {
#pragma GCC unroll 16
        for (int row = 0; row < width; ++row)
          store(to + std::ptrdiff_t{column + row} * panel, block[row]);
      } else {
        for (int row = 0; row < columns; ++row)
          store(to + std::ptrdiff_t{column + row} * panel, block[row]);
      }
    }
  }
}

ATTEST_TILES_INLINE Ints not_finite_lanes(Floats value) {
  return ((Ints)value & 0x7f800000) == 0x7f800000;
}

/// Marks the rows that hold NaN or infinity and packs them as zeros: 0 * NaN must not reach a row that cannot see them.
inline void clear_not_finite(int count, int head_dim_v, float* packed, std::uint8_t* not_finite) {
  const int panels = (head_dim_v + panel - 1) / panel;
  for (int key = 0; key < count; ++key) {
    Ints bad{};
    for (int column = 0; column < panels * panel; column += width) {
      const float* from = packed + (std::ptrdiff_t{column / panel} * tile_keys + key) * panel + column % panel;
      bad |= not_finite_lanes(load(from));
    }
    not_finite[key] = any_of(bad) ? 1 : 0;
    if (!not_finite[key]) continue;
    for (int column = 0; column < panels * panel; column += width) {
      store(packed + (std::ptrdiff_t{column / panel} * tile_keys + key) * panel + column % panel, Floats{});
    }
  }
}

template <Storage kStorage>
bool pack_values_of(const typename Element<kStorage>::type* data, const Rows& values, int count, int head_dim_v,
                    float* packed, std::uint8_t* not_finite) {
  Ints bad{};
  const int whole = values.column_stride == 1 ? head_dim_v / width * width : 0;
  const int padded = (head_dim_v + panel - 1) / panel * panel;
  for (int key = 0; key < count; ++key) {
    const typename Element<kStorage>::type* from = data + key * values.row_stride;
    for (int first = 0; first < padded; first += panel) {
      float* to = packed + (std::ptrdiff_t{first} * tile_keys + std::ptrdiff_t{key} * panel);
#pragma GCC unroll 4
      for (int vector = 0; vector < panel_vectors; ++vector) {
        const int column = first + vector * width;
        Floats value{};
        if (column < whole) {
          value = Element<kStorage>::many(from + column);
        } else if (column < head_dim_v) {
          value = widen<kStorage>(from + column * values.column_stride, values.column_stride, head_dim_v - column);
        }
        bad |= not_finite_lanes(value);
        store(to + vector * width, value);
      }
    }
  }
  if (!any_of(bad)) {
    for (int key = 0; key < count; ++key)
      not_finite[key] = 0;
    return false;
  }
  clear_not_finite(count, head_dim_v, packed, not_finite);
  return true;
}

inline void pack_queries(const Rows& queries, int count, int head_dim, float sign, float* packed,
                         std::ptrdiff_t packed_stride) {
  switch (queries.storage) {
    case Storage::f32:
      return pack_queries_of<Storage::f32>(static_cast<const float*>(queries.data), queries, count, head_dim, sign,
                                           packed, packed_stride);
    case Storage::bf16:
      return pack_queries_of<Storage::bf16>(static_cast<const std::uint16_t*>(queries.data), queries, count, head_dim,
                                            sign, packed, packed_stride);
    case Storage::f16:
      return pack_queries_of<Storage::f16>(static_cast<const std::uint16_t*>(queries.data), queries, count, head_dim,
                                           sign, packed, packed_stride);
  }
}

inline void pack_keys(const Rows& keys, int count, int head_dim, float* packed) {
  switch (keys.storage) {
    case Storage::f32:
      return pack_keys_of<Storage::f32>(static_cast<const float*>(keys.data), keys, count, head_dim, packed);
    case Storage::bf16:
      return pack_keys_of<Storage::bf16>(static_cast<const std::uint16_t*>(keys.data), keys, count, head_dim, packed);
    case Storage::f16:
      return pack_keys_of<Storage::f16>(static_cast<const std::uint16_t*>(keys.data), keys, count, head_dim, packed);
  }
}

inline bool pack_values(const Rows& values, int count, int head_dim_v, float* packed, std::uint8_t* not_finite) {
  switch (values.storage) {
    case Storage::bf16:
      return pack_values_of<Storage::bf16>(static_cast<const std::uint16_t*>(values.data), values, count, head_dim_v,
                                           packed, not_finite);
    case Storage::f16:
      return pack_values_of<Storage::f16>(static_cast<const std::uint16_t*>(values.data), values, count, head_dim_v,
                                          packed, not_finite);
    case Storage::f32:
      break;
  }
  return pack_values_of<Storage::f32>(static_cast<const float*>(values.data), values, count, head_dim_v, packed,
                                      not_finite);
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
