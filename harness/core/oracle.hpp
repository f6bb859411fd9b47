#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"

namespace attest {

/// What a variant of softmax attention adds to the common meaning, in double, one pair at a time. The reference asks
/// it; no kernel may, since a shared mask would hide a shared bug. The default is the common meaning itself.
class Spec {
 public:
  virtual ~Spec() = default;

  /// Whether query row `row` may see key `key` by causality and window (length and mask tensors are the reference's).
  /// offset: row + offset is the row's key position.
  virtual bool visible(const Problem& problem, std::int64_t row, std::int64_t key, std::int64_t offset) const {
    const std::int64_t distance = key - (row + offset);
    if (problem.causal && distance > 0) return false;
    if (problem.window.left >= 0 && distance < -problem.window.left) return false;
    return problem.window.right < 0 || distance <= problem.window.right;
  }

  /// What is added to the scaled (and capped) score of the pair, beside the `bias` tensor.
  virtual double bias(const Problem&, const TensorSet& /*inputs*/, std::int64_t /*head*/, std::int64_t /*row*/,
                      std::int64_t /*key*/, std::int64_t /*offset*/) const {
    return 0.0;
  }

  /// Whether bias() is not always 0, so that the bound counts its rounding.
  virtual bool has_bias(const Problem&) const { return false; }
};

/// One query row: of batch entry `batch`, query head `head`, row `row`.
struct RowPlace {
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t row = 0;
};

/// The truth of one line of an output tensor: all elements that share the leading indices `index`.
struct OutputRow {
  std::string_view output;          ///< the tensor's name
  std::vector<std::int64_t> index;  ///< its leading indices; one less than its rank, or all of them (a scalar line)
  std::vector<double> value;        ///< correctly rounded to double but for the reference's own error
  std::vector<double> bound;        ///< rule F: no honest kernel of that arithmetic errs more, element by element
  std::vector<double> plain;        ///< what a textbook kernel of the problem's type gives, for the rule "at most twice
                                    ///< the error of a plain kernel" that is reported beside; may be empty
  std::vector<double> probable{};   ///< rule P: what independent roundings exceed once in 1e9; empty: no such bound
  std::vector<double> deviation{};  ///< rule S: the standard deviation of an honest kernel's error; empty: unknown
  std::vector<double> coherent{};   ///< the part of it that all elements may have with one sign; empty: 0
  bool proves_nothing = false;      ///< whether any weights at all would give a result within `bound`
  bool may_overflow = false;        ///< whether scores may exceed the largest number of the declared arithmetic
};

/// A named way to be wrong, such as "scale +1%".
struct KnownDefect {
  std::string_view name;
  /// Up to this share of it (rule M's |c|) honest kernels may seem to have; infinite: no defect, but a rounding that is
  /// declared.
  double least_share = 0.0;
  /// The only output that it can change, so that kernels which do not write it cannot have it; empty: any.
  std::string_view output{};
};

/// What defects would change in one line of an output.
struct LineChanges {
  std::string_view output;
  std::vector<std::int64_t> index;          ///< the line's leading indices, as in OutputRow
  std::vector<std::vector<double>> change;  ///< wrong - right, one entry a defect; empty where it changes nothing
  std::optional<DType> rounded_to{};        ///< the narrower type whose numbers a wider tensor holds
};

/// Computes the truth, and the bound that follows from a kernel's arithmetic, a row at a time, in double.
class Oracle {
 public:
  virtual ~Oracle() = default;

  /// How many places there are: (batch, heads, rows).
  virtual RowPlace extent() const = 0;

  /// Keys that bound the cost of one row, for planning how many rows are checked.
  virtual double row_cost() const = 0;

  /// Whether the row at `place` sees a NaN or an infinity in its inputs, told by a scan that works nothing out; where
  /// not, none of its outputs is NaN unless arithmetic overflows. Nothing where nobody looked.
  virtual std::optional<bool> sees_not_finite(const RowPlace& /*place*/) const { return std::nullopt; }

  /// Replaces `rows` by every line of the outputs that belongs to `place`. Thread-safe.
  virtual void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const = 0;

  /// The ways to be wrong that a kernel of that arithmetic could show on these inputs, told apart by the lines that
  /// changes() speaks of.
  virtual std::vector<KnownDefect> defects(const Arithmetic& /*arithmetic*/) const { return {}; }

  /// What each of defects(arithmetic), in that order, would change in lines of row(), in the order of those.
  /// Thread-safe.
  virtual std::vector<LineChanges> changes(const RowPlace& /*place*/, const Arithmetic& /*arithmetic*/) const {
    return {};
  }
};

/// Makes an oracle. `outputs` are the kernel's own results: an oracle that judges a kernel stage by stage reads the
/// inputs of a stage from them. All views outlive the oracle.
using MakeOracle = std::unique_ptr<Oracle> (*)(const Problem& problem, const TensorSet& inputs,
                                               const TensorSet& outputs);

}  // namespace attest
