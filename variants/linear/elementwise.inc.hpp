#pragma once

#include "variants/common/cpu/vector.inc.hpp"
#include "variants/linear/elementwise.hpp"

// The elementwise work of linear attention, compiled once for each instruction set.

namespace attest::linear::ATTEST_TILES_ISA {

using namespace attest::tiles::ATTEST_TILES_ISA;
using tiles::score_stride;

/// e^x for -87 <= x <= 0. x = n ln2 + r with ln2 in two parts, the first so short that n times it is exact; the
/// polynomial is that of Cephes' expf.
ATTEST_TILES_INLINE Floats exp_of(Floats x) {
  const Floats magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number, which is in the low bits
  const Floats shifted = multiply_add(x, splat(1.44269504f), magic);
  const Floats whole = shifted - magic;
  Floats rest = multiply_add(whole, splat(-0.693359375f), x);
  rest = multiply_add(whole, splat(2.12194440e-4f), rest);
  Floats value = splat(1.9875691500e-4f);
  value = multiply_add(value, rest, splat(1.3981999507e-3f));
  value = multiply_add(value, rest, splat(8.3334519073e-3f));
  value = multiply_add(value, rest, splat(4.1665795894e-2f));
  value = multiply_add(value, rest, splat(1.6666665459e-1f));
  value = multiply_add(value, rest, splat(5.0000001201e-1f));
  value = multiply_add(value * rest, rest, rest) + splat(1.0f);
  return (Floats)((Ints)value + ((Ints)shifted << 23));
}

inline void feature(float* values, int count) {
  const Floats least = splat(-87.0f);
  for (int place = 0; place < count; place += width) {
    const Floats x = load(values + place);
    const Floats bounded = x < least ? least : (x < Floats{} ? x : Floats{});
    const Floats small = x < least ? Floats{} : exp_of(bounded);
    store(values + place, x < Floats{} ? small : x + splat(1.0f));
  }
}

ATTEST_TILES_INLINE void copy_floats(const float* from, float* to, int count) {
  int place = 0;
  for (; place + width <= count; place += width)
    store(to + place, load(from + place));
  for (; place < count; ++place)
    to[place] = from[place];
}

inline void unpack_keys(const float* packed, int keys, int head_dim, int panel_keys, int first, int columns,
                        float* to) {
  for (int key = 0; key < keys; key += panel_keys) {
    for (int column = 0; column < columns; ++column) {
      copy_floats(packed + std::ptrdiff_t{key} * head_dim + std::ptrdiff_t{first + column} * panel_keys,
                  to + std::ptrdiff_t{column} * score_stride + key, panel_keys);
    }
  }
}

ATTEST_TILES_INLINE float sum_row(const float* row, int count) {
  Floats sums{};
  int place = 0;
  for (; place + width <= count; place += width)
    sums += load(row + place);
  float rest = 0.0f;
  for (; place < count; ++place)
    rest += row[place];
  return sum_of(sums) + rest;
}

inline void add_row_sums(const float* rows, int row_count, int count, float* sums) {
  for (int row = 0; row < row_count; ++row)
    sums[row] += sum_row(rows + std::ptrdiff_t{row} * score_stride, count);
}

inline float cut_and_sum(float* row, int visible, int end) {
  for (int place = visible; place < end; ++place)
    row[place] = 0.0f;
  return sum_row(row, visible);
}

inline float dot(const float* a, const float* b, int count) {
  Floats sums{};
  int place = 0;
  for (; place + width <= count; place += width)
    sums = multiply_add(load(a + place), load(b + place), sums);
  float rest = 0.0f;
  for (; place < count; ++place)
    rest += a[place] * b[place];
  return sum_of(sums) + rest;
}

inline void add(float* to, const float* from, std::ptrdiff_t count) {
  for (std::ptrdiff_t place = 0; place < count; ++place)
    to[place] += from[place];
}

extern const Elementwise elementwise;
const Elementwise elementwise{
    .feature = feature,
    .unpack_keys = unpack_keys,
    .add_row_sums = add_row_sums,
    .cut_and_sum = cut_and_sum,
    .dot = dot,
    .add = add,
};

}  // namespace attest::linear::ATTEST_TILES_ISA
