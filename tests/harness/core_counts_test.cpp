// Exact counts against the loops that they stand for, and the defaults that variants inherit.
#include <boost/test/unit_test.hpp>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "harness/core/oracle.hpp"
#include "harness/core/variant.hpp"
#include "harness/core/verdict.hpp"

namespace {

using namespace attest;

Problem random_problem(std::mt19937_64& random) {
  const auto below = [&](std::int64_t limit) { return static_cast<std::int64_t>(random() % limit); };
  Problem problem;
  problem.batch = 1 + below(3);
  problem.heads_q = 1 + below(3);
  problem.seq_q = 1 + below(20);
  problem.seq_kv = 1 + below(20);
  problem.causal = below(2) == 0;
  if (below(3) == 0) problem.align.kind = Align::Kind::top_left;
  if (below(4) == 0) problem.align = {.kind = Align::Kind::offset, .value = below(30) - 15};
  if (below(2) == 0) problem.window = {.left = below(8) - 1, .right = below(8) - 1};
  return problem;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(core_counts)

BOOST_AUTO_TEST_CASE(key_range_and_pairs_equal_a_loop_over_the_visible_pairs) {
  std::mt19937_64 random(3);
  const Spec spec;
  for (int trial = 0; trial < 500; ++trial) {
    const Problem problem = random_problem(random);
    std::vector<std::int64_t> lengths;
    double pairs = 0.0;
    for (std::int64_t batch = 0; batch < problem.batch; ++batch) {
      lengths.push_back(trial % 2 == 0 ? problem.seq_kv : static_cast<std::int64_t>(random() % (problem.seq_kv + 1)));
      const std::int64_t offset = problem.offset(lengths.back());
      for (std::int64_t row = 0; row < problem.seq_q; ++row) {
        const KeyRange range = key_range(problem, row, lengths.back());
        std::int64_t count = 0;
        for (std::int64_t key = 0; key < lengths.back(); ++key) {
          const bool is_visible = spec.visible(problem, row, key, offset);
          BOOST_REQUIRE_MESSAGE(is_visible == (key >= range.begin && key < range.end),
                                problem.text() << " row " << row << " key " << key);
          count += is_visible ? 1 : 0;
        }
        BOOST_REQUIRE_EQUAL(range.size(), count);
        pairs += static_cast<double>(problem.heads_q * count);
      }
    }
    BOOST_REQUIRE_EQUAL(visible_pairs(problem, lengths), pairs);
    if (trial % 2 == 0) BOOST_REQUIRE_EQUAL(visible_pairs(problem), pairs);
  }
}

BOOST_AUTO_TEST_CASE(flops_are_two_for_each_product_of_a_visible_pair) {
  BOOST_TEST(exact_flops(parse_problem("hq2 sq3 d4 dv8 causal")) == 2.0 * (4 + 8) * 2 * 6);
  BOOST_TEST(conventional_flops(parse_problem("b2 hq3 sq5 skv7 d4")) == 4.0 * 2 * 3 * 5 * 7 * 4);
  BOOST_TEST(conventional_flops(parse_problem("b2 hq3 sq5 skv7 d4 causal")) == 2.0 * 2 * 3 * 5 * 7 * 4);
}

BOOST_AUTO_TEST_CASE(bytes_are_those_of_the_tensors) {
  const Problem problem = parse_problem("b2 hq4 hkv2 sq3 skv5 d8 dv16 bf16");
  BOOST_TEST(io_bytes(problem) == 2.0 * (2 * 4 * 3 * (8 + 16) + 2 * 2 * 5 * (8 + 16)));
  BOOST_TEST(kv_cache_bytes(problem) == 2.0 * (2 * 2 * 5 * (8 + 16)));
}

BOOST_AUTO_TEST_CASE(standard_tensors_infer_the_problem_that_they_came_from) {
  const Problem problem = parse_problem("b2 hq4 hkv2 sq3 skv5 d8 dv16");
  TensorStorage storage;
  for (const TensorSpec& tensor : standard_tensors(problem))
    if (!tensor.optional && tensor.role != Role::output) storage.add(tensor.name, tensor.dtype, tensor.shape);
  PartialProblem partial;
  infer_standard(storage.views(), partial);
  BOOST_TEST((partial.complete("tensors") == problem));
  PartialProblem other;
  other.seq_kv = 6;
  BOOST_CHECK_THROW(infer_standard(storage.views(), other), Error);
}

BOOST_AUTO_TEST_CASE(names_of_outcomes_are_read_back) {
  for (const Outcome outcome : {Outcome::passed, Outcome::failed, Outcome::skipped, Outcome::unsupported,
                                Outcome::suspect, Outcome::crashed, Outcome::timeout, Outcome::oom}) {
    BOOST_TEST((outcome_named(name_of(outcome)) == outcome));
  }
  BOOST_TEST(name_of(Outcome::oom) == "oom");
  BOOST_TEST(!outcome_named("fine"));
  BOOST_TEST(!Verdict{}.has_passed());
  BOOST_TEST(!Verdict{}.reason.empty());
}

BOOST_AUTO_TEST_SUITE_END()
