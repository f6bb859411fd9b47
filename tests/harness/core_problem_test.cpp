// The text form of problems: whatever can be said parses back to the same problem, and what is wrong is refused by
// name.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <rapidcheck.h>
#include <string>
#include <string_view>

#include "harness/core/error.hpp"
#include "harness/core/problem.hpp"

namespace {

using namespace attest;

std::int64_t in_range(std::int64_t least, std::int64_t greatest) {
  return *rc::gen::inRange<std::int64_t>(least, greatest + 1);
}

// Mostly small sizes with some large ones, whose products must still fit.
std::int64_t size() {
  return *rc::gen::oneOf(rc::gen::inRange<std::int64_t>(1, 300), rc::gen::inRange<std::int64_t>(1, 3000));
}

double finite() {
  const auto numerator = static_cast<double>(in_range(-1000000, 1000000));
  return numerator / static_cast<double>(in_range(1, 1000));
}

Problem any_problem() {
  Problem problem;
  problem.batch = size();
  problem.heads_kv = in_range(1, 16);
  problem.heads_q = problem.heads_kv * in_range(1, 16);
  problem.seq_q = size();
  problem.seq_kv = size();
  problem.head_dim = in_range(1, 512);
  problem.head_dim_v = in_range(1, 512);
  problem.dtype = *rc::gen::element(DType::f32, DType::f64, DType::f16, DType::bf16);
  problem.causal = *rc::gen::arbitrary<bool>();
  problem.align.kind = *rc::gen::element(Align::Kind::top_left, Align::Kind::bottom_right, Align::Kind::offset);
  if (problem.align.kind == Align::Kind::offset) problem.align.value = in_range(-5000, 5000);
  problem.window = {.left = in_range(-1, 4000), .right = in_range(-1, 4000)};
  if (*rc::gen::arbitrary<bool>()) problem.scale = finite();
  if (*rc::gen::arbitrary<bool>()) problem.softcap = std::abs(finite());
  if (*rc::gen::arbitrary<bool>()) problem.dropout = static_cast<double>(in_range(0, 999999)) / 1e6;
  if (*rc::gen::arbitrary<bool>()) problem.seed = *rc::gen::arbitrary<std::uint64_t>();
  if (*rc::gen::arbitrary<bool>()) problem.parameters["global"] = std::to_string(in_range(-99, 99));
  if (*rc::gen::arbitrary<bool>())
    problem.parameters["feature"] = *rc::gen::element<std::string>("elu1", "relu", "a-b");
  return problem;
}

// The message of the error that the text gives.
std::string refusal(std::string_view text) {
  try {
    parse_problem(text, "here");
  } catch (const Error& error) {
    BOOST_TEST((error.code() == ExitCode::usage));
    return error.what();
  }
  return "accepted";
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(core_problem)

BOOST_AUTO_TEST_CASE(text_of_any_problem_parses_back_to_the_same_problem) {
  BOOST_TEST(rc::check("round trip", [] {
    const Problem problem = any_problem();
    RC_LOG(problem.text());
    RC_ASSERT(parse_problem(problem.text(), "text") == problem);
  }));
}

BOOST_AUTO_TEST_CASE(order_of_the_tokens_does_not_matter) {
  const Problem problem = parse_problem("b2 hq8 hkv2 sq128 skv512 d64 dv32 bf16 causal align=7 window=255,0 seed=7");
  BOOST_TEST(
      (parse_problem("seed=7 window=255,0 align=7 causal  bf16\tdv32 d64\nskv512 sq128 hkv2 hq8 b2") == problem));
}

BOOST_AUTO_TEST_CASE(absent_tokens_take_their_defaults) {
  const Problem problem = parse_problem("hq4 sq12 d32");
  BOOST_TEST(problem.batch == 1);
  BOOST_TEST(problem.heads_kv == 4);
  BOOST_TEST(problem.seq_kv == 12);
  BOOST_TEST(problem.head_dim_v == 32);
  BOOST_TEST((problem.dtype == DType::f32));
  BOOST_TEST((problem.align.kind == Align::Kind::bottom_right));
  BOOST_TEST(!problem.causal);
  BOOST_TEST(!problem.has_window());
  BOOST_TEST(problem.effective_scale() == 1.0 / std::sqrt(32.0));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_refused_with_the_token_and_what_would_be_right) {
  BOOST_TEST(contains(refusal("sq8 skb9"), "token 'skb9' is unknown"));
  BOOST_TEST(contains(refusal("sq8 sq9"), "token 'sq9'"));
  BOOST_TEST(contains(refusal("hq6 hkv4 sq8"), "hkv"));
  BOOST_TEST(contains(refusal("sq-8"), "token 'sq-8' is out of range"));
  BOOST_TEST(contains(refusal("sq0"), "token 'sq0' is out of range"));
  BOOST_TEST(contains(refusal("hq4"), "sq"));
  BOOST_TEST(contains(refusal("sq99999999999999999999"), "out of range"));
  BOOST_TEST(contains(refusal("b2147483648 hq2147483648 sq2147483648"), "overflow"));
  BOOST_TEST(contains(refusal("sq8 dropout=1"), "dropout=1"));
  BOOST_TEST(contains(refusal("sq8 scale=nan"), "scale=nan"));
  BOOST_TEST(contains(refusal("sq8 window=3"), "window=3"));
  BOOST_TEST(contains(refusal("sq8 window=-2,0"), "window=-2,0"));
  BOOST_TEST(contains(refusal("sq8 align=left"), "align=left"));
  BOOST_TEST(contains(refusal("sq8 align=-9223372036854775808"), "of at most 2147483648"));
  BOOST_TEST(contains(refusal("sq8 seed=-1"), "seed=-1"));
  BOOST_TEST(contains(refusal("sq8 d_model=100 hq8"), "hq8 does not divide d_model=100"));
  BOOST_TEST(contains(refusal("sq8 d_model=512 hq8 d32"), "disagrees"));
  BOOST_TEST(refusal("sq8 skb9").starts_with("here: "));
}

BOOST_AUTO_TEST_CASE(offset_follows_the_alignment_and_the_length) {
  Problem problem = parse_problem("sq5 skv9");
  BOOST_TEST(problem.offset(9) == 4);
  BOOST_TEST(problem.offset(3) == -2);
  problem.align.kind = Align::Kind::top_left;
  BOOST_TEST(problem.offset(3) == 0);
  problem.align = {.kind = Align::Kind::offset, .value = -7};
  BOOST_TEST(problem.offset(3) == -7);
}

BOOST_AUTO_TEST_CASE(later_words_override_earlier_ones) {
  PartialProblem partial = parse_partial_problem("sq8 d32 causal global=3", "first");
  partial.override_with(parse_partial_problem("sq16 bf16 global=4", "second"));
  BOOST_TEST(partial.complete("both").text() == "b1 hq1 sq16 d32 bf16 causal global=4");
}

BOOST_AUTO_TEST_SUITE_END()
