#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Elements of f32, bf16 and f16 in memory, as f32 in registers. All groups of four are aligned to their own size.

namespace attest::cuda {

/// Four elements from `from` on.
__device__ inline float4 load_four(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}

__device__ inline float4 load_four(const __nv_bfloat16* from) {
  const uint2 bits = *reinterpret_cast<const uint2*>(from);
  // A bf16 is the upper half of the f32 of the same value.
  return {__uint_as_float(bits.x << 16), __uint_as_float(bits.x & 0xffff0000u), __uint_as_float(bits.y << 16),
          __uint_as_float(bits.y & 0xffff0000u)};
}

__device__ inline float4 load_four(const __half* from) {
  const uint2 bits = *reinterpret_cast<const uint2*>(from);
  const auto half_of = [](unsigned value) {
    return __half2float(__ushort_as_half(static_cast<unsigned short>(value)));
  };
  return {half_of(bits.x & 0xffffu), half_of(bits.x >> 16), half_of(bits.y & 0xffffu), half_of(bits.y >> 16)};
}

/// Two numbers as neighbours in memory, each rounded to nearest even; the first is the lower half.
template <class T>
__device__ unsigned packed_pair(float first, float second);

template <>
__device__ inline unsigned packed_pair<__nv_bfloat16>(float first, float second) {
  unsigned bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
  return bits;
}

template <>
__device__ inline unsigned packed_pair<__half>(float first, float second) {
  unsigned bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
  return bits;
}

/// Rounds to nearest even and stores.
__device__ inline void store_four(float* to, float4 values) {
  *reinterpret_cast<float4*>(to) = values;
}

template <class T>
__device__ inline void store_four(T* to, float4 values) {
  *reinterpret_cast<uint2*>(to) = {packed_pair<T>(values.x, values.y), packed_pair<T>(values.z, values.w)};
}

}  // namespace attest::cuda
