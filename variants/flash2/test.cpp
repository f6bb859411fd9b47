// What is true of flash2 alone: memory that does not grow with the sequence, one result whatever the number of threads,
// and keys split over threads that merge to the result of one pass. The inputs provoke: more keys than a tile, a lone
// query, values that are infinite where a row may see them and NaN where it may not.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"
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

/// Keys that rows first .. first + 63 of a problem without window see together.
std::int64_t keys_of_block(const Problem& problem, std::int64_t first) {
  if (!problem.causal) return problem.seq_kv;
  const std::int64_t last = std::min(first + 64, problem.seq_q) - 1;
  return std::clamp<std::int64_t>(last + problem.offset(problem.seq_kv) + 1, 0, problem.seq_kv);
}

/// Bytes that a kernel of 64 rows a block reads: Q once, K and V once a block that sees them.
double bytes_read(const Problem& problem) {
  std::int64_t lines = problem.seq_q * problem.head_dim;
  for (std::int64_t first = 0; first < problem.seq_q; first += 64)
    lines += keys_of_block(problem, first) * (problem.head_dim + problem.head_dim_v);
  return static_cast<double>(problem.batch * problem.heads_q * lines) * static_cast<double>(size_of(problem.dtype));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(flash2)

BOOST_AUTO_TEST_CASE(device_kernels_move_the_bytes_of_their_formula_and_no_more) {
  if (!attest::test::has_device_code()) return;
  for (const char* text : {"hq2 sq256 d64", "hq2 sq300 d64 causal", "hq2 hkv1 sq130 skv77 d32 dv64",
                           "b2 sq65 d128 causal", "sq200 skv333 d40 causal align=-20"}) {
    for (const char* type : {"bf16", "f16", "f32"}) {
      const Problem problem = parse_problem(std::string(text) + " " + type);
      attest::test::DeviceCell cell(problem.dtype == attest::DType::f32 ? "flash2/cuda_tiled" : "flash2/cuda_mma",
                                    problem);
      const attest::Verification verification = cell.judge();
      BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), problem.text() << ": " << verification.verdict.reason);
      const attest::DeviceCounts counts = cell.counts();
      BOOST_TEST(counts.global_load_bytes == bytes_read(problem), problem.text());
      const double rows = static_cast<double>(problem.batch * problem.heads_q * problem.seq_q);
      BOOST_TEST(
          counts.global_store_bytes ==
              rows * static_cast<double>(problem.head_dim_v) * static_cast<double>(size_of(problem.dtype)) + rows * 4,
          problem.text());
      BOOST_TEST(counts.async_copy_bytes == counts.global_load_bytes, problem.text());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_tensor_core_kernel_has_no_bank_conflicts_and_reads_whole_sectors) {
  if (!attest::test::has_device_code()) return;
  for (const char* text : {"hq2 sq300 d64 bf16 causal", "sq300 d32 f16", "sq300 d128 bf16", "sq130 d256 f16 causal"}) {
    const attest::test::DeviceCell cell("flash2/cuda_mma", parse_problem(text));
    BOOST_TEST(cell.counts().bank_conflicts() == 0.0, text);
    BOOST_TEST(cell.counts().global_load_sectors * 32 == cell.counts().global_load_bytes, text);
  }
}

BOOST_AUTO_TEST_CASE(tensor_core_flops_are_those_of_the_tiles_that_are_seen) {
  if (!attest::test::has_device_code()) return;
  // 5 blocks of 64 rows see 1 to 5 tiles of 64 keys.
  const attest::test::DeviceCell cell("flash2/cuda_mma", parse_problem("hq2 sq320 d64 bf16 causal"));
  BOOST_TEST(cell.counts().tensor_flops == 2.0 * 15 * (4.0 * 64 * 64 * 64));
}

BOOST_AUTO_TEST_CASE(no_register_spills_at_head_dims_64_and_128) {
  if (!attest::test::has_device_code()) return;
  for (const char* id : {"flash2/cuda_mma", "flash2/cuda_tiled", "flash2/cuda_split_kv"}) {
    int seen = 0;
    for (const attest::EntryResources& entry : resources_of(*attest::find_device_module(id))) {
      if (entry.entry.find("_d64") == std::string::npos && entry.entry.find("_d128") == std::string::npos) continue;
      ++seen;
      BOOST_TEST(entry.registers > 0, entry.entry);
      BOOST_TEST(entry.spill_store_bytes + entry.spill_load_bytes == 0, entry.entry);
    }
    BOOST_TEST(seen >= 4, id);
  }
}

BOOST_AUTO_TEST_CASE(on_a_device_a_value_that_is_not_finite_reaches_the_rows_that_see_it_and_no_other) {
  if (!attest::test::has_device_code()) return;
  for (const char* text : {"sq100 d32 bf16 causal", "sq100 d64 f16 causal", "sq100 d32 f32 causal"}) {
    const Problem problem = parse_problem(text);
    const char* id = problem.dtype == attest::DType::f32 ? "flash2/cuda_tiled" : "flash2/cuda_mma";
    attest::TensorStorage storage = attest::generate_inputs("uniform_scores", *find_kernel(id).variant, problem, 1);
    const TensorView v = storage.find("v")->view();
    attest::store_element(v.data, v.dtype, v.offset(0, 0, 70, 4), std::numeric_limits<double>::infinity());
    attest::store_element(v.data, v.dtype, v.offset(0, 0, 33, 9), std::numeric_limits<double>::quiet_NaN());
    attest::test::DeviceCell cell(id, problem, std::move(storage));
    for (std::int64_t row = 0; row < 100; ++row) {
      BOOST_TEST(std::isinf(cell.out().load(0, 0, row, 4)) == (row >= 70), text << " row " << row);
      BOOST_TEST(std::isnan(cell.out().load(0, 0, row, 9)) == (row >= 33), text << " row " << row);
      BOOST_TEST(std::isfinite(cell.out().load(0, 0, row, 5)), text << " row " << row);
    }
  }
}

BOOST_AUTO_TEST_CASE(on_a_device_chunks_of_keys_merge_to_the_truth) {
  if (!attest::test::has_device_code()) return;
  for (const char* text : {"sq1 skv1500 d64", "hq2 sq3 skv700 d40 dv24 bf16 causal", "b2 hq4 hkv2 sq9 skv513 d128 f16",
                           "sq2 skv800 d7 dv5 softcap=9", "hq2 sq3 skv900 d32 causal align=top_left"}) {
    attest::test::DeviceCell cell("flash2/cuda_split_kv", parse_problem(text), "large_logits");
    const attest::Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
  }
}

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
  cell.run_on_changed_inputs();
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
  cell.run_on_changed_inputs();
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
