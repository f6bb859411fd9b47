// heads = split(x W^T + b); weights = kappa softmax(scale q k^T); out = merge(weights v) W_o^T + b_o
// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2
// Split:  module_project, module_output: one block per 64 tokens x 64 features, slices of the inner dimension stream;
//         module_attend: one block per (b, h, 64 query rows), tiles of keys stream, one softmax pass;
//         module_weights: the same blocks and tiles once more, now that the sums are known
// Memory: the heads as the attention reads them, its context and its logarithms of sums in workspace
// Cost:   2*d_model^2 flops a token and matrix, 2*(2d+dv) a pair; the weights are written once
// Limits: head_dim a multiple of 8 to 128; no softcap, no bias on the scores
//
// bf16 and f16 run on the tensor cores. What a stage hands to the next is rounded to the type, and the stage results
// are these rounded numbers: each stage can be judged on exactly what it read.

#include "variants/common/cuda/tile_entries.cuh"
#include "variants/multihead/module_weights.cuh"
#include "variants/multihead/projection.cuh"

namespace {

using namespace attest::cuda;
using namespace attest::multihead;

}  // namespace

#define ATTEST_MODULE_PROJECTIONS(suffix, Element, threads)                                                          \
  extern "C" __global__ void __launch_bounds__(threads, 1) module_project_##suffix(                                  \
      const Element* x, const Element* w, const Element* bias, float* heads, Element* copy, ProjectionShape shape) { \
    project(x, w, bias, ToHeads<Element>{heads, copy}, shape);                                                       \
  }                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(threads, 1) module_output_##suffix(                                   \
      const Element* context, const Element* w, const Element* bias, Element* out, ProjectionShape shape) {          \
    project(context, w, bias, ToTokens<Element>{out}, shape);                                                        \
  }

#define ATTEST_MODULE_ATTENTION(suffix, Element, width)                                                              \
  extern "C" __global__ void __launch_bounds__(TileShape<Element, width>::threads, 1)                                \
      module_attend_##suffix##_d##width(AttentionParams p, const Element* q, const Element* k, const Element* v,     \
                                        const std::uint8_t* mask, const std::int64_t* kv_lengths, Element* context,  \
                                        float* lse) {                                                                \
    attend_tiles<Element, width, rows_of_head>(p, {q, k, v, kv_lengths, context, lse}, PairTensors{mask, nullptr});  \
  }                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(TileShape<Element, width>::threads, 1)                                \
      module_weights_##suffix##_d##width(AttentionParams p, const Element* q, const Element* k,                      \
                                         const std::uint8_t* mask, const std::int64_t* kv_lengths, const float* lse, \
                                         float* weights, const Element* context, float* merged,                      \
                                         Element* merged_copy) {                                                     \
    extern __shared__ __align__(1024) unsigned char memory[];                                                        \
    ModuleWeights<Element, width>(p, {q, k, nullptr, kv_lengths, nullptr, nullptr}, {mask, nullptr}, memory)         \
        .run({lse, weights, context, merged, merged_copy});                                                          \
  }

ATTEST_MODULE_PROJECTIONS(f32, float, scalar_projection_threads)
ATTEST_MODULE_PROJECTIONS(bf16, BFloat16, tensor_projection_threads)
ATTEST_MODULE_PROJECTIONS(f16, Half, tensor_projection_threads)
ATTEST_TILE_TYPES(ATTEST_MODULE_ATTENTION)
