// The selection guide's answers on stores made so that each claim holds, fails, is open or cannot be judged.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <tuple>

#include "reports/build.hpp"
#include "reports/guide_claims.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;

std::string with_length(int length, const std::string& rest = "") {
  return "b1 hq8 sq" + std::to_string(length) + " d64 f32" + rest;
}

Finding judge(const std::string& start, const std::vector<CellRecord>& cells) {
  const Study study = make_study(cells);
  for (const Claim& claim : selection_claims()) {
    if (std::string(claim.text).rfind(start, 0) == 0) return claim.judge(study);
  }
  BOOST_REQUIRE_MESSAGE(false, "no claim begins with " << start);
  return {};
}

void expect(const std::string& claim, ClaimAnswer answer, const std::vector<CellRecord>& cells) {
  const Finding finding = judge(claim, cells);
  BOOST_TEST((finding.answer == answer), claim << ": " << static_cast<int>(finding.answer) << ", " << finding.figures);
}

constexpr auto holds = ClaimAnswer::holds;
constexpr auto fails = ClaimAnswer::does_not_hold;
constexpr auto open = ClaimAnswer::unclear;
constexpr auto unknown = ClaimAnswer::not_measured;

/// Times that grow with the length to a power, at four lengths from 512.
std::vector<CellRecord> curve(const std::string& kernel, double power, const std::string& rest = "") {
  std::vector<CellRecord> cells;
  for (int length = 512; length <= 4096; length *= 2)
    cells.push_back(timed_cell(kernel, with_length(length, rest), 1e-6 * std::pow(length, power)));
  return cells;
}

CellRecord with_workspace(CellRecord record, std::int64_t bytes) {
  record.workspace_bytes_measured = record.workspace_bytes_predicted = bytes;
  return record;
}

BOOST_AUTO_TEST_SUITE(guide)

BOOST_AUTO_TEST_CASE(an_empty_store_measures_nothing) {
  for (const Claim& claim : selection_claims())
    expect(claim.text, unknown, {});
}

BOOST_AUTO_TEST_CASE(standard_attention_is_fine_as_far_as_it_was_run_and_did_not_fail) {
  const std::string claim = "Standard attention is fine";
  std::vector<CellRecord> cells = {timed_cell("standard/cpu_blas", with_length(2048), 1)};
  expect(claim, unknown, cells);
  cells.push_back(timed_cell("standard/cpu_blas", with_length(4096), 1));
  expect(claim, holds, cells);
  cells.push_back(timed_cell("standard/cpu_naive", with_length(8192), 1));
  cells.back().verdict = {Outcome::oom, "too large"};
  cells.back().timing.reset();
  expect(claim, holds, cells);
  cells.back().key.problem = with_length(1024);
  expect(claim, fails, cells);
}

BOOST_AUTO_TEST_CASE(the_same_output_is_asked_of_both_on_one_problem) {
  const std::string claim = "FlashAttention-2 gives the same";
  CellRecord standard = timed_cell("standard/cpu_blas", with_length(512), 1);
  CellRecord flash = timed_cell("flash2/cpu_tiled", with_length(512), 1);
  expect(claim, holds, {standard, flash});
  expect(claim, unknown, {standard, timed_cell("flash2/cpu_tiled", with_length(1024), 1)});
  flash.verdict = {Outcome::failed, "wrong"};
  flash.timing.reset();
  expect(claim, fails, {standard, flash});
}

