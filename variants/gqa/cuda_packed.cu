// out[h][i] = sum_j kappa softmax_j(cap(scale * q[h][i].k[g][j]) + bias) v[g][j], g = h / (hq / hkv), j visible from i
// Source: Ainslie et al. 2023, arXiv:2305.13245; inner loop of Dao 2023, arXiv:2307.08691, algorithm 1
// Split:  one block per (b, key head, 64 packed rows), where packed row n is row n / group of head n % group of the
//         group: a tile of keys serves neighbouring rows of all its heads; keys stream in tiles of 64 or 32
// Memory: Q and two tiles of K and V in shared; max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; Q and out move once, K and V once for 64 packed rows
// Limits: f32 with head dims to 128; bf16, f16 with head dims that are multiples of 8, to 128

#include "variants/common/cuda/tile_entries.cuh"

#define ATTEST_GQA_PACKED(suffix, Element, width) \
  ATTEST_TILE_ENTRIES(gqa_packed_##suffix##_d##width, Element, width, attest::cuda::rows_of_group)

ATTEST_TILE_TYPES(ATTEST_GQA_PACKED)
