// Peak loops in vectors of 64 bytes with fused multiply-add.
#include "harness/measure/peak_kernels.hpp"

#if defined(__AVX512F__)

#include <immintrin.h>

#include "harness/measure/peak_loops.hpp"

namespace attest::peak {

namespace {

// 24 chains and 2 operands fit into the 32 registers.
struct MultiplyAddF32 {
  using Operand = __m512;
  using Sum = __m512;
  static constexpr std::size_t chains = 24;
  static constexpr std::size_t products = 16;
  static __m512 factor() { return _mm512_set1_ps(0.875f); }
  static __m512 addend() { return _mm512_set1_ps(0.125f); }
  static __m512 start(float value) { return _mm512_set1_ps(value); }
  static __m512 multiply_add(__m512 sum, __m512 factor, __m512 addend) { return _mm512_fmadd_ps(sum, factor, addend); }
  static double first(__m512 sum) { return static_cast<double>(_mm512_cvtss_f32(sum)); }
};

struct MultiplyAddF64 {
  using Operand = __m512d;
  using Sum = __m512d;
  static constexpr std::size_t chains = 24;
  static constexpr std::size_t products = 8;
  static __m512d factor() { return _mm512_set1_pd(0.875); }
  static __m512d addend() { return _mm512_set1_pd(0.125); }
  static __m512d start(float value) { return _mm512_set1_pd(value); }
  static __m512d multiply_add(__m512d sum, __m512d factor, __m512d addend) {
    return _mm512_fmadd_pd(sum, factor, addend);
  }
  static double first(__m512d sum) { return _mm512_cvtsd_f64(sum); }
};

struct Read {
  using Word = __m512i;
  static __m512i zero() { return _mm512_setzero_si512(); }
  static __m512i combine(__m512i sum, const char* at) { return _mm512_xor_si512(sum, _mm512_load_si512(at)); }
  static std::uint64_t first(__m512i sum) { return static_cast<std::uint64_t>(sum[0]); }
};

}  // namespace

constinit const Kernels avx512 = {.isa = "avx512",
                                  .f64 = compute_loop<MultiplyAddF64>(),
                                  .f32 = compute_loop<MultiplyAddF32>(),
                                  .bf16 = {},
                                  .read = read<Read>};

}  // namespace attest::peak

#else

namespace attest::peak {

constinit const Kernels avx512 = {};

}  // namespace attest::peak

#endif
