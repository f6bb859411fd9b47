#pragma once

#include <memory>

#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"

namespace attest {

/// The truth of softmax attention in double, compensated, a row at a time: any problem, with masks, bias, windows,
/// softcap, key lengths, grouped heads and dropout. `inputs` holds q (b, hq, sq, d), k (b, hkv, skv, d), v (b, hkv,
/// skv, dv) and may hold mask and bias (broadcast to (b, hq, sq, skv)) and kv_lengths (b); the views and `spec` outlive
/// the oracle. Lines are "out" {b, h, i} with dv elements and "lse" {b, h, i} with one.
///
/// A key is absent when the spec, the length, the mask, a bias of -inf or a score of -inf says so; what it holds never
/// matters. A row of absent keys gives out 0 and lse -inf. A NaN or an infinity in a present key gives what IEEE
/// arithmetic gives; where honest kernels differ (an infinite v under a weight that may round to 0) the bound is
/// infinite, and any value that is not finite is right.
///
/// Throws Error naming the tensor whose shape or content disagrees with the problem.
std::unique_ptr<Oracle> make_softmax_oracle(const Spec& spec, const Problem& problem, const TensorSet& inputs);

}  // namespace attest
