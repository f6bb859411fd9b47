#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"

namespace attest::linear {

/// phi(x) in double.
double exact_feature(double x);

/// A line of numbers, padded with zeros as the loops of the reference want it.
std::vector<double> padded_line(std::int64_t width);

/// phi of all keys of a head, a line of `width` numbers a key, with the sum of each line.
struct KeyFeatures {
  std::int64_t width = 0;
  std::vector<double> lines, sums;

  const double* line(std::int64_t key) const { return lines.data() + key * width; }
};

/// The tensors of a problem of linear attention, and the features that its truth is made of. Thread-safe.
class LinearInputs {
 public:
  LinearInputs(const Problem& problem, const TensorSet& inputs);

  /// The row sees this many keys of its batch entry, the first ones.
  std::int64_t visible(const RowPlace& place) const;
  std::int64_t length(std::int64_t batch) const { return lengths_[static_cast<std::size_t>(batch)]; }
  bool has_lengths() const { return has_lengths_; }
  double eps() const { return eps_; }

  /// phi(factor * q) of a row, padded.
  std::vector<double> query_features(const RowPlace& place, double factor = 1.0) const;
  /// Of all keys of a batch entry and key head, hidden by lengths or not. Rows are judged head by head, so the last few
  /// heads are kept.
  std::shared_ptr<const KeyFeatures> key_features(std::int64_t batch, std::int64_t head) const;

  const Problem problem;
  const TensorView q, k, v;

 private:
  double eps_;
  bool has_lengths_;
  std::vector<std::int64_t> lengths_;
  mutable std::mutex guard_;
  using Head = std::pair<std::int64_t, std::int64_t>;
  mutable std::vector<std::pair<Head, std::shared_ptr<const KeyFeatures>>> features_;
};

/// The ways in which kernels of linear attention are known to be wrong; see SoftmaxDefects.
class LinearDefects {
 public:
  /// `inputs` outlives this.
  explicit LinearDefects(const LinearInputs& inputs) : inputs_(inputs) {}

  std::vector<KnownDefect> known(const Arithmetic& arithmetic) const;
  /// O_defect - O of one row, in the order of known(); empty where the defect changes nothing or gives no numbers.
  std::vector<std::vector<double>> changes(const RowPlace& place, const Arithmetic& arithmetic) const;

 private:
  const LinearInputs& inputs_;
};

}  // namespace attest::linear
