// Peak loops in vectors of 32 bytes with fused multiply-add.
#include "harness/measure/peak_kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#include "harness/measure/peak_loops.hpp"

namespace attest::peak {

namespace {

// 12 chains and 2 operands fit into the 16 registers.
struct MultiplyAddF32 {
  using Operand = __m256;
  using Sum = __m256;
  static constexpr std::size_t chains = 12;
  static constexpr std::size_t products = 8;
  static __m256 factor() { return _mm256_set1_ps(0.875f); }
  static __m256 addend() { return _mm256_set1_ps(0.125f); }
  static __m256 start(float value) { return _mm256_set1_ps(value); }
  static __m256 multiply_add(__m256 sum, __m256 factor, __m256 addend) { return _mm256_fmadd_ps(sum, factor, addend); }
  static double first(__m256 sum) { return static_cast<double>(_mm256_cvtss_f32(sum)); }
};

struct MultiplyAddF64 {
  using Operand = __m256d;
  using Sum = __m256d;
  static constexpr std::size_t chains = 12;
  static constexpr std::size_t products = 4;
  static __m256d factor() { return _mm256_set1_pd(0.875); }
  static __m256d addend() { return _mm256_set1_pd(0.125); }
  static __m256d start(float value) { return _mm256_set1_pd(value); }
  static __m256d multiply_add(__m256d sum, __m256d factor, __m256d addend) {
    return _mm256_fmadd_pd(sum, factor, addend);
  }
  static double first(__m256d sum) { return _mm256_cvtsd_f64(sum); }
};

struct Read {
  using Word = __m256i;
  static __m256i zero() { return _mm256_setzero_si256(); }
  static __m256i combine(__m256i sum, const char* at) {
    return _mm256_xor_si256(sum, _mm256_load_si256(reinterpret_cast<const __m256i*>(at)));
  }
  static std::uint64_t first(__m256i sum) { return static_cast<std::uint64_t>(sum[0]); }
};

}  // namespace

constinit const Kernels avx2 = {.isa = "avx2",
                                .f64 = compute_loop<MultiplyAddF64>(),
                                .f32 = compute_loop<MultiplyAddF32>(),
                                .bf16 = {},
                                .read = read<Read>};

}  // namespace attest::peak

#else

namespace attest::peak {

constinit const Kernels avx2 = {};

}  // namespace attest::peak

#endif
