// Linear attention in f32, a key at a time; a state that is not carried starts anew with every chunk.
#include <algorithm>
#include <cmath>

#include "tests/defects/kernels/simulation.hpp"
#include "tests/support/random_problem.hpp"

namespace attest::test {
namespace {

float feature(double x) {
  const auto value = static_cast<float>(x);
  return value < 0.0f ? std::exp(value) : value + 1.0f;
}

/// sum phi(k_j) v_j^T and sum phi(k_j).
struct State {
  std::vector<float> products;
  std::vector<float> features;

  void add(const std::vector<float>& key, const std::vector<float>& value) {
    for (std::size_t a = 0; a < key.size(); ++a) {
      features[a] += key[a];
      for (std::size_t c = 0; c < value.size(); ++c)
        products[a * value.size() + c] += key[a] * value[c];
    }
  }
};

std::vector<float> line(const TensorView& view, std::int64_t b, std::int64_t h, std::int64_t i, bool mapped) {
  std::vector<float> values(static_cast<std::size_t>(view.shape[3]));
  for (std::int64_t c = 0; c < view.shape[3]; ++c) {
    const double x = view.load(b, h, i, c);
    values[static_cast<std::size_t>(c)] = mapped ? feature(x) : static_cast<float>(x);
  }
  return values;
}

void run_head(const Problem& p, const TensorSet& inputs, std::int64_t b, std::int64_t h, std::int64_t chunk,
              bool carried, const TensorView& out) {
  const auto d = static_cast<std::size_t>(p.head_dim);
  const auto dv = static_cast<std::size_t>(p.head_dim_v);
  State state{std::vector<float>(d * dv), std::vector<float>(d)};
  const auto take = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t j = from; j < to; ++j)
      state.add(line(inputs.at("k"), b, h / p.group(), j, true), line(inputs.at("v"), b, h / p.group(), j, false));
  };
  std::int64_t taken = 0;
  if (!p.causal) take(0, taken = p.seq_kv);
  for (std::int64_t i = 0; i < p.seq_q; ++i) {
    const std::int64_t end = p.causal ? std::clamp<std::int64_t>(i + p.seq_kv - p.seq_q + 1, 0, p.seq_kv) : p.seq_kv;
    if (!carried && taken > 0 && end > taken && taken % chunk == 0)
      state = {std::vector<float>(d * dv), std::vector<float>(d)};
    take(taken, end);
    taken = end;
    const std::vector<float> query = line(inputs.at("q"), b, h, i, true);
    float total = 0.0f;
    std::vector<float> sums(dv);
    for (std::size_t a = 0; a < d; ++a) {
      total += query[a] * state.features[a];
      for (std::size_t c = 0; c < dv; ++c)
        sums[c] += query[a] * state.products[a * dv + c];
    }
    for (std::size_t c = 0; c < dv; ++c)
      set(out, end == 0 ? 0.0f : sums[c] / total, b, h, i, static_cast<std::int64_t>(c));
  }
}

}  // namespace

TensorStorage run_linear(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect) {
  TensorStorage outputs;
  outputs.add("out", problem.dtype, {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim_v});
  const TensorView& out = outputs.find("out")->view();
  for (std::int64_t b = 0; b < problem.batch; ++b)
    for (std::int64_t h = 0; h < problem.heads_q; ++h)
      run_head(problem, inputs, b, h, schedule.tile, defect != Defect::state_not_carried, out);
  spoil(problem, inputs, defect, out);
  return outputs;
}

}  // namespace attest::test
