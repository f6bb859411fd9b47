#pragma once

#include "variants/common/cuda/element.cuh"

// Four neighbouring elements, aligned to their size, as f32 in registers.

namespace attest::cuda {

__device__ __forceinline__ float4 load_four(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}

template <class Element>
__device__ __forceinline__ float4 load_four(const Element* from) {
  const uint2 bits = *reinterpret_cast<const uint2*>(from);
  const float2 first = unpack<Element>(bits.x);
  const float2 last = unpack<Element>(bits.y);
  return {first.x, first.y, last.x, last.y};
}

/// Rounds to nearest even and stores in global memory. (In PTX for f32: nvcc makes four stores of some.)
__device__ __forceinline__ void store_four(float* to, float4 values) {
  asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};"
               :
               : "l"(__cvta_generic_to_global(to)), "f"(values.x), "f"(values.y), "f"(values.z), "f"(values.w)
               : "memory");
}

template <class Element>
__device__ __forceinline__ void store_four(Element* to, float4 values) {
  *reinterpret_cast<uint2*>(to) = {pack<Element>(values.x, values.y), pack<Element>(values.z, values.w)};
}

}  // namespace attest::cuda
