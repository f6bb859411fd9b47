#pragma once

#include "variants/common/cpu/vector.inc.hpp"

// The elementwise work between the two products: exponentials with the row's maximum and sum, softcap, dropout.

namespace attest::tiles::ATTEST_TILES_ISA {

/// 1 + c[0] x + c[1] x^2 + ... + c[5] x^6, by Horner's rule.
ATTEST_TILES_INLINE Floats one_and_powers(Floats x, const float (&c)[6]) {
  Floats value = splat(c[5]);
#pragma GCC unroll 5
  for (int power = 4; power >= 0; --power)
    value = multiply_add(value, x, splat(c[power]));
  return multiply_add(value, x, splat(1.0f));
}

/// 2^x for x <= 0, with relative error under 2^-23 and 2^0 exactly 1; 0 or at most 2^-125 below -125; NaN stays NaN.
/// The polynomials are minimax ones of degree 6 with constant term 1 (relative error 2^-28.9, by Lawson's iteration):
/// on [0, 1] where an instruction scales by the floor, else on [-1/2, 1/2].
ATTEST_TILES_INLINE Floats exp2_of(Floats x) {
#if ATTEST_TILES_WIDTH == 16
  // Where the result would be subnormal the processor needs its microcode: such lanes are left out and are 0.
  const __mmask16 normal = _mm512_cmp_ps_mask((__m512)x, (__m512)splat(-126.0f), _CMP_NLT_UQ);
  const Floats part = (Floats)_mm512_maskz_reduce_ps(0xffff, (__m512)x, _MM_FROUND_TO_NEG_INF);
  const Floats value = one_and_powers(
      part, {0.693147063f, 0.240229309f, 0.0554852821f, 0.00967545155f, 0.00124678446f, 0.000216129192f});
  return (Floats)_mm512_maskz_scalef_ps(normal, (__m512)value, (__m512)x);
#else
  const Floats tiny = splat(-125.0f);
  const Ints underflows = x < tiny;
  x = underflows ? tiny : x;
  // Adding 1.5 * 2^23 rounds to a whole number, which is then in the low bits.
  const Floats magic = splat(12582912.0f);
  const Floats shifted = x + magic;
  const Floats part = x - (shifted - magic);
  const Floats value =
      one_and_powers(part, {0.693147182f, 0.240226477f, 0.0555033237f, 0.00961843692f, 0.0013398875f, 0.00015353362f});
  const Floats scaled = (Floats)((Words)value + ((Words)shifted << 23));
  const Floats result = value == value ? scaled : value;  // the sum of bits could make a number of a NaN
  return underflows ? Floats{} : result;
#endif
}

/// Adds the weights of visible scores to `sum`; returns them, and -0.0 for a hidden one (a score of -inf).
ATTEST_TILES_INLINE Floats hide(Floats score, Floats weight, Floats& sum) {
#if ATTEST_TILES_WIDTH == 16
  const __mmask16 visible = _mm512_cmp_ps_mask((__m512)score, (__m512)splat(-__builtin_inff()), _CMP_NEQ_UQ);
  sum = (Floats)_mm512_mask_add_ps((__m512)sum, visible, (__m512)sum, (__m512)weight);
  return (Floats)_mm512_mask_mov_ps((__m512)splat(-0.0f), visible, (__m512)weight);
#else
  const Ints hidden = score == splat(-__builtin_inff());
  sum += hidden ? Floats{} : weight;
  return hidden ? splat(-0.0f) : weight;
#endif
}

inline float exp2(float x) {
  return exp2_of(splat(x))[0];
}

/// What is subtracted from the scores of a row with this maximum. A row without a visible key has any finite one, which
/// keeps (-inf) - (-inf) from being NaN.
ATTEST_TILES_INLINE Floats shift_of(float maximum) {
  return splat(maximum == -__builtin_inff() ? 0.0f : maximum);
}

/// The weights of a register of scores. The difference first, then the factor: the largest score gets exactly 1.
ATTEST_TILES_INLINE Floats weight_of(Floats score, Floats shift, Floats factor) {
  return exp2_of((score - shift) * factor);
}

inline Softened soften(float* scores, int count, float log2_factor, float maximum) {
  Floats largest = splat(maximum);
  for (int place = 0; place < count; place += width)
    largest = larger(load(scores + place), largest);
  maximum = largest_of(largest);
  const Floats shift = shift_of(maximum);
  const Floats factor = splat(log2_factor);
  Floats sum{};
  for (int place = 0; place < count; place += width) {
    const Floats score = load(scores + place);
    store(scores + place, hide(score, weight_of(score, shift, factor), sum));
  }
  return {maximum, sum_of(sum)};
}

/// A register of scores at `place`, those outside `seen` made hidden ones: in the register, since a load that follows
/// narrower stores waits for them.
ATTEST_TILES_INLINE Floats seen_scores(const float* scores, int place, KeyRange seen) {
  Ints keys{};
#pragma GCC unroll 16
  for (int lane = 0; lane < width; ++lane)
    keys[lane] = lane;
  keys += place;
  return (keys >= seen.begin) & (keys < seen.end) ? load(scores + place) : splat(-__builtin_inff());
}

/// A row's visible keys in whole registers: those that hold hidden keys too are before `inner` and after it.
struct Registers {
  int first, inner_first, inner_last, last;
};

ATTEST_TILES_INLINE Registers registers_of(KeyRange seen) {
  const int first = seen.begin / width * width;
  const int last = (seen.end + width - 1) / width * width;
  const int inner_first = (seen.begin + width - 1) / width * width;
  const int inner_last = seen.end / width * width;
  if (inner_first < inner_last) return {first, inner_first, inner_last, last};
  return {first, last, last, last};
}

/// The largest of the scores seen, lane by lane.
ATTEST_TILES_INLINE Floats largest_seen(const float* scores, KeyRange seen) {
  const Registers at = registers_of(seen);
  Floats largest = splat(-__builtin_inff()), other = largest;
  for (int place = at.first; place < at.inner_first; place += width)
    largest = larger(seen_scores(scores, place, seen), largest);
  int place = at.inner_first;
  for (; place + 2 * width <= at.inner_last; place += 2 * width) {
    largest = larger(load(scores + place), largest);
    other = larger(load(scores + place + width), other);
  }
  if (place < at.inner_last) largest = larger(load(scores + place), largest);
  for (place = at.inner_last; place < at.last; place += width)
    largest = larger(seen_scores(scores, place, seen), largest);
  return larger(largest, other);
}

/// The row's scores become weights; returns their sum, lane by lane.
template <bool kHides>
ATTEST_TILES_INLINE Floats weigh_seen(float* scores, KeyRange seen, Floats shift, Floats factor) {
  const Registers at = registers_of(seen);
  Floats sum{};
  const auto weigh_end = [&](int place) __attribute__((always_inline)) {
    const Floats score = seen_scores(scores, place, seen);
    store(scores + place, hide(score, weight_of(score, shift, factor), sum));
  };
  for (int place = at.first; place < at.inner_first; place += width)
    weigh_end(place);
  for (int place = at.inner_first; place < at.inner_last; place += width) {
    const Floats score = load(scores + place);
    Floats weight = weight_of(score, shift, factor);
    if constexpr (kHides) {
      weight = hide(score, weight, sum);
    } else {
      sum += weight;
    }
    store(scores + place, weight);
  }
  for (int place = at.inner_last; place < at.last; place += width)
    weigh_end(place);
  return sum;
}

/// One value a row of a strip, in as many registers as its rows need.
inline constexpr int strip_vectors = (row_block + width - 1) / width;
inline constexpr int folded_rows = width < max_row_block ? width : max_row_block;

/// The rows' registers joined lane by lane: result[r] belongs to row r.
template <class Join>
ATTEST_TILES_INLINE void join_rows(Floats (&rows)[strip_vectors * folded_rows], float* result) {
#pragma GCC unroll 2
  for (int part = 0; part < strip_vectors; ++part)
    store(result + part * width, fold<Join, folded_rows, 1>(rows + part * folded_rows));
}

template <bool kHides>
void soften_rows(float* scores, int rows, const KeyRange* visible, KeyRange range, float log2_factor,
                 StripSoftmax softmax) {
  const Floats factor = splat(log2_factor);
  constexpr float hidden = -__builtin_inff();
  // The registers of all rows are joined at once: row by row, the chains of dependent instructions would cost more than
  // the rows of a short sequence. Rows that are not there are hidden.
  Floats of_rows[strip_vectors * folded_rows];
  float before[strip_vectors * width], maxima[strip_vectors * width], rescales[strip_vectors * width];
#pragma GCC unroll 8
  for (int row = 0; row < strip_vectors * folded_rows; ++row)
    of_rows[row] = row < rows ? largest_seen(scores + row * score_stride, visible[row]) : splat(hidden);
  join_rows<Larger>(of_rows, maxima);
  for (int row = 0; row < strip_vectors * width; ++row)
    before[row] = row < rows ? softmax.maxima[row] : hidden;
#pragma GCC unroll 2
  for (int place = 0; place < strip_vectors * width; place += width) {
    const Floats old = load(before + place);
    const Floats maximum = larger(load(maxima + place), old);
    // 1 also when neither has a key: (-inf) - (-inf) would be NaN.
    const Floats rescale = old == splat(hidden) ? Floats{} : exp2_of((old - maximum) * factor);
    store(rescales + place, old == maximum ? splat(1.0f) : rescale);
    store(maxima + place, maximum);
  }
#pragma GCC unroll 8
  for (int row = 0; row < strip_vectors * folded_rows; ++row) {
    of_rows[row] = Floats{};
    if (row >= rows) continue;
    float* of_row = scores + row * score_stride;
    const KeyRange seen = visible[row];
    of_rows[row] = weigh_seen<kHides>(of_row, seen, shift_of(maxima[row]), factor);
    for (int place = range.begin / width * width; place < seen.begin / width * width; place += width)
      store(of_row + place, splat(-0.0f));
    for (int place = (seen.end + width - 1) / width * width; place < range.end; place += width)
      store(of_row + place, splat(-0.0f));
  }
  float sums[strip_vectors * width];
  join_rows<Sum>(of_rows, sums);
  for (int row = 0; row < rows; ++row) {
    softmax.factors[row] = rescales[row];
    softmax.sums[row] = softmax.sums[row] * rescales[row] + sums[row];
    softmax.maxima[row] = maxima[row];
  }
}

inline void soften_strip(float* scores, int rows, const KeyRange* visible, KeyRange range, bool hides,
                         float log2_factor, StripSoftmax softmax) {
  if (hides) return soften_rows<true>(scores, rows, visible, range, log2_factor, softmax);
  soften_rows<false>(scores, rows, visible, range, log2_factor, softmax);
}

inline void multiply(float* scores, int count, float factor) {
  for (int place = 0; place < count; place += width)
    store(scores + place, load(scores + place) * factor);
}

/// tanh in double, relative error far under a float's rounding.
ATTEST_TILES_INLINE double tanh_of(double x) {
  const double size = x < 0 ? -x : x;
  // (2x) log2(e), rounded to a whole number and the rest in natural units; beyond 20 tanh is 1 to the last bit.
  const double bounded = size > 20.0 ? 20.0 : size;
  const double whole = bounded * 2.8853900817779268 + 0x1.8p52;
  const double count = whole - 0x1.8p52;
  const double rest = 2.0 * bounded - count * 0.69314718055994531;
  double value = 1.0 / 3628800.0;
  value = value * rest + 1.0 / 362880.0;
  value = value * rest + 1.0 / 40320.0;
  value = value * rest + 1.0 / 5040.0;
  value = value * rest + 1.0 / 720.0;
  value = value * rest + 1.0 / 120.0;
  value = value * rest + 1.0 / 24.0;
  value = value * rest + 1.0 / 6.0;
  value = value * rest + 0.5;
  value = value * rest + 1.0;
  value = value * rest + 1.0;
  std::int64_t bits;
  std::int64_t exponent;
  __builtin_memcpy(&bits, &value, 8);
  __builtin_memcpy(&exponent, &whole, 8);
  bits += exponent << 52;
  __builtin_memcpy(&value, &bits, 8);
  // Near 0 the difference from 1 would cancel: there the series has all the digits.
  const double square = size * size;
  const double series = size * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0))));
  const double large = 1.0 - 2.0 / (value + 1.0);
  const double result = size < 0.02 ? series : large;
  return x != x ? x : (x < 0 ? -result : result);
}

