// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Dao 2023, arXiv:2307.08691, algorithm 1, in f32 on the ordinary units
// Split:  one block per (b, h, 64 query rows), the last rows first; 16 x 16 threads of 4 rows; keys stream in tiles of
//         64 (32 for head dims over 64, 16 over 128)
// Memory: Q, two tiles of K and V and the weights of a tile in shared; max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; Q and out move once, K and V once a row block that sees them
// Limits: f32; head dims to 256

#include "variants/common/cuda/tile_entries.cuh"

#define ATTEST_FLASH2_TILED(suffix, Element, width) \
  ATTEST_TILE_ENTRIES(flash2_tiled_##suffix##_d##width, Element, width, attest::cuda::rows_of_head)

ATTEST_TILE_WIDTHS(ATTEST_FLASH2_TILED, f32, float)
ATTEST_FLASH2_TILED(f32, float, 256)
