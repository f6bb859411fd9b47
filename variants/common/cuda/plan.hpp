#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/variant.hpp"
#include "variants/common/cuda/attention_params.hpp"

namespace attest::cuda {

/// Rounded up.
constexpr std::int64_t ceil_div(std::int64_t value, std::int64_t by) {
  return (value + by - 1) / by;
}

/// What a kernel of softmax attention is told of a problem; of `inputs` only the shapes of mask and bias are read.
/// `may_be_raw` says that the kernel takes unshaped scores where nothing has to be done pair by pair.
AttentionParams attention_params(const Problem& problem, const TensorSet& inputs, bool may_be_raw);

/// params, q, k, v, mask, bias, kv_lengths, out, lse: how every kernel of softmax attention begins. Pointers of absent
/// tensors are null.
std::vector<Argument> attention_arguments(const AttentionParams& params);

/// "bf16", as entries are named. Throws nothing.
std::string entry_type(const Problem& problem);

/// Whether some feature has to be applied pair by pair, so that scores cannot stay q.k until the exponential: mask,
/// bias, softcap, dropout, or a scale that is not above 0 (the largest score would not be the largest product).
bool needs_pairs(const Problem& problem, const Presence& presence);

/// Sizes that fit the 32-bit indices of device code and the limits of a grid of (any, heads, batch).
Support grid_supports(const Problem& problem);

/// f32, bf16 or f16, and head dims that are multiples of `multiple` up to `greatest`.
Support head_dims_support(const Problem& problem, std::int64_t multiple, std::int64_t greatest);

/// Rounding of f32 sums on a device: fma rounds to nearest, ex2.approx has a relative error of 2^-22 (PTX ISA, 2 ulp).
Arithmetic scalar_arithmetic(const Problem& problem);

/// Rounding of mma.sync with f32 accumulation, which may truncate; weights are stored in the problem's type.
Arithmetic tensor_arithmetic(const Problem& problem);

}  // namespace attest::cuda
