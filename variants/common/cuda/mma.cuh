#pragma once

#include <cstdint>

#include "variants/common/cuda/element.cuh"

namespace attest::cuda {

/// Fragments of mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16"). With g = lane / 4 and t = lane % 4, a lane
/// holds of the result rows g (0, 1) and g + 8 (2, 3), columns 2t and 2t + 1; of A the same rows, columns 2t.. (0, 1)
/// and 2t + 8.. (2, 3); of B column g, rows 2t.. (0) and 2t + 8.. (1).
struct FragmentA {
  std::uint32_t pair[4];
};
struct FragmentC {
  float value[4];
};

/// c += a * b on the tensor cores, sums in f32.
template <class Element>
__device__ __forceinline__ void mma(FragmentC& c, const FragmentA& a, std::uint32_t b0, std::uint32_t b1);
/// a * b
template <class Element>
__device__ __forceinline__ FragmentC product(const FragmentA& a, std::uint32_t b0, std::uint32_t b1);

#define ATTEST_MMA(Element, type)                                                                                 \
  template <>                                                                                                     \
  __device__ __forceinline__ void mma<Element>(FragmentC & c, const FragmentA& a, std::uint32_t b0,               \
                                               std::uint32_t b1) {                                                \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                                                    \
        ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                    \
        : "+f"(c.value[0]), "+f"(c.value[1]), "+f"(c.value[2]), "+f"(c.value[3])                                  \
        : "r"(a.pair[0]), "r"(a.pair[1]), "r"(a.pair[2]), "r"(a.pair[3]), "r"(b0), "r"(b1));                      \
  }                                                                                                               \
  template <>                                                                                                     \
  __device__ __forceinline__ FragmentC product<Element>(const FragmentA& a, std::uint32_t b0, std::uint32_t b1) { \
    FragmentC c;                                                                                                  \
    asm("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                                                    \
        ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %10, %10, %10};"                                \
        : "=f"(c.value[0]), "=f"(c.value[1]), "=f"(c.value[2]), "=f"(c.value[3])                                  \
        : "r"(a.pair[0]), "r"(a.pair[1]), "r"(a.pair[2]), "r"(a.pair[3]), "r"(b0), "r"(b1), "f"(0.0f));           \
    return c;                                                                                                     \
  }

ATTEST_MMA(BFloat16, "bf16")
ATTEST_MMA(Half, "f16")
#undef ATTEST_MMA

/// Four 8 x 8 matrices of 16-bit elements from shared memory; lanes 8n .. 8n + 7 point at the rows of matrix n,
/// `Offset` bytes from `address`. Volatile: the memory changes behind the compiler's back, by asynchronous copies.
template <int Offset = 0>
__device__ __forceinline__ void load_matrices(std::uint32_t (&to)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4+%5];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address), "n"(Offset)
               : "memory");
}
/// The same, each matrix transposed.
template <int Offset = 0>
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&to)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4+%5];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address), "n"(Offset)
               : "memory");
}

}  // namespace attest::cuda
