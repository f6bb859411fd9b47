#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/core/accuracy.hpp"
#include "harness/core/nature.hpp"
#include "harness/core/oracle.hpp"
#include "harness/core/tensor.hpp"
#include "harness/core/variant.hpp"
#include "harness/core/verdict.hpp"

namespace attest {

/// How much is checked.
struct VerifyOptions {
  double budget = 2e8;           ///< keys times head dims that may be worked through; beyond it rows are sampled
  std::int64_t min_rows = 64;    ///< rows checked at least (all of them where there are fewer)
  double defect_budget = 2.5e6;  ///< the same of the rows that rule M looks at; beyond it, a share of those checked
  std::uint64_t seed = 1;        ///< of the sample
  int threads = 1;
  bool matches_defects = true;  ///< whether rule M looks; without it, only wrong rows are held against the defects
  Nature nature{};              ///< of the inputs; structured unless said, and then rule F alone holds
};

/// A verdict with its proof.
struct Verification {
  Verdict verdict;
  Accuracy accuracy;
};

/// The oracle of a variant: its own, or the reference for its spec.
std::unique_ptr<Oracle> make_oracle(const Variant& variant, const Problem& problem, const TensorSet& inputs,
                                    const TensorSet& outputs);

/// Judges `outputs` against the oracle, line by line: an element fails when !(error <= bound); NaN where and only
/// where the truth is NaN, infinities equal. Beside that, rule F, the inputs' nature and the oracle may let rules P, S
/// and M hold; a result must pass them all. A failure names the defect that the errors look like, and every verdict
/// says how far the inputs would have shown each (Accuracy::defects). Rows are all of them, or a seeded, stratified
/// sample (first, last, window and tile edges, random) of every head; every output is looked through for NaN and
/// infinity, and rows that hold one are judged as well.
Verification verify(const Oracle& oracle, const Problem& problem, const Arithmetic& arithmetic,
                    const TensorSet& outputs, const VerifyOptions& options);

/// The places that verify() checks, in order: all when the budget allows, else the sample.
std::vector<RowPlace> rows_to_check(const Oracle& oracle, const Problem& problem, const VerifyOptions& options);

/// Compares with values from elsewhere: every element must satisfy |got - expected| <= atol + rtol*|expected|.
Verification compare_expected(const TensorView& got, const TensorView& expected, std::string_view output, double rtol,
                              double atol);

/// The oracle's own values of `output`, in double, all rows.
Tensor reference_output(const Oracle& oracle, std::string_view output, const Shape& shape);

/// A 64-bit hash of names, shapes and elements, for telling whether a later run produced the proven result again, and
/// whether a kernel left its inputs alone.
std::uint64_t hash_tensors(const TensorSet& tensors);

}  // namespace attest
