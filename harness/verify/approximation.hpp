#pragma once

#include <vector>

#include "harness/core/accuracy.hpp"
#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"

namespace attest {

/// The distance of `own` from `approximated` in their lines "out" over those places. Lines that are not finite in both
/// are left out.
ApproximationFigures approximation_of(const Oracle& own, const Oracle& approximated,
                                      const std::vector<RowPlace>& places, int threads);

/// The recall task over those places: Schlag, Irie and Schmidhuber 2021, "Linear Transformers Are Secretly Fast Weight
/// Programmers", arXiv:2102.11174, section 6.1, without the training: keys and values are random. `inputs` holds q, k
/// and v with heads, each query equal to a key of its head. The right key is the one nearest to the query; the answer
/// is right when its value is the nearest of all visible values to the row of `out`, by Euclid's distance.
RecallFigures recall_of(const Oracle& own, const Problem& problem, const TensorSet& inputs, const TensorView& out,
                        const std::vector<RowPlace>& places, int threads);

}  // namespace attest
