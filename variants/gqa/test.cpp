// What is true of gqa alone: a group's heads read one key head. The inputs provoke: one key head for all (MQA), groups
// that are no power of two and larger than what shares a register, batch entries of different lengths, windows into the
// cache.
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"
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
    many.run_on_changed_inputs();
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

BOOST_AUTO_TEST_CASE(on_a_device_one_tile_of_keys_serves_the_whole_group) {
  if (!attest::test::has_device_code()) return;
  for (const char* text :
       {"hq8 hkv2 sq16 skv300 d64 bf16", "hq6 hkv2 sq21 skv130 d32", "hq12 hkv4 sq20 skv70 d40 f16"}) {
    const Problem problem = parse_problem(text);
    attest::test::DeviceCell cell("gqa/cuda_packed", problem);
    const attest::Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
    // The packed rows of a group fit a block, so that K and V move once for all its heads.
    const std::int64_t elements = problem.heads_q * problem.seq_q * problem.head_dim +
                                  problem.heads_kv * problem.seq_kv * (problem.head_dim + problem.head_dim_v);
    BOOST_TEST(
        cell.counts().global_load_bytes == static_cast<double>(elements) * static_cast<double>(size_of(problem.dtype)),
        text);
  }
}

BOOST_AUTO_TEST_CASE(on_a_device_eight_heads_share_each_read_of_the_cache) {
  if (!attest::test::has_device_code()) return;
  const auto bytes = [](const char* text) {
    attest::test::DeviceCell cell("gqa/cuda_decode", parse_problem(text));
    const attest::Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
    return cell.counts().global_load_bytes;
  };
  const double cache = 2.0 * 2048 * 64 * 2;
  const double one = bytes("hq1 sq1 skv2048 d64 bf16");
  const double eight = bytes("hq8 hkv1 sq1 skv2048 d64 bf16");
  // Beside the cache: the queries, for every group of threads, and the chunks at the merge.
  BOOST_TEST(one >= cache);
  BOOST_TEST(eight < 2 * cache);
}

BOOST_AUTO_TEST_CASE(on_a_device_decoding_is_right_for_groups_around_a_block) {
  if (!attest::test::has_device_code()) return;
  for (const int group : {1, 2, 7, 8, 9, 17}) {
    for (const char* type : {"f32", "bf16", "f16"}) {
      Problem problem = parse_problem(std::string("b2 hq1 hkv1 sq1 skv333 d40 dv24 ") + type);
      problem.heads_kv = 2;
      problem.heads_q = 2 * group;
      attest::test::DeviceCell cell("gqa/cuda_decode", problem);
      const attest::Verification verification = cell.judge();
      BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), problem.text() << ": " << verification.verdict.reason);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
