// What is true of flash2 alone: memory that does not grow with the sequence, one result whatever the number of threads,
// and keys split over threads that merge to the result of one pass. The inputs provoke: more keys than a tile, a lone
// query, values that are infinite where a row may see them and NaN where it may not.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/cell.hpp"
#include "variants/flash2/kernels.hpp"

namespace {

using attest::find_kernel;
using attest::parse_problem;
using attest::Problem;
using attest::TensorView;
using attest::test::Cell;

bool same_bits(const TensorView& a, const TensorView& b) {
  return std::memcmp(a.data, b.data, static_cast<std::size_t>(a.element_count()) * size_of(a.dtype)) == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flash2)

BOOST_AUTO_TEST_CASE(workspace_does_not_grow_with_the_sequence) {
  const auto bytes = [](const char* text) { return attest::flash2::cpu_tiled.workspace_bytes(parse_problem(text), 2); };
  // Blocks divide the rows evenly, so they are a few rows longer or shorter.
  BOOST_CHECK_LT(bytes("hq1 sq65536 d128"), bytes("hq1 sq16384 d128") * 1.02);
  BOOST_CHECK_LT(bytes("hq1 sq65536 d128"), std::size_t{64} << 20);
  BOOST_CHECK_LT(bytes("hq1 sq65536 d128"), std::size_t{4} << 20);
}

BOOST_AUTO_TEST_CASE(any_number_of_threads_gives_the_same_bits) {
  const Problem problem = parse_problem("hq3 sq700 skv1100 d64 causal");
  Cell one(find_kernel("flash2/cpu_tiled"), problem, "normal", 1);
  for (const int threads : {2, 3}) {
    Cell more(find_kernel("flash2/cpu_tiled"), problem, "normal", threads);
    BOOST_CHECK(same_bits(one.execution->outputs().at("out"), more.execution->outputs().at("out")));
    BOOST_CHECK(same_bits(one.execution->outputs().at("lse"), more.execution->outputs().at("lse")));
  }
}

BOOST_AUTO_TEST_CASE(one_chunk_of_keys_is_the_same_work_as_no_split) {
  // As many keys as one tile holds: there is nothing to split, so the two kernels do the same sums in the same order.
  const Problem problem = parse_problem("b2 hq4 sq5 skv512 d64");
  Cell tiled(find_kernel("flash2/cpu_tiled"), problem, "normal");
  Cell split(find_kernel("flash2/cpu_split_kv"), problem, "normal");
  BOOST_CHECK(same_bits(tiled.execution->outputs().at("out"), split.execution->outputs().at("out")));
}

BOOST_AUTO_TEST_CASE(chunks_of_keys_that_a_row_does_not_see_leave_no_trace) {
  const Problem problem = parse_problem("hq2 sq3 skv4000 d32 causal align=top_left");
  Cell cell(find_kernel("flash2/cpu_split_kv"), problem, "normal", 3);
  const TensorView v = cell.inputs.at("v");
  const TensorView k = cell.inputs.at("k");
  for (std::int64_t head = 0; head < 2; ++head) {
    for (std::int64_t key = 3; key < 4000; ++key) {
      v.as<float>()[v.offset(0, head, key, key % 32)] = std::numeric_limits<float>::quiet_NaN();
      k.as<float>()[k.offset(0, head, key, 0)] = std::numeric_limits<float>::infinity();
    }
  }
  cell.execution->run();
  BOOST_CHECK_MESSAGE(cell.judge().verdict.has_passed(), cell.judge().verdict.reason);
}

BOOST_AUTO_TEST_CASE(chunks_of_keys_merge_to_the_truth_wherever_the_maximum_lies) {
  for (const char* text : {"hq1 sq2 skv4000 d32 dv24", "b2 hq4 hkv2 sq3 skv2100 d16 causal softcap=9"}) {
    for (const char* kind : {"normal", "large_logits"}) {
      Cell cell(find_kernel("flash2/cpu_split_kv"), parse_problem(text), kind, 3);
      const attest::Verification verification = cell.judge();
      BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
    }
  }
}

BOOST_AUTO_TEST_CASE(infinity_in_v_reaches_the_rows_that_see_it_and_no_other) {
  const Problem problem = parse_problem("hq1 sq60 d16 causal");
  Cell cell(find_kernel("flash2/cpu_tiled"), problem, "uniform_scores");
  const TensorView v = cell.inputs.at("v");
  v.as<float>()[v.offset(0, 0, 30, 4)] = std::numeric_limits<float>::infinity();
  cell.execution->run();
  const TensorView out = cell.execution->outputs().at("out");
  for (std::int64_t row = 0; row < 60; ++row) {
    BOOST_CHECK_EQUAL(std::isinf(out.load(0, 0, row, 4)), row >= 30);
    BOOST_CHECK(std::isfinite(out.load(0, 0, row, 5)));
  }
}

BOOST_AUTO_TEST_CASE(splitting_refuses_long_queries_with_a_reason) {
  const attest::Support support = attest::flash2::cpu_split_kv.supports(parse_problem("sq65 skv4096"), {});
  BOOST_CHECK(!support);
  BOOST_CHECK(support.reason.find("cpu_tiled") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
