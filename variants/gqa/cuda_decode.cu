// out[h] = sum_j softmax_j(cap(scale * q[h].k[g][j]) + bias[h,j]) v[g][j], g = h / (hq / hkv): one query row a head
// Source: Ainslie et al. 2023, arXiv:2305.13245; split keys: Dao et al. 2023, Flash-Decoding
// Split:  one block per (b, key head, 1 or 8 query heads of the group, chunk of keys); groups of 8 to 32 threads take
//         keys in turn; a second launch merges the chunks of a row by their maxima
// Memory: the heads' queries, max, sum and out in registers; of each chunk its unnormalised rows in global memory
// Cost:   2*(d+dv) flops a visible pair; K and V move once for up to 8 heads of a group, in order
// Limits: f32, bf16, f16; sq = 1; groups to 64; head dims to 256; no dropout

#include "variants/common/cuda/split_entries.cuh"

namespace {

template <class Element, class Shape>
using Attention =
    attest::cuda::SplitAttention<Element, Shape, attest::cuda::rows_of_group, attest::cuda::without_dropout>;

}  // namespace

ATTEST_SPLIT_ENTRIES(gqa_decode, Attention, 8)
