// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Dao 2023, arXiv:2307.08691, algorithm 1
// Split:  one block per (b, h, 64 query rows), the last rows first; 4 warps of 16 rows; keys stream in tiles of 64
//         (32 for head dims over 128)
// Memory: Q and two tiles of K and V in shared; Q fragments, max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; Q and out move once, K and V once a row block that sees them
// Limits: f16, bf16; head dims that are multiples of 8, to 256, padded to 32, 64, 128 or 256 on the chip only

#include "variants/common/cuda/tile_entries.cuh"

#define ATTEST_FLASH2_MMA(suffix, Element, width) \
  ATTEST_TILE_ENTRIES(flash2_mma_##suffix##_d##width, Element, width, attest::cuda::rows_of_head)

ATTEST_TILE_WIDTHS(ATTEST_FLASH2_MMA, bf16, attest::cuda::BFloat16)
ATTEST_FLASH2_MMA(bf16, attest::cuda::BFloat16, 256)
ATTEST_TILE_WIDTHS(ATTEST_FLASH2_MMA, f16, attest::cuda::Half)
ATTEST_FLASH2_MMA(f16, attest::cuda::Half, 256)
