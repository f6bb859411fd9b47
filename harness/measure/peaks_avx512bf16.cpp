// Peak loop of the bf16 dot product: 16 sums in f32, each of two products of bf16 (vdpbf16ps).
#include "harness/measure/peak_kernels.hpp"

#if defined(__AVX512BF16__)

#include <immintrin.h>

#include "harness/measure/peak_loops.hpp"

namespace attest::peak {

namespace {

struct DotBf16 {
  // Carried as a __m512, for the asm constraint of the operands knows no bf16.
  using Operand = __m512;
  using Sum = __m512;
  static constexpr std::size_t chains = 24;
  static constexpr std::size_t products = 32;
  static __m512 pairs(float value) { return (__m512)_mm512_cvtne2ps_pbh(_mm512_set1_ps(value), _mm512_set1_ps(value)); }
  // One product cancels the other, so that the sums stay where they started.
  static __m512 factor() { return pairs(0.5f); }
  static __m512 addend() { return _mm512_castsi512_ps(_mm512_set1_epi32(0x3f00bf00)); }
  static __m512 start(float value) { return _mm512_set1_ps(value); }
  static __m512 multiply_add(__m512 sum, __m512 left, __m512 right) {
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
  }
  static double first(__m512 sum) { return static_cast<double>(_mm512_cvtss_f32(sum)); }
};

}  // namespace

constinit const Kernels avx512bf16 = {
    .isa = "avx512bf16", .f64 = {}, .f32 = {}, .bf16 = compute_loop<DotBf16>(), .read = nullptr};

}  // namespace attest::peak

#else

namespace attest::peak {

constinit const Kernels avx512bf16 = {};

}  // namespace attest::peak

#endif
