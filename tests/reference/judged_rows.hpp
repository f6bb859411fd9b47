#pragma once

#include <initializer_list>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/oracle.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/random_problem.hpp"

namespace attest::test {

/// A row of a small random problem as the oracle judges it: what a rule written again is held against.
struct JudgedRow {
  const Problem& problem;
  const TensorSet& inputs;
  const RowPlace& at;
  const Arithmetic& arithmetic;
  const std::vector<OutputRow>& lines;  ///< of `out` and of `lse`
};

/// Visits every row of each problem, with and without a bias, in each arithmetic.
template <class Visit>
void for_each_judged_row(std::initializer_list<const char*> texts, std::initializer_list<Arithmetic> arithmetics,
                         const Visit& visit) {
  for (const char* text : texts) {
    const Problem problem = parse_problem(text);
    for (const bool has_bias : {false, true}) {
      TensorStorage inputs = random_inputs(problem, "normal", {}, 31);
      if (has_bias) {
        Random random(32);
        fill_normal(inputs.add("bias", DType::f32, {problem.seq_kv}).view(), random, 2.0);
      }
      const TensorSet views = inputs.views();
      const Spec spec;
      const auto oracle = make_softmax_oracle(spec, problem, views);
      for (const Arithmetic& arithmetic : arithmetics) {
        for_each_row(problem, [&](const RowPlace& at) {
          std::vector<OutputRow> lines;
          oracle->row(at, arithmetic, lines);
          visit(JudgedRow{problem, views, at, arithmetic, lines});
        });
      }
    }
  }
}

}  // namespace attest::test
