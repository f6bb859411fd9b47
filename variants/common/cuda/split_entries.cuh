#pragma once

#include <cstdint>

#include "variants/common/cuda/split_attention.cuh"

namespace attest::cuda {

/// The body of an entry that takes one chunk of the keys.
template <class Attention>
__device__ __forceinline__ void attend_chunk(const AttentionParams& p, const typename Attention::Tensors& tensors,
                                             int row_tiles, int chunk_keys) {
  __shared__ typename Attention::Shared shared;
  Attention(p, tensors, row_tiles, chunk_keys, shared).run();
}

}  // namespace attest::cuda

/// What split_plan() launches: "<prefix>_<type>_d<width>_rows<rows>" of every type and width, for one row and for
/// `shared_rows`, and "<prefix>_merge_<type>". Attention is a template of Element and Shape.
#define ATTEST_SPLIT_ENTRIES(prefix, Attention, shared_rows)                                 \
  ATTEST_SPLIT_ENTRIES_OF_TYPE(prefix, f32, float, Attention, shared_rows)                   \
  ATTEST_SPLIT_ENTRIES_OF_TYPE(prefix, bf16, attest::cuda::BFloat16, Attention, shared_rows) \
  ATTEST_SPLIT_ENTRIES_OF_TYPE(prefix, f16, attest::cuda::Half, Attention, shared_rows)

#define ATTEST_SPLIT_ENTRIES_OF_TYPE(prefix, suffix, Element, Attention, shared_rows)                             \
  ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, 64, 1)                                                   \
  ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, 64, shared_rows)                                         \
  ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, 128, 1)                                                  \
  ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, 128, shared_rows)                                        \
  ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, 256, 1)                                                  \
  ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, 256, shared_rows)                                        \
  extern "C" __global__ void __launch_bounds__(128)                                                               \
      prefix##_merge_##suffix(attest::cuda::AttentionParams p, int chunks, const attest::cuda::Partial* partials, \
                              const float* sums, Element* out, float* lse) {                                      \
    attest::cuda::merge_chunks(p, chunks, partials, sums, out, lse);                                              \
  }

#define ATTEST_SPLIT_ENTRY(prefix, suffix, Element, Attention, width, rows)                                            \
  extern "C" __global__ void __launch_bounds__(128) prefix##_##suffix##_d##width##_rows##rows(                         \
      attest::cuda::AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask, \
      const float* bias, const std::int64_t* kv_lengths, attest::cuda::Partial* partials, float* sums, int row_tiles,  \
      int chunk_keys) {                                                                                                \
    using Shape = attest::cuda::SplitShape<static_cast<int>(sizeof(Element)), width, rows>;                            \
    attest::cuda::attend_chunk<Attention<Element, Shape>>(p, {q, k, v, {mask, bias}, kv_lengths, partials, sums},      \
                                                          row_tiles, chunk_keys);                                      \
  }
