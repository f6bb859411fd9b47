#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/variant.hpp"
#include "tests/defects/common_rules.hpp"
#include "tests/support/random_problem.hpp"

namespace attest::test {

/// A problem, without its type, that brings features for defects to show on.
struct Setting {
  std::string problem;
  Extras extras{};
  std::string variant = "flash2";  ///< whose meaning it has
};

/// The registered variant of that name.
const Variant& variant_of(const std::string& name);

/// Full and causal, grouped, windowed, masked, biased, capped, dropped, decoding, relative positions, a state.
const std::vector<Setting>& settings();

/// A setting in one type with one kind of inputs, and the truth of it, worked out once.
class Bench {
 public:
  /// kind: as random_inputs() takes it.
  Bench(const Setting& setting, const std::string& type, const std::string& kind, std::uint64_t seed);

  const Problem& problem() const { return problem_; }
  const TensorSet& inputs() const { return views_; }
  Presence presence() const { return presence_of(views_); }
  /// `out` with what common rules hold it against.
  Compared compared(const std::vector<double>& out) const { return {problem_.dtype, out, truth_, rounded_, plain_}; }
  /// An oracle that remembers every row that it was asked for; all must be for one arithmetic.
  const Oracle& oracle() const { return *oracle_; }

 private:
  Problem problem_;
  TensorStorage inputs_;
  TensorSet views_;
  std::unique_ptr<Oracle> oracle_;
  std::vector<double> truth_, rounded_, plain_;
};

}  // namespace attest::test