BOOST_AUTO_TEST_CASE(speed_is_judged_by_the_interval_at_the_longest_length_against_the_fastest_standard_kernel) {
  const std::string twice = "FlashAttention-2 is at least 2", four = "FlashAttention-2 is at most 4";
  // The samples of a sample cell lie within 2% of its time.
  const auto race = [](double ratio) {
    return std::vector<CellRecord>{
        timed_cell("flash2/cpu_tiled", with_length(512), 1e-3), timed_cell("standard/cpu_blas", with_length(512), 1e-3),
        timed_cell("flash2/cpu_tiled", with_length(1024), 1e-3), timed_cell("standard/cpu_blas", with_length(1024), 1),
        timed_cell("standard/cpu_naive", with_length(1024), ratio * 1e-3)};
  };
  for (const auto& [ratio, at_least, at_most] : std::vector<std::tuple<double, ClaimAnswer, ClaimAnswer>>{
           {3.0, holds, holds}, {1.5, fails, holds}, {5.0, holds, fails}, {2.0, open, holds}, {4.0, holds, open}}) {
    expect(twice, at_least, race(ratio));
    expect(four, at_most, race(ratio));
  }
  std::vector<CellRecord> short_ones = race(3.0);
  for (CellRecord& record : short_ones)
    record.key.problem = with_length(256, record.key.problem.find("1024") == std::string::npos ? " causal" : "");
  expect(twice, unknown, short_ones);
}

BOOST_AUTO_TEST_CASE(linear_memory_is_no_faster_growth_than_the_length) {
  const std::string claim = "FlashAttention-2 needs O(n)";
  const auto grows = [](std::int64_t first, std::int64_t last) {
    return std::vector<CellRecord>{with_workspace(timed_cell("flash2/cpu_tiled", with_length(512), 1), first),
                                   with_workspace(timed_cell("flash2/cpu_tiled", with_length(2048), 1), last)};
  };
  expect(claim, holds, grows(1000, 4000));
  expect(claim, holds, grows(0, 0));
  expect(claim, fails, grows(1000, 4001));
  expect(claim, fails, grows(0, 1));
  expect(claim, unknown, {with_workspace(timed_cell("flash2/cpu_tiled", with_length(512), 1), 5)});
}

BOOST_AUTO_TEST_CASE(groups_must_divide_the_bytes_of_keys_and_values_exactly) {
  const std::string claim = "Grouped queries";
  CellRecord whole = timed_cell("gqa/cpu_packed", "b1 hq8 sq512 d64 f32", 1);
  CellRecord grouped = timed_cell("gqa/cpu_packed", "b1 hq8 hkv2 sq512 d64 f32", 1);
  // q, out and lse of 8 heads, K and V of 8 and of 2: 512 rows of 64 f32 each.
  whole.tensor_bytes = 8 * 512 * (2 * 64 + 1) * 4 + 8 * 512 * 2 * 64 * 4;
  grouped.tensor_bytes = 8 * 512 * (2 * 64 + 1) * 4 + 2 * 512 * 2 * 64 * 4;
  expect(claim, holds, {whole, grouped});
  grouped.tensor_bytes += 64;
  expect(claim, fails, {whole, grouped});
  expect(claim, unknown, {grouped});
}

BOOST_AUTO_TEST_CASE(a_window_bounds_the_exponent_of_time) {
  std::vector<CellRecord> cells = curve("sliding_window/cpu_banded", 1, " causal window=63,0");
  expect("A sliding window makes the time", holds, cells);
  expect("A sliding window makes the time", fails, curve("sliding_window/cpu_banded", 2, " causal window=63,0"));
  // Neither nearer to n nor to n^2.
  expect("A sliding window makes the time", open, curve("sliding_window/cpu_banded", 1.5, " causal window=63,0"));
  // Work is what was executed; a formula of its own proves nothing.
  expect("A sliding window makes the work", unknown, cells);
  cells.resize(2);
  expect("A sliding window makes the time", unknown, cells);
}

/// On the emulator, whose executed FLOPs are `flops`.
CellRecord executed(const std::string& kernel, const std::string& problem, double flops) {
  CellRecord record = timed_cell(kernel, problem, 1);
  record.key.backend = "emulated";
  record.timing.reset();
  record.rounds.clear();
  record.counts = DeviceCounts{};
  record.counts->tensor_flops = 0.75 * flops;
  record.counts->scalar_flops = 0.25 * flops;
  return record;
}

