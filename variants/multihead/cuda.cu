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

#include "variants/common/cuda/mma_attention.cuh"
#include "variants/common/cuda/simt_attention.cuh"
#include "variants/multihead/module_weights.cuh"
#include "variants/multihead/projection.cuh"

namespace {

using namespace attest::cuda;
using namespace attest::multihead;

template <class Element, int Width>
struct Kernels {
  using Attend = MmaAttention<Element, MmaShapeFor<Width>, false, PairTensors>;
  static constexpr int attention_bytes = MmaShapeFor<Width>::shared_bytes;

  __device__ static void write_weights(const AttentionParams& p, const typename Attend::Tensors& tensors,
                                       const PairTensors& pairs, const WeightTensors<Element>& to,
                                       unsigned char* memory) {
    float* staged = reinterpret_cast<float*>(memory + attention_bytes);
    MmaWeights<Element, MmaShapeFor<Width>>(p, tensors, pairs, memory).run(to, staged);
  }
};
template <int Width>
struct Kernels<float, Width> {
  using Attend = SimtAttention<SimtShapeFor<Width>, false, PairTensors>;

  __device__ static void write_weights(const AttentionParams& p, const typename Attend::Tensors& tensors,
                                       const PairTensors& pairs, const WeightTensors<float>& to,
                                       unsigned char* memory) {
    SimtWeights<SimtShapeFor<Width>>(p, tensors, pairs, memory).run(to);
  }
};

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

#define ATTEST_MODULE_ATTENTION(suffix, Element, threads, width)                                                       \
  extern "C" __global__ void __launch_bounds__(threads, 1) module_attend_##suffix##_d##width(                          \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,               \
      const std::int64_t* kv_lengths, Element* context, float* lse) {                                                  \
    extern __shared__ __align__(1024) unsigned char memory[];                                                          \
    Kernels<Element, width>::Attend(p, {q, k, v, kv_lengths, context, lse}, {mask, nullptr}, memory).run();            \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(threads, 1) module_weights_##suffix##_d##width(                         \
      AttentionParams p, const Element* q, const Element* k, const std::uint8_t* mask, const std::int64_t* kv_lengths, \
      const float* lse, float* weights, const Element* context, float* merged, Element* merged_copy) {                 \
    extern __shared__ __align__(1024) unsigned char memory[];                                                          \
    Kernels<Element, width>::write_weights(p, {q, k, nullptr, kv_lengths, nullptr, nullptr}, {mask, nullptr},          \
                                           {lse, weights, context, merged, merged_copy}, memory);                      \
  }

#define ATTEST_MODULE(suffix, Element, attention_threads, projection_threads) \
  ATTEST_MODULE_PROJECTIONS(suffix, Element, projection_threads)              \
  ATTEST_MODULE_ATTENTION(suffix, Element, attention_threads, 32)             \
  ATTEST_MODULE_ATTENTION(suffix, Element, attention_threads, 64)             \
  ATTEST_MODULE_ATTENTION(suffix, Element, attention_threads, 128)

ATTEST_MODULE(f32, float, 256, scalar_projection_threads)
ATTEST_MODULE(bf16, BFloat16, 128, tensor_projection_threads)
ATTEST_MODULE(f16, Half, 128, tensor_projection_threads)
