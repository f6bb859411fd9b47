#include <limits>

#include "tests/defects/kernels/simulation.hpp"
#include "tests/support/random_problem.hpp"

namespace attest::test {
namespace {

double mean_of_values(const Problem& p, const TensorView& v, const RowPlace& at, std::int64_t column) {
  double sum = 0.0;
  for (std::int64_t key = 0; key < p.seq_kv; ++key)
    sum += v.load(at.batch, at.head / p.group(), key, column);
  return sum / static_cast<double>(p.seq_kv);
}

}  // namespace

void spoil(const Problem& p, const TensorSet& inputs, Defect defect, const TensorView& out) {
  if (defect == Defect::nan_planted) {
    set(out, std::numeric_limits<double>::quiet_NaN(), p.batch - 1, p.heads_q / 2, p.seq_q / 2, 3);
    return;
  }
  if (defect != Defect::zeros && defect != Defect::mean_of_values && defect != Defect::rows_shuffled &&
      defect != Defect::previous_head) {
    return;
  }
  const Tensor right = converted(out, p.dtype);
  for_each_row(p, [&](const RowPlace& at) {
    for (std::int64_t c = 0; c < p.head_dim_v; ++c) {
      double value = 0.0;
      if (defect == Defect::rows_shuffled) value = right.view().load(at.batch, at.head, (at.row + 1) % p.seq_q, c);
      if (defect == Defect::previous_head)
        value = right.view().load(at.batch, (at.head + p.heads_q - 1) % p.heads_q, at.row, c);
      if (defect == Defect::mean_of_values) value = mean_of_values(p, inputs.at("v"), at, c);
      set(out, value, at.batch, at.head, at.row, c);
    }
  });
}

}  // namespace attest::test
