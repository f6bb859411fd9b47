// out[i] = sum_j softmax_j(scale * q[i].k[j]) v[j], j within the window of i, or i or j global
// Source: Jiang et al. 2023, Mistral 7B, arXiv:2310.06825; Beltagy et al. 2020, Longformer, arXiv:2004.05150
// Split:  one block per (b, h, 64 query rows), the last rows first; only the tiles of keys that the block's bands touch
//         stream by, and before them those of the global keys; a block with a global row sees all
// Memory: Q and two tiles of K and V in shared; max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile, so O(n*w); K and V move (64 + w) / 64 times
// Limits: head dims to 128, of multiples of 8 in f16 and bf16 (tensor cores); a window on at least one side

#include "variants/common/cuda/tile_entries.cuh"
#include "variants/sliding_window/global_band.cuh"

namespace {

using attest::cuda::NoPairs;
using attest::cuda::PairTensors;
using attest::sliding_window::GlobalBand;

}  // namespace

#define ATTEST_SLIDING_BANDED(name, Element, width, pairs) \
  ATTEST_TILE_ENTRY(name, Element, width, attest::cuda::rows_of_head, pairs, GlobalBand{global}, float* lse, int global)
#define ATTEST_SLIDING_BANDED_BOTH(suffix, Element, width)                             \
  ATTEST_SLIDING_BANDED(sliding_banded_##suffix##_d##width, Element, width, NoPairs{}) \
  ATTEST_SLIDING_BANDED(sliding_banded_##suffix##_d##width##_pairs, Element, width, (PairTensors{mask, bias}))

ATTEST_TILE_TYPES(ATTEST_SLIDING_BANDED_BOTH)
