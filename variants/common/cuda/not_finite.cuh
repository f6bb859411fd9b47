#pragma once

#include <cstdint>

#include "variants/common/cuda/async_copy.cuh"
#include "variants/common/cuda/element.cuh"
#include "variants/common/cuda/swizzle.cuh"
#include "variants/common/cuda/warp.cuh"

namespace attest::cuda {

// A tensor core multiplies the value of a hidden key by a weight of 0, which is NaN where the value is NaN or infinite.
// So a tile of V of which some row does not see some key is searched first. What is found is taken out of the tile, and
// the rows that do see it get it afterwards, from global memory.

/// The exponent bits of both 16-bit elements of a register.
template <class Element>
constexpr std::uint32_t exponent_bits = 0;
template <>
inline constexpr std::uint32_t exponent_bits<BFloat16> = 0x7F807F80u;
template <>
inline constexpr std::uint32_t exponent_bits<Half> = 0x7C007C00u;

/// The sign bits of those elements that are NaN or infinite: their exponent is all ones, so that one more carries.
template <class Element>
__device__ __forceinline__ std::uint32_t not_finite(std::uint32_t pair) {
  constexpr std::uint32_t bits = exponent_bits<Element>;
  constexpr std::uint32_t one = bits & ~(bits << 1);
  return ((pair & bits) + one) & 0x80008000u;
}

/// Both elements of a register, those that are NaN or infinite as 0.
template <class Element>
__device__ __forceinline__ std::uint32_t finite_part(std::uint32_t pair) {
  const std::uint32_t signs = not_finite<Element>(pair);
  const std::uint32_t halves = (signs >> 15) * 0xFFFFu;
  return pair & ~halves;
}

/// Takes NaN and infinities out of a tile in shared memory and leaves in `flags`, a word a warp, the keys that had
/// them: bit n of word w stands for key (32 w + n) % Shape::keys. Takes effect at the next barrier.
template <class Element, class Shape>
__device__ void take_out_not_finite(unsigned char* tile, std::uint32_t* flags) {
  constexpr int parts = Shape::threads / Shape::keys;
  constexpr int own_chunks = (Shape::chunks + parts - 1) / parts;
  const int thread = static_cast<int>(threadIdx.x);
  const int key = thread % Shape::keys;
  const int first = thread / Shape::keys * own_chunks;
  std::uint32_t found = 0;
#pragma unroll
  for (int n = 0; n < own_chunks; ++n) {
    if (Shape::chunks % parts != 0 && first + n >= Shape::chunks) break;
    uint4& chunk = *reinterpret_cast<uint4*>(tile + swizzled<Shape::chunks>(key, first + n));
    const uint4 four = chunk;
    const std::uint32_t here = not_finite<Element>(four.x) | not_finite<Element>(four.y) | not_finite<Element>(four.z) |
                               not_finite<Element>(four.w);
    if (here != 0) {
      chunk = {finite_part<Element>(four.x), finite_part<Element>(four.y), finite_part<Element>(four.z),
               finite_part<Element>(four.w)};
    }
    found |= here;
  }
  const std::uint32_t keys = __ballot_sync(all_lanes, found != 0);
  if (thread % warp_lanes == 0) flags[thread / warp_lanes] = keys;
}

/// The keys of the tile that had them, one bit each.
template <class Shape>
__device__ std::uint64_t flagged_keys(const std::uint32_t* flags) {
  std::uint64_t keys = 0;
#pragma unroll
  for (int warp = 0; warp < Shape::warps; ++warp)
    keys |= static_cast<std::uint64_t>(flags[warp]) << (warp * warp_lanes % Shape::keys);
  return keys;
}

}  // namespace attest::cuda