inline void softcap(float* scores, int count, double factor, double cap) {
  for (int place = 0; place < count; ++place) {
    scores[place] = static_cast<float>(cap * tanh_of(static_cast<double>(scores[place]) * factor));
  }
}

ATTEST_TILES_INLINE void philox_round(std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3,
                                      std::uint32_t k0, std::uint32_t k1) {
  const std::uint64_t left = std::uint64_t{0xD2511F53u} * c0;
  const std::uint64_t right = std::uint64_t{0xCD9E8D57u} * c2;
  const std::uint32_t next0 = static_cast<std::uint32_t>(right >> 32) ^ c1 ^ k0;
  const std::uint32_t next2 = static_cast<std::uint32_t>(left >> 32) ^ c3 ^ k1;
  c1 = static_cast<std::uint32_t>(right);
  c3 = static_cast<std::uint32_t>(left);
  c0 = next0;
  c2 = next2;
}

ATTEST_TILES_INLINE void philox(std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3,
                                std::uint32_t k0, std::uint32_t k1) {
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    philox_round(c0, c1, c2, c3, k0 + static_cast<std::uint32_t>(round) * 0x9E3779B9u,
                 k1 + static_cast<std::uint32_t>(round) * 0xBB67AE85u);
  }
}

inline void dropout(float* weights, int count, const DropoutRow& row) {
  const std::uint32_t key0 = static_cast<std::uint32_t>(row.seed);
  const std::uint32_t key1 = static_cast<std::uint32_t>(row.seed >> 32);
  for (int place = 0; place < count; ++place) {
    std::uint32_t c0 = row.first_key + static_cast<std::uint32_t>(place);
    std::uint32_t c1 = row.row;
    std::uint32_t c2 = row.head;
    std::uint32_t c3 = row.batch;
    philox(c0, c1, c2, c3, key0, key1);
    const float factor = c0 >= row.threshold ? row.keep_factor : 0.0f;
    weights[place] *= factor;  // -0.0 stays -0.0: a hidden key stays hidden
  }
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
