#pragma once

#include <array>
#include <span>
#include <vector>

#include "harness/core/oracle.hpp"
#include "reference/philox.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"

namespace attest::test {

/// `value` rounded to nearest even in the type, through float.
float rounded(DType type, float value);
/// `value` cut off towards zero at 8 significant bits (bf16) or 11 (f16, and tf32 for f32).
float truncated(DType type, float value);

/// A row's online softmax.
struct RunningRow {
  float greatest;
  float total = 0.0f;
  float kept_total = 0.0f;  ///< of the weights that dropout left
  std::vector<float> sums;
};

/// Softmax attention a row at a time; see run_simulated().
class Simulation {
 public:
  Simulation(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect);

  /// Writes one row of `out` and `lse`.
  void run_row(const RowPlace& place, const TensorView& out, const TensorView& lse) const;

  /// Writes one row of `out` as run_textbook() says.
  void run_textbook_row(const RowPlace& place, const TensorView& out) const;

 private:
  bool has(Defect defect) const { return defect_ == defect; }
  std::int64_t batch_kv(const RowPlace& place) const { return has(Defect::keys_of_first_batch) ? 0 : place.batch; }
  std::int64_t head_kv(std::int64_t head) const;
  std::int64_t offset_of(std::int64_t length) const;
  std::int64_t length_of(const RowPlace& place) const;
  std::vector<std::int64_t> visible_keys(const RowPlace& place) const;
  float relative_bias(const RowPlace& place, std::int64_t key) const;
  float bias_of(const RowPlace& place, std::int64_t key) const;
  float score(const RowPlace& place, std::int64_t key) const;

  /// Keys first .. first + count - 1 of the row's `keys` as one tile of them.
  void add_tile(const RowPlace& place, std::span<const std::int64_t> keys, std::size_t first, std::size_t count,
                RunningRow& row) const;
  void drop(const RowPlace& place, std::span<const std::int64_t> keys, std::vector<float>& weights,
            RunningRow& row) const;
  float stored_lse(const RunningRow& row) const;
  void store(const RowPlace& place, const RunningRow& row, bool empty, const TensorView& out,
             const TensorView& lse) const;

  const Problem& p_;
  Schedule schedule_;
  Defect defect_;
  std::array<Tensor, 3> wide_;  // exact, and quicker to read than 16-bit types
  const TensorView& q_;
  const TensorView& k_;
  const TensorView& v_;
  const TensorView* lengths_;
  const TensorView* relative_bias_;
  TensorView mask_, bias_;
  DropoutMask dropout_;
};

/// Linear attention with the feature map elu(x) + 1, whose state a chunk hands to the next.
TensorStorage run_linear(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect);

/// Does to a right `out` what the defects of a whole output do: a NaN planted, and the controls.
void spoil(const Problem& problem, const TensorSet& inputs, Defect defect, const TensorView& out);

}  // namespace attest::test
