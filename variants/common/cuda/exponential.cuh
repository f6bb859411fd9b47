#pragma once

namespace attest::cuda {

/// 2^x by the special function unit, relative error below 2^-22; results below 2^-126 become 0; 2^(-inf) is 0.
__device__ __forceinline__ float exp2_approximate(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

constexpr float log2_of_e = 1.4426950408889634f;
constexpr float ln_of_2 = 0.6931471805599453f;

}  // namespace attest::cuda