BOOST_AUTO_TEST_CASE(a_window_bounds_the_work_that_was_executed) {
  const std::string claim = "A sliding window makes the work";
  for (const auto& [power, answer] : std::vector<std::pair<double, ClaimAnswer>>{{1.0, holds}, {2.0, fails}}) {
    std::vector<CellRecord> cells;
    for (int length = 128; length <= 1024; length *= 2)
      cells.push_back(executed("sliding_window/cuda_banded", with_length(length, " causal window=127,0"),
                               8.0 * 2 * 128 * 128 * std::pow(length, power)));
    expect(claim, answer, cells);
    if (answer == holds) {
      const std::string figures = judge(claim, cells).figures;
      BOOST_TEST(figures ==
                 "exponent of executed FLOPs 1.00, in the one case; executed over those of n*w pairs: 1.00 to 1.00");
    }
    cells.resize(2);
    expect(claim, unknown, cells);
  }
}

BOOST_AUTO_TEST_CASE(cross_attention_grows_with_the_product_of_the_lengths) {
  const std::string claim = "Cross-attention";
  const auto problem = [](int queries, int keys) {
    return "b2 hq8 sq" + std::to_string(queries) + " skv" + std::to_string(keys) + " d64 f32";
  };
  const std::vector<std::pair<int, int>> lengths = {{448, 375}, {448, 1500}, {1024, 1500}, {4096, 77}};
  for (const auto& [power, answer] :
       std::vector<std::pair<double, ClaimAnswer>>{{1.0, holds}, {2.0, fails}, {0.1, fails}, {1.4, open}}) {
    std::vector<CellRecord> timed, counted;
    for (const auto& [queries, keys] : lengths) {
      // Off the power law where nothing is clear.
      const double off = answer == open && queries == 1024 ? 2 : 1;
      const double cost = off * std::pow(static_cast<double>(queries) * keys, power);
      timed.push_back(timed_cell("cross/cpu_tiled", problem(queries, keys), 1e-9 * cost));
      counted.push_back(executed("cross/cuda_mma", problem(queries, keys), 1e3 * cost));
    }
    expect(claim, answer, timed);
    if (answer != open) expect(claim, answer, counted);
    timed.resize(2);
    expect(claim, unknown, timed);
  }
}

BOOST_AUTO_TEST_CASE(linear_attention_must_be_faster_and_away_from_softmax_to_trade_one_for_the_other) {
  const std::string claim = "Linear attention trades";
  const auto pair = [](double ratio, double distance) {
    CellRecord linear = timed_cell("linear/cpu_chunked", with_length(4096), 1e-3);
    linear.accuracy.approximation = ApproximationFigures{.rows = 8, .relative_l2 = distance, .cosine = 0.5};
    return std::vector<CellRecord>{linear, timed_cell("flash2/cpu_tiled", with_length(4096), ratio * 1e-3),
                                   timed_cell("standard/cpu_blas", with_length(4096), 9e-3)};
  };
  expect(claim, holds, pair(3, 0.7));
  expect(claim, fails, pair(0.5, 0.7));    // slower
  expect(claim, open, pair(1.01, 0.7));    // cannot be told apart
  expect(claim, fails, pair(3, 0x1p-25));  // the same function but for rounding
  std::vector<CellRecord> alone = pair(3, 0.7);
  alone.resize(1);
  expect(claim, unknown, alone);
}

BOOST_AUTO_TEST_CASE(linear_attention_is_judged_by_its_exponent_and_never_by_what_the_store_lacks) {
  for (const auto& [power, answer] :
       std::vector<std::pair<double, ClaimAnswer>>{{1.0, holds}, {2.2, fails}, {2.0, open}}) {
    std::vector<CellRecord> cells = curve("linear/cpu_chunked", power);
    for (CellRecord& record : cells)
      record.approximation = true;
    expect("Linear attention is sub-quadratic", answer, cells);
    expect("Linear attention trades", unknown, cells);
  }
}

BOOST_AUTO_TEST_CASE(the_advice_names_one_kernel_where_it_is_clear_and_two_where_not) {
  ReportInput input = small_sweep();
  const Table table = table_of(build_report(input), "guide_advice");
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& row : table.rows)
    rows.emplace_back(std::get<Text>(row.at(6)).text, std::get<Text>(row.at(7)).text);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"128", "standard/cpu_naive"}, {"256", "flash2/cpu_tiled or standard/cpu_naive"}, {"512", "flash2/cpu_tiled"}};
  BOOST_TEST((rows == expected));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
