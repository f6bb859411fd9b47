// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: what a user of a tensor library gets in 16 bits without a fused kernel: flash-attention,
//         benchmarks/benchmark_flash_attention.py, attention_pytorch (baddbmm, softmax, einsum on f16 tensors)
// Split:  one task per (b, h, i)
// Memory: one row of scores a thread
// Cost:   2*(d+dv) flops a visible pair; every (i, j) is looked at
// Limits: f16, bf16
//
// Scores and weights pass through memory in the tensors' type: each score is rounded to it before the softmax, each
// weight after its division by the sum. Inside each of the three steps all is f32.

#include "variants/standard/kernels.hpp"
#include "variants/standard/textbook.hpp"

namespace attest::standard {
namespace {

using namespace textbook;

struct AsHalf {
  static float value(float computed) { return f16_value(f16_bits(static_cast<double>(computed))); }
};
struct AsBFloat16 {
  static float value(float computed) { return bf16_value(bf16_bits(static_cast<double>(computed))); }
};

Support supports(const Problem& problem, const Presence&) {
  if (problem.dtype == DType::bf16 || problem.dtype == DType::f16) return Support::yes();
  return Support::no("cpu_materialised stores scores and weights in 16 bits: bf16 and f16 alone");
}

Arithmetic arithmetic(const Problem& problem) {
  const double stored = unit_roundoff(problem.dtype);
  const double floor = half_smallest_subnormal(problem.dtype);
  return {.score = stored,
          .score_floor = floor,
          .weight = stored,
          .output = stored,
          .weight_floor = floor,
          .output_floor = floor,
          .weights_normalised = true};
}

void run(const KernelCall& call) {
  if (call.problem.dtype == DType::bf16) return run_all<BFloat16, AsBFloat16>(call);
  run_all<Half, AsHalf>(call);
}

}  // namespace

const Kernel cpu_materialised{
    .name = "cpu_materialised",
    .backend = "cpu",
    .summary = "scores and weights stored in 16 bits between the steps, as unfused library code does",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::standard
