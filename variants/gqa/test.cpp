// What is true of gqa alone: a group's heads read one key head. The inputs provoke: one key head for all (MQA), groups
// that are no power of two and larger than what shares a register, batch entries of different lengths, windows into the
// cache.
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "tests/support/cell.hpp"
#include "variants/gqa/kernels.hpp"

namespace {

using attest::find_kernel;
using attest::parse_problem;
using attest::Problem;
using attest::TensorView;
using attest::test::Cell;

}  // namespace

BOOST_AUTO_TEST_SUITE(gqa)

BOOST_AUTO_TEST_CASE(a_group_gives_the_bits_of_key_heads_repeated_for_each_query_head) {
  for (const char* kernel : {"gqa/cpu_packed", "gqa/cpu_decode"}) {
    const bool decodes = std::string_view(kernel) == "gqa/cpu_decode";
    const Problem grouped = parse_problem(decodes ? "hq6 hkv2 sq1 skv300 d32" : "hq6 hkv2 sq70 skv300 d32 causal");
    Problem repeated = grouped;
    repeated.heads_kv = 6;
    Cell few(find_kernel(kernel), grouped, "normal", 1);
    Cell many(find_kernel(kernel), repeated, "normal", 1);
    for (const char* name : {"q", "k", "v"}) {
      const TensorView from = few.inputs.at(name);
      const TensorView to = many.inputs.at(name);
      for (std::int64_t head = 0; head < 6; ++head) {
        const std::int64_t source = from.shape[1] == 6 ? head : head / 3;
        for (std::int64_t row = 0; row < from.shape[2]; ++row) {
          for (std::int64_t c = 0; c < 32; ++c)
            to.as<float>()[to.offset(0, head, row, c)] = from.as<float>()[from.offset(0, source, row, c)];
        }
      }
    }
    many.execution->run();
    const attest::Verification verification = many.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), verification.verdict.reason);
    if (decodes) continue;  // there the chunks follow from the number of key heads
    const TensorView a = few.execution->outputs().at("out");
    const TensorView b = many.execution->outputs().at("out");
    BOOST_CHECK(std::memcmp(a.data, b.data, static_cast<std::size_t>(a.element_count()) * 4) == 0);
  }
}

BOOST_AUTO_TEST_CASE(decoding_is_right_for_every_group_from_1_to_9) {
  for (int group = 1; group <= 9; ++group) {
    Problem problem = parse_problem("b2 hq1 hkv1 sq1 skv333 d40 dv24 bf16");
    problem.heads_kv = 2;
    problem.heads_q = 2 * group;
    Cell cell(find_kernel("gqa/cpu_decode"), problem, "normal");
    const attest::Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), problem.text() << ": " << verification.verdict.reason);
  }
}

BOOST_AUTO_TEST_CASE(packed_memory_is_that_of_the_key_heads_in_work_not_of_all) {
  const auto bytes = [](const char* text) { return attest::gqa::cpu_packed.workspace_bytes(parse_problem(text), 2); };
  BOOST_CHECK_EQUAL(bytes("b16 hq32 hkv8 sq4096 d64"), bytes("b1 hq32 hkv8 sq4096 d64"));
  // K and V of one key head in f32, and less than 8 MiB for the threads.
  BOOST_CHECK_LT(bytes("hq32 hkv8 sq4096 d64"), std::size_t{4096 * 128 * 4} + (std::size_t{8} << 20));
}

BOOST_AUTO_TEST_CASE(decoding_refuses_more_than_one_row_and_dropout) {
  BOOST_CHECK(!attest::gqa::cpu_decode.supports(parse_problem("hq4 hkv2 sq2 skv9"), {}));
  BOOST_CHECK(!attest::gqa::cpu_decode.supports(parse_problem("hq4 hkv2 sq1 skv9 dropout=0.1"), {}));
  BOOST_CHECK(!attest::gqa::cpu_decode.supports(parse_problem("hq65 hkv1 sq1 skv9"), {}));
  BOOST_CHECK(attest::gqa::cpu_decode.supports(parse_problem("hq64 hkv1 sq1 skv9"), {}));
}

BOOST_AUTO_TEST_SUITE_END()
