#pragma once

#include <vector>

#include "harness/core/accuracy.hpp"
#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"
#include "harness/verify/verify.hpp"

namespace attest {

/// The rows whose averages stand for all: as many as the budget allows, evenly over every head. (The rows that are
/// checked are chosen to find what is wrong, so that first and last ones are too many among them.)
std::vector<RowPlace> rows_in_even_steps(const Oracle& oracle, const Problem& problem, const VerifyOptions& options);

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
