// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i, for few rows i
// Source: Dao, Haziza, Massa and Sizov 2023, Flash-Decoding; Milakov and Gimelshein 2018, arXiv:1805.02867
// Split:  one block per (b, h, 4 query rows, chunk of keys); groups of 8 to 32 threads take keys in turn; a second
//         launch merges the chunks of a row by their maxima
// Memory: queries, max, sum and out in registers; of each chunk its unnormalised rows in global memory
// Cost:   2*(d+dv) flops a visible pair; K and V move once for 4 query rows
// Limits: f32, bf16, f16; sq to 64; head dims to 256

#include "variants/common/cuda/split_entries.cuh"

namespace {

template <class Element, class Shape>
using Attention = attest::cuda::SplitAttention<Element, Shape, attest::cuda::rows_of_head, attest::cuda::with_dropout>;

}  // namespace

ATTEST_SPLIT_ENTRIES(flash2_split, Attention, 4)
