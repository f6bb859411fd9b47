#pragma once

#include <string_view>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/oracle.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// wrong - right, an element an entry; empty where that is nothing.
std::vector<double> change(std::vector<double> wrong, const std::vector<double>& right);

/// The ways in which kernels of softmax attention are known to be wrong, and what each would change in a row of `out`
/// and of `lse`.
/// They are made from the problem, its tensors and its spec alone, so that a new variant has them all.
class SoftmaxDefects {
 public:
  /// `inputs` outlives this.
  explicit SoftmaxDefects(const SoftmaxInputs& inputs);

  /// The defects that a kernel of that arithmetic could show on this problem, such as "scale +1%", "l not rescaled",
  /// "window left +1".
  std::vector<KnownDefect> known(const Arithmetic& arithmetic) const;

  /// O_defect - O of one row of `out`, then of `lse`, one entry a defect in the order of known(); an entry is empty
  /// where the defect changes nothing (or makes an lse of -inf), and not finite where it makes such values. The tiles
  /// of a kernel are guessed from its number of rescales.
  std::vector<LineChanges> changes(const RowPlace& place, const Arithmetic& arithmetic) const;

 private:
  /// A defect that reads other keys, heads or rows than it should: the problem or the place that it takes for its own.
  struct Misreading {
    std::string_view name;
    SoftmaxInputs inputs;
    RowReading (*read)(const SoftmaxInputs& inputs, const RowPlace& place) = nullptr;
  };

  void add_misreadings();

  const SoftmaxInputs& inputs_;
  std::vector<Misreading> misreadings_;
};

}  // namespace attest
