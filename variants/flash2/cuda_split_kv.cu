// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i: few queries, many
// keys Source: Dao, Haziza, Massa and Sizov 2023, Flash-Decoding; Milakov and Gimelshein 2018, arXiv:1805.02867 Split:
// one block per (b, h, 4 query rows, chunk of keys); groups of 8 to 32 threads take keys in turn; a second
//         launch merges the chunks of a row by their maxima
// Memory: queries, max, sum and out in registers; of each chunk its unnormalised rows in global memory
// Cost:   2*(d+dv) flops a visible pair; K and V move once for 4 query rows
// Limits: f32, bf16, f16; sq to 64; head dims to 256

#include "variants/common/cuda/split_attention.cuh"

namespace {

using namespace attest::cuda;

template <class Element, int Width, int Rows>
__device__ void attend(const AttentionParams& p, const Element* q, const Element* k, const Element* v,
                       const PairTensors& pairs, const std::int64_t* kv_lengths, Partial* partials, float* sums,
                       int row_tiles, int chunk_keys) {
  using Attention = SplitAttention<Element, SplitShape<static_cast<int>(sizeof(Element)), Width, Rows>, false, true>;
  __shared__ typename Attention::Shared shared;
  Attention(p, {q, k, v, pairs, kv_lengths, partials, sums}, row_tiles, chunk_keys, shared).run();
}

}  // namespace

#define ATTEST_FLASH2_SPLIT(suffix, Element, width, rows)                                                    \
  extern "C" __global__ void __launch_bounds__(128) flash2_split_##suffix##_d##width##_rows##rows(           \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,     \
      const float* bias, const std::int64_t* kv_lengths, Partial* partials, float* sums, int row_tiles,      \
      int chunk_keys) {                                                                                      \
    attend<Element, width, rows>(p, q, k, v, PairTensors{mask, bias}, kv_lengths, partials, sums, row_tiles, \
                                 chunk_keys);                                                                \
  }
#define ATTEST_FLASH2_SPLIT_TYPE(suffix, Element)                                                            \
  ATTEST_FLASH2_SPLIT(suffix, Element, 64, 1)                                                                \
  ATTEST_FLASH2_SPLIT(suffix, Element, 64, 4)                                                                \
  ATTEST_FLASH2_SPLIT(suffix, Element, 128, 1)                                                               \
  ATTEST_FLASH2_SPLIT(suffix, Element, 128, 4)                                                               \
  ATTEST_FLASH2_SPLIT(suffix, Element, 256, 1)                                                               \
  ATTEST_FLASH2_SPLIT(suffix, Element, 256, 4)                                                               \
  extern "C" __global__ void __launch_bounds__(128) flash2_split_merge_##suffix(                             \
      AttentionParams p, int chunks, const Partial* partials, const float* sums, Element* out, float* lse) { \
    merge_chunks(p, chunks, partials, sums, out, lse);                                                       \
  }

ATTEST_FLASH2_SPLIT_TYPE(f32, float)
ATTEST_FLASH2_SPLIT_TYPE(bf16, BFloat16)
ATTEST_FLASH2_SPLIT_TYPE(f16, Half)
