// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1
// Split:  one task per (b, h, i)
// Memory: one row of scores a thread
// Cost:   2*(d+dv) flops a visible pair; every (i, j) is looked at
// Limits: none: every feature, any head size, f32, bf16, f16
//
// The textbook loops, to be read beside the equation. Everything is f32 from the first product to the last.

#include "variants/standard/kernels.hpp"
#include "variants/standard/textbook.hpp"

namespace attest::standard {
namespace {

using namespace textbook;

/// Scores and weights stay f32.
struct AsItIs {
  static float value(float computed) { return computed; }
};

Support supports(const Problem& problem, const Presence&) {
  if (problem.dtype == DType::f64) return Support::no("cpu_naive computes in f32; f64 is not supported");
  return Support::yes();
}

Arithmetic arithmetic(const Problem& problem) {
  return {.output = unit_roundoff(problem.dtype),
          .output_floor = half_smallest_subnormal(problem.dtype),
          .weights_normalised = true};
}

void run(const KernelCall& call) {
  switch (call.problem.dtype) {
    case DType::bf16:
      return run_all<BFloat16, AsItIs>(call);
    case DType::f16:
      return run_all<Half, AsItIs>(call);
    default:
      return run_all<Float, AsItIs>(call);
  }
}

}  // namespace

const Kernel cpu_naive{
    .name = "cpu_naive",
    .backend = "cpu",
    .summary = "the textbook loops, one query row at a time",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::standard
