#pragma once

#include <cstdint>

#include "harness/core/arithmetic.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"
#include "tests/defects/kernels/defects.hpp"

namespace attest::test {

/// How the keys of a row are gone through; all are honest.
struct Schedule {
  std::int64_t tile = 16;  ///< keys a tile; after each tile the running output is rescaled
  bool backwards = false;  ///< tiles from the last key to the first
  bool pairwise = false;   ///< dot products and sums as trees, otherwise one after the other
  int splits = 1;          ///< shares of the keys that are worked through apart and then merged by their lse
};

/// A tiled kernel with an online softmax in f32, weights and output rounded to the problem's type: what honest kernels
/// do, and with `defect` what broken ones do. Inputs as flash2 or, with parameter `buckets`, cross take them; with
/// parameter `feature` the kernel is linear attention's, in chunks of `tile` keys. The keys of the wrong row, head or
/// batch entry are taken from the same inputs; "the previous call" had q reversed.
TensorStorage run_simulated(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect);

/// `out` of the plain kernel that flash-attention's tests compare with (attention_ref with upcast=False and
/// reorder_ops=True): scale * k, scores, weights and output are each rounded to the problem's type, as PyTorch's
/// operators would. Linear attention has none there; its honest kernel is given.
Tensor run_textbook(const Problem& problem, const TensorSet& inputs);

/// The arithmetic that an honest run_simulated() declares.
Arithmetic simulated_arithmetic(const Problem& problem, const Schedule& schedule);

}  // namespace attest::test
