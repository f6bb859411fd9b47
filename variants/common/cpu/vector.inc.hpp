#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#include "variants/common/cpu/microkernels.hpp"

// Vectors of one register and the few operations that the vector extension of GCC and Clang lacks. Compiled once for
// each instruction set, in a namespace of that set; without a set it is the portable one.

#ifndef ATTEST_TILES_ISA
#define ATTEST_TILES_ISA portable
#define ATTEST_TILES_WIDTH 4
#endif

#define ATTEST_TILES_INLINE __attribute__((always_inline)) inline

namespace attest::tiles::ATTEST_TILES_ISA {

inline constexpr int width = ATTEST_TILES_WIDTH;
// Registers of sums: 6 x 4 of 32 with AVX-512, 6 x 2 of 16 with AVX2, 4 x 2 of 16 without; then those of one row of the
// operand that is read, and a broadcast.
inline constexpr int row_block = width == 4 ? 4 : 6;
inline constexpr int panel_vectors = width == 16 ? 4 : 2;
inline constexpr int panel = panel_vectors * width;

using Floats = float __attribute__((vector_size(4 * ATTEST_TILES_WIDTH)));
using Ints = std::int32_t __attribute__((vector_size(4 * ATTEST_TILES_WIDTH)));
using LooseFloats = float __attribute__((vector_size(4 * ATTEST_TILES_WIDTH), aligned(4), may_alias));
using Words = std::uint32_t __attribute__((vector_size(4 * ATTEST_TILES_WIDTH)));
using Shorts = std::uint16_t __attribute__((vector_size(2 * ATTEST_TILES_WIDTH)));
using LooseShorts = std::uint16_t __attribute__((vector_size(2 * ATTEST_TILES_WIDTH), aligned(2), may_alias));

ATTEST_TILES_INLINE Floats load(const float* from) {
  return *reinterpret_cast<const LooseFloats*>(from);
}
ATTEST_TILES_INLINE void store(float* to, Floats value) {
  *reinterpret_cast<LooseFloats*>(to) = value;
}
ATTEST_TILES_INLINE Floats splat(float value) {
  return value - Floats{};
}

/// a * b + c, fused where the instruction set can.
ATTEST_TILES_INLINE Floats multiply_add(Floats a, Floats b, Floats c) {
#if ATTEST_TILES_WIDTH == 16
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif ATTEST_TILES_WIDTH == 8
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

/// The larger; of a NaN and a number, the number that is in `b`.
ATTEST_TILES_INLINE Floats larger(Floats a, Floats b) {
  return a > b ? a : b;
}

/// The lanes exchanged with those `distance` away, within registers: the step of every reduction.
template <int kDistance>
ATTEST_TILES_INLINE Floats exchange(Floats value) {
  Ints lanes{};
#pragma GCC unroll 16
  for (int lane = 0; lane < width; ++lane)
    lanes[lane] = lane ^ kDistance;
  return __builtin_shuffle(value, lanes);
}

ATTEST_TILES_INLINE float sum_of(Floats value) {
#if ATTEST_TILES_WIDTH == 16
  value += exchange<8>(value);
#endif
#if ATTEST_TILES_WIDTH >= 8
  value += exchange<4>(value);
#endif
  value += exchange<2>(value);
  value += exchange<1>(value);
  return value[0];
}

ATTEST_TILES_INLINE float largest_of(Floats value) {
#if ATTEST_TILES_WIDTH == 16
  value = larger(value, exchange<8>(value));
#endif
#if ATTEST_TILES_WIDTH >= 8
  value = larger(value, exchange<4>(value));
#endif
  value = larger(value, exchange<2>(value));
  value = larger(value, exchange<1>(value));
  return value[0];
}

ATTEST_TILES_INLINE bool any_of(Ints mask) {
#if ATTEST_TILES_WIDTH == 16
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif ATTEST_TILES_WIDTH == 8
  return _mm256_testz_si256((__m256i)mask, (__m256i)mask) == 0;
#else
  return _mm_movemask_epi8((__m128i)mask) != 0;  // lanes are all ones or all zeros
#endif
}

struct Sum {
  static ATTEST_TILES_INLINE Floats of(Floats a, Floats b) { return a + b; }
};
struct Larger {
  static ATTEST_TILES_INLINE Floats of(Floats a, Floats b) { return larger(a, b); }
};

/// Folds kCount registers into one: each step joins the lanes with lane bit kDistance 0 and 1, and that bit then says
/// which register of a pair the result is of.
template <class Join, int kCount, int kDistance>
ATTEST_TILES_INLINE Floats fold(Floats* values) {
  if constexpr (kDistance == width) {
    return values[0];
  } else if constexpr (kCount == 1) {
    values[0] = Join::of(values[0], exchange<kDistance>(values[0]));
    return fold<Join, 1, 2 * kDistance>(values);
  } else {
    Ints even{}, odd{};
#pragma GCC unroll 16
    for (int lane = 0; lane < width; ++lane) {
      const int from = (lane & kDistance) ? width : 0;
      even[lane] = from + (lane & ~kDistance);
      odd[lane] = from + (lane | kDistance);
    }
#pragma GCC unroll 16
    for (int pair = 0; pair < kCount / 2; ++pair) {
      values[pair] = Join::of(__builtin_shuffle(values[2 * pair], values[2 * pair + 1], even),
                              __builtin_shuffle(values[2 * pair], values[2 * pair + 1], odd));
    }
    return fold<Join, kCount / 2, 2 * kDistance>(values);
  }
}

/// The sums of the lanes of each of `kCount` registers (a power of two, at most width).
template <int kCount>
ATTEST_TILES_INLINE void sums_of(Floats (&values)[kCount], float* sums) {
  const Floats folded = fold<Sum, kCount, 1>(values);
#pragma GCC unroll 16
  for (int index = 0; index < kCount; ++index)
    sums[index] = folded[index];
}

// ---- element types ----

inline float float_of_bits(std::uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

inline std::uint32_t bits_of_float(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits;
}

/// The bits of 2^exponent.
constexpr std::int32_t bits_of_power(int exponent) {
  return (exponent + 127) << 23;
}

/// The exact value of IEEE binary16 bits.
inline float widen_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return float_of_bits(sign | 0x7f800000u | (magnitude << 13));
  // Moving the exponent by a product also makes subnormals right: 2^112 is exact and nothing is rounded.
  return float_of_bits(sign | bits_of_float(float_of_bits(magnitude << 13) * 0x1p112f));
}

inline std::uint16_t narrow_f16(float value) {
  const std::uint32_t bits = bits_of_float(value);
  const std::uint16_t sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // a subnormal or zero: adding 0.5 leaves the rounded count of 2^-24 in the low bits
    const float shifted = float_of_bits(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (bits_of_float(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

/// Elements of one storage: how to read one, and a register full of neighbours.
template <Storage kStorage>
struct Element;

template <>
struct Element<Storage::f32> {
  using type = float;
  static ATTEST_TILES_INLINE float one(const float* from) { return *from; }
  static ATTEST_TILES_INLINE Floats many(const float* from) { return load(from); }
  static ATTEST_TILES_INLINE void narrow(Floats value, float* to) { store(to, value); }
};

template <>
struct Element<Storage::bf16> {
  using type = std::uint16_t;
  static ATTEST_TILES_INLINE float one(const type* from) { return float_of_bits(std::uint32_t{*from} << 16); }
  static ATTEST_TILES_INLINE Floats many(const type* from) {
#if ATTEST_TILES_WIDTH == 16
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return (Floats)((Words)_mm512_maskz_cvtepu16_epi32(0xffff, halves) << 16);
#elif ATTEST_TILES_WIDTH == 8
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return (Floats)((Words)_mm256_cvtepu16_epi32(halves) << 16);
#else
    return (Floats)(__builtin_convertvector(*reinterpret_cast<const LooseShorts*>(from), Words) << 16);
#endif
  }
  static ATTEST_TILES_INLINE void narrow(Floats value, type* to) {
    const Words bits = (Words)value;
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Words words = value != value ? (bits >> 16) | 0x40u : rounded;
    *reinterpret_cast<LooseShorts*>(to) = __builtin_convertvector(words, Shorts);
  }
};

/// Twice a register of neighbouring bf16, the even ones and the odd ones: a shift and a mask, where widening them in
/// order would also shuffle.
struct EvenOdd {
  Floats even, odd;
};
ATTEST_TILES_INLINE EvenOdd even_and_odd(const std::uint16_t* from) {
  using LooseWords = std::uint32_t __attribute__((vector_size(4 * ATTEST_TILES_WIDTH), aligned(2), may_alias));
  const Words pairs = *reinterpret_cast<const LooseWords*>(from);
  return {(Floats)(pairs << 16), (Floats)(pairs & 0xffff0000u)};
}

template <>
struct Element<Storage::f16> {
  using type = std::uint16_t;
  static ATTEST_TILES_INLINE float one(const type* from) { return widen_f16(*from); }
  static ATTEST_TILES_INLINE Floats many(const type* from) {
#if ATTEST_TILES_WIDTH == 16
    // The masked form: the plain one reads an undefined register as GCC 12 sees it, and warns.
    return (Floats)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif ATTEST_TILES_WIDTH == 8
    return (Floats)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else
    return Floats{one(from), one(from + 1), one(from + 2), one(from + 3)};
#endif
  }
  static ATTEST_TILES_INLINE void narrow(Floats value, type* to) {
#if ATTEST_TILES_WIDTH == 16
    const __m256i halves = _mm512_maskz_cvtps_ph(0xffff, (__m512)value, _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves);
#elif ATTEST_TILES_WIDTH == 8
    const __m128i halves = _mm256_cvtps_ph((__m256)value, _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), halves);
#else
    for (int lane = 0; lane < width; ++lane)
      to[lane] = narrow_f16(value[lane]);
#endif
  }
};

/// `count` elements (1 to width) from a strided row, the rest of the register 0.
template <Storage kStorage>
ATTEST_TILES_INLINE Floats widen(const typename Element<kStorage>::type* from, std::ptrdiff_t stride, int count) {
  if (stride == 1 && count >= width) return Element<kStorage>::many(from);
  float lanes[width] = {};
  for (int lane = 0; lane < count && lane < width; ++lane)
    lanes[lane] = Element<kStorage>::one(from + lane * stride);
  return load(lanes);
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
