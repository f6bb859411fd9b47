// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Dao 2023, arXiv:2307.08691, algorithm 1, in f32 on the ordinary units
// Split:  one block per (b, h, 64 query rows), the last rows first; 16 x 16 threads of 4 rows; keys stream in tiles of
//         64 (32 for head dims over 64, 16 over 128)
// Memory: Q, two tiles of K and V and the weights of a tile in shared; max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; Q and out move once, K and V once a row block that sees them
// Limits: f32; head dims to 256

#include "variants/common/cuda/simt_attention.cuh"

namespace {

using namespace attest::cuda;

template <int Width, class Pairs>
__device__ void attend(const AttentionParams& p, const float* q, const float* k, const float* v, const Pairs& pairs,
                       const std::int64_t* kv_lengths, float* out, float* lse) {
  extern __shared__ __align__(1024) unsigned char memory[];
  SimtAttention<SimtShapeFor<Width>, false, Pairs>(p, {q, k, v, kv_lengths, out, lse}, pairs, memory).run();
}

}  // namespace

#define ATTEST_FLASH2_TILED(width)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256, 1) flash2_tiled_f32_d##width(                                     \
      AttentionParams p, const float* q, const float* k, const float* v, const std::uint8_t*, const float*,           \
      const std::int64_t* kv_lengths, float* out, float* lse) {                                                       \
    attend<width>(p, q, k, v, NoPairs{}, kv_lengths, out, lse);                                                       \
  }                                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256, 1) flash2_tiled_f32_d##width##_pairs(                             \
      AttentionParams p, const float* q, const float* k, const float* v, const std::uint8_t* mask, const float* bias, \
      const std::int64_t* kv_lengths, float* out, float* lse) {                                                       \
    attend<width>(p, q, k, v, PairTensors{mask, bias}, kv_lengths, out, lse);                                         \
  }

ATTEST_FLASH2_TILED(32)
ATTEST_FLASH2_TILED(64)
ATTEST_FLASH2_TILED(128)
ATTEST_FLASH2_TILED(256)
