// out[h] = sum_j softmax_j(cap(scale * q[h].k[g][j]) + bias[h,j]) v[g][j], g = h / (hq / hkv): one query row, a KV
// cache Source: Ainslie et al. 2023, arXiv:2305.13245; split keys: Dao et al. 2023, Flash-Decoding Split:  one block
// per (b, key head, 1 or 8 query heads of the group, chunk of keys); groups of 8 to 32 threads take
//         keys in turn; a second launch merges the chunks of a row by their maxima
// Memory: the heads' queries, max, sum and out in registers; of each chunk its unnormalised rows in global memory
// Cost:   2*(d+dv) flops a visible pair; K and V move once for up to 8 heads of a group, in order
// Limits: f32, bf16, f16; sq = 1; groups to 64; head dims to 256; no dropout

#include "variants/common/cuda/split_attention.cuh"

namespace {

using namespace attest::cuda;

template <class Element, int Width, int Rows>
__device__ void attend(const AttentionParams& p, const Element* q, const Element* k, const Element* v,
                       const PairTensors& pairs, const std::int64_t* kv_lengths, Partial* partials, float* sums,
                       int row_tiles, int chunk_keys) {
  using Attention = SplitAttention<Element, SplitShape<static_cast<int>(sizeof(Element)), Width, Rows>, true, false>;
  __shared__ typename Attention::Shared shared;
  Attention(p, {q, k, v, pairs, kv_lengths, partials, sums}, row_tiles, chunk_keys, shared).run();
}

}  // namespace

#define ATTEST_GQA_DECODE(suffix, Element, width, rows)                                                      \
  extern "C" __global__ void __launch_bounds__(128) gqa_decode_##suffix##_d##width##_rows##rows(             \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,     \
      const float* bias, const std::int64_t* kv_lengths, Partial* partials, float* sums, int row_tiles,      \
      int chunk_keys) {                                                                                      \
    attend<Element, width, rows>(p, q, k, v, PairTensors{mask, bias}, kv_lengths, partials, sums, row_tiles, \
                                 chunk_keys);                                                                \
  }
#define ATTEST_GQA_DECODE_TYPE(suffix, Element)                                                              \
  ATTEST_GQA_DECODE(suffix, Element, 64, 1)                                                                  \
  ATTEST_GQA_DECODE(suffix, Element, 64, 8)                                                                  \
  ATTEST_GQA_DECODE(suffix, Element, 128, 1)                                                                 \
  ATTEST_GQA_DECODE(suffix, Element, 128, 8)                                                                 \
  ATTEST_GQA_DECODE(suffix, Element, 256, 1)                                                                 \
  ATTEST_GQA_DECODE(suffix, Element, 256, 8)                                                                 \
  extern "C" __global__ void __launch_bounds__(128) gqa_decode_merge_##suffix(                               \
      AttentionParams p, int chunks, const Partial* partials, const float* sums, Element* out, float* lse) { \
    merge_chunks(p, chunks, partials, sums, out, lse);                                                       \
  }

ATTEST_GQA_DECODE_TYPE(f32, float)
ATTEST_GQA_DECODE_TYPE(bf16, BFloat16)
ATTEST_GQA_DECODE_TYPE(f16, Half)
