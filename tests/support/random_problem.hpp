#pragma once

#include <cstdint>
#include <random>
#include <string_view>

#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"

namespace attest::test {

/// Random numbers that are the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(limit));
  }
  std::int64_t between(std::int64_t least, std::int64_t greatest) { return least + below(greatest - least + 1); }
  bool chance(double probability) { return uniform() < probability; }
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double normal();

 private:
  std::mt19937_64 engine_;
};

/// Which optional tensors a problem gets.
struct Extras {
  bool mask = false;
  bool bias = false;
  bool kv_lengths = false;
};

/// Fills a tensor with N(0, deviation^2) in its own type.
void fill_normal(const TensorView& view, Random& random, double deviation = 1.0);

/// q, k, v and the extras. kind: "normal", "outliers" (N(0,1) + N(0,100) in one of 1000) or "large_logits" (q 16 times
/// as large).
TensorStorage random_inputs(const Problem& problem, std::string_view kind, const Extras& extras, std::uint64_t seed);

/// A small problem with any of the features, and the extras it wants.
Problem random_problem(Random& random, Extras& extras);

/// Calls visit(place) for every row of the problem.
template <class Visit>
void for_each_row(const Problem& problem, const Visit& visit) {
  for (std::int64_t batch = 0; batch < problem.batch; ++batch)
    for (std::int64_t head = 0; head < problem.heads_q; ++head)
      for (std::int64_t row = 0; row < problem.seq_q; ++row)
        visit(RowPlace{batch, head, row});
}

inline void set(const TensorView& view, double value, std::int64_t i0, std::int64_t i1 = 0, std::int64_t i2 = 0,
                std::int64_t i3 = 0) {
  store_element(view.data, view.dtype, view.offset(i0, i1, i2, i3), value);
}

}  // namespace attest::test
