// What is true of cross alone: T5's buckets, and a table of biases by bucket and head. The inputs provoke: distances on
// both sides of every edge between buckets, beyond max_distance, more queries than keys and the other way round.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <utility>

#include "harness/core/error.hpp"
#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"
#include "variants/cross/kernels.hpp"
#include "variants/cross/spec.hpp"

namespace attest::cross {
extern const Variant variant;
}

namespace {

using attest::find_kernel;
using attest::parse_problem;
using attest::Problem;
using attest::TensorView;
using attest::cross::CrossSpec;
using attest::test::Cell;

/// Q = 0, and a bias of its own for every bucket, so that a wrong one shows.
attest::TensorStorage own_bias_of_every_bucket(const Problem& problem) {
  attest::TensorStorage storage = generate_inputs("normal", attest::cross::variant, problem, 1);
  const TensorView q = storage.find("q")->view();
  for (std::int64_t index = 0; index < q.element_count(); ++index)
    q.as<float>()[index] = 0.0f;
  const TensorView bias = storage.find("relative_bias")->view();
  for (std::int64_t index = 0; index < bias.element_count(); ++index)
    bias.as<float>()[index] = std::sin(1.7f * static_cast<float>(index));
  return storage;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cross)

BOOST_AUTO_TEST_CASE(buckets_are_those_of_t5) {
  // Distance (key - query) and bucket, from T5's formula worked out by hand: 8 exact distances a side, then
  // 8 + floor(8 * log(n / 8) / log(16)).
  const Problem both = parse_problem("sq8 buckets=32 max_distance=128");
  const std::pair<int, int> two_sided[] = {{0, 0},    {-1, 1},   {-7, 7},   {-8, 8},    {-11, 8},   {-12, 9},
                                           {-15, 9},  {-16, 10}, {-22, 10}, {-23, 11},  {-31, 11},  {-32, 12},
                                           {-64, 14}, {-90, 14}, {-91, 15}, {-128, 15}, {-999, 15}, {1, 17},
                                           {7, 23},   {8, 24},   {16, 26},  {127, 31},  {5000, 31}};
  for (const auto& [distance, bucket] : two_sided)
    BOOST_CHECK_MESSAGE(CrossSpec::bucket(both, distance) == bucket, distance << " is not in " << bucket);
  const Problem causal = parse_problem("sq8 buckets=32 max_distance=128 causal");
  const std::pair<int, int> one_sided[] = {{3, 0},    {0, 0},    {-15, 15}, {-16, 16}, {-18, 16},  {-19, 17},
                                           {-20, 17}, {-21, 18}, {-31, 21}, {-32, 21}, {-127, 31}, {-4000, 31}};
  for (const auto& [distance, bucket] : one_sided)
    BOOST_CHECK_MESSAGE(CrossSpec::bucket(causal, distance) == bucket, distance << " is not in " << bucket);
}

BOOST_AUTO_TEST_CASE(the_kernel_and_the_spec_agree_on_the_bucket_of_every_distance) {
  for (const char* text : {"hq2 sq300 skv280 d8 dv8 scale=1 buckets=32 max_distance=128",
                           "hq2 sq300 skv300 d8 dv8 scale=1 buckets=32 max_distance=128 causal",
                           "hq2 sq90 skv200 d8 dv8 scale=1 buckets=10 max_distance=50 align=top_left"}) {
    const Problem problem = parse_problem(text);
    Cell cell(find_kernel("cross/cpu_tiled"), problem, own_bias_of_every_bucket(problem), "cpu", 2, {});
    const attest::Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
  }
}

BOOST_AUTO_TEST_CASE(buckets_that_make_no_table_are_refused) {
  const auto refused = [](const char* text) {
    try {
      attest::cross::variant.check(parse_problem(text));
    } catch (const attest::Error&) {
      return true;
    }
    return false;
  };
  BOOST_CHECK(refused("sq8 buckets=3"));
  BOOST_CHECK(refused("sq8 buckets=7"));
  BOOST_CHECK(refused("sq8 buckets=-4"));
  BOOST_CHECK(refused("sq8 buckets=32 max_distance=16"));
  BOOST_CHECK(!refused("sq8 buckets=32 max_distance=17"));
  BOOST_CHECK(!refused("sq8"));
}

BOOST_AUTO_TEST_CASE(the_shape_of_relative_bias_gives_the_number_of_buckets) {
  attest::Tensor q(attest::DType::f32, {1, 4, 6, 8}), k(attest::DType::f32, {1, 4, 9, 8});
  attest::Tensor bias(attest::DType::f32, {16, 4});
  attest::TensorSet given;
  given.add("q", q.view());
  given.add("k", k.view());
  given.add("v", k.view());
  given.add("relative_bias", bias.view());
  attest::PartialProblem partial;
  infer_problem(attest::cross::variant, given, partial);
  BOOST_CHECK_EQUAL(partial.parameters.at("buckets"), "16");
}

BOOST_AUTO_TEST_CASE(the_device_and_the_spec_agree_on_the_bucket_of_every_distance) {
  if (!attest::test::has_device_code()) return;
  for (const char* text : {"hq2 sq150 skv140 d8 dv8 scale=1 buckets=32 max_distance=128",
                           "hq2 sq150 skv150 d8 dv8 scale=1 buckets=32 max_distance=128 causal",
                           "hq2 sq90 skv170 d8 dv8 scale=1 buckets=10 max_distance=50 align=top_left",
                           "hq2 sq60 skv70 d8 dv8 scale=1 buckets=32 align=-500",
                           "hq1 sq40 skv650 d8 dv8 scale=1 buckets=1100 max_distance=600"}) {
    const Problem problem = parse_problem(text);
    attest::test::DeviceCell cell("cross/cuda_mma", problem, own_bias_of_every_bucket(problem));
    const attest::Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
  }
}

BOOST_AUTO_TEST_SUITE_END()
