#include "tests/support/random_problem.hpp"

#include <cmath>
#include <limits>
#include <numbers>

namespace attest::test {

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

void fill_normal(const TensorView& view, Random& random, double deviation) {
  for (std::int64_t index = 0; index < view.element_count(); ++index)
    store_element(view.data, view.dtype, index, deviation * random.normal());
}

TensorStorage random_inputs(const Problem& p, std::string_view kind, const Extras& extras, std::uint64_t seed) {
  Random random(seed);
  TensorStorage storage;
  const auto draw = [&](const char* name, const Shape& shape, double deviation) {
    const TensorView view = storage.add(name, p.dtype, shape).view();
    fill_normal(view, random, deviation);
    for (std::int64_t index = 0; kind == "outliers" && index < view.element_count(); ++index) {
      if (!random.chance(0.001)) continue;
      const double value = load_element(view.data, view.dtype, index) + 10.0 * random.normal();
      store_element(view.data, view.dtype, index, value);
    }
  };
  draw("q", {p.batch, p.heads_q, p.seq_q, p.head_dim}, kind == "large_logits" ? 16.0 : 1.0);
  draw("k", {p.batch, p.heads_kv, p.seq_kv, p.head_dim}, 1.0);
  draw("v", {p.batch, p.heads_kv, p.seq_kv, p.head_dim_v}, 1.0);
  // Each optional tensor repeats along dimensions that chance chooses, and may leave leading ones out.
  const auto broadcast_shape = [&] {
    Shape shape{p.batch, p.heads_q, p.seq_q, p.seq_kv};
    for (std::size_t axis = 0; axis < 3; ++axis)
      if (random.chance(0.4)) shape[axis] = 1;
    while (shape.size() > 1 && shape.front() == 1 && random.chance(0.5))
      shape.erase(shape.begin());
    return shape;
  };
  if (extras.mask) {
    const TensorView view = storage.add("mask", DType::boolean, broadcast_shape()).view();
    for (std::int64_t index = 0; index < view.element_count(); ++index)
      store_element(view.data, view.dtype, index, random.chance(0.7) ? 1.0 : 0.0);
  }
  if (extras.bias) {
    const TensorView view = storage.add("bias", DType::f32, broadcast_shape()).view();
    fill_normal(view, random, 2.0);
    for (std::int64_t index = 0; index < view.element_count(); ++index)
      if (random.chance(0.1)) store_element(view.data, view.dtype, index, -std::numeric_limits<double>::infinity());
  }
  if (extras.kv_lengths) {
    const TensorView view = storage.add("kv_lengths", DType::i64, {p.batch}).view();
    for (std::int64_t batch = 0; batch < p.batch; ++batch)
      set(view, static_cast<double>(random.between(batch == 0 ? p.seq_kv / 2 : 0, p.seq_kv)), batch);
  }
  return storage;
}

Problem random_problem(Random& random, Extras& extras) {
  Problem p;
  p.batch = random.between(1, 3);
  p.heads_kv = random.between(1, 3);
  p.heads_q = p.heads_kv * random.between(1, 3);
  p.seq_q = random.between(1, 24);
  p.seq_kv = random.between(1, 40);
  p.head_dim = random.between(1, 40);
  p.head_dim_v = random.between(1, 40);
  constexpr DType types[] = {DType::f32, DType::f64, DType::f16, DType::bf16};
  p.dtype = types[random.below(4)];
  p.causal = random.chance(0.5);
  if (random.chance(0.3)) p.align.kind = Align::Kind::top_left;
  if (random.chance(0.2)) p.align = {.kind = Align::Kind::offset, .value = random.between(-8, 8)};
  if (random.chance(0.4)) p.window = {.left = random.between(-1, 12), .right = random.between(-1, 12)};
  if (random.chance(0.3)) p.scale = 3.0 * random.uniform();
  if (random.chance(0.3)) p.softcap = 1.0 + 20.0 * random.uniform();
  if (random.chance(0.3)) {
    p.dropout = 0.05 + 0.8 * random.uniform();
    p.seed = static_cast<std::uint64_t>(random.below(std::int64_t{1} << 62));
  }
  extras = {.mask = random.chance(0.4), .bias = random.chance(0.4), .kv_lengths = random.chance(0.4)};
  return p;
}

}  // namespace attest::test
