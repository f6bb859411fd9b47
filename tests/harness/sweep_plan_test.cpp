// Plans: how axes multiply out, what merges, what is refused before it is tried, and that shards are a partition.
#include <boost/test/unit_test.hpp>
#include <set>

#include "harness/core/error.hpp"
#include "harness/sweep/plan.hpp"
#include "harness/sweep/sweep_file.hpp"

namespace attest {
namespace {

Plan plan_of(const std::string& text, const OptionTexts& environment = {}, const OptionTexts& flags = {},
             const PlanFilter& filter = {}) {
  return make_plan(parse_sweep_file(text, "f.toml"), environment, flags, filter);
}

std::vector<std::string> problems_of(const Plan& plan) {
  std::vector<std::string> problems;
  for (const PlannedCell& cell : plan.cells)
    problems.push_back(cell.key.problem);
  return problems;
}

std::string table(const std::string& rest, const std::string& kernels = "flash2/cpu_tiled") {
  return "[[sweep]]\nkernels = '" + kernels + "'\nthreads = 1\n" + rest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan)

BOOST_AUTO_TEST_CASE(axes_multiply_out_the_last_one_fastest) {
  const std::vector<std::string> expected{"b1 hq1 sq8 d32 f32", "b1 hq2 sq8 d32 f32", "b1 hq1 sq16 d32 f32",
                                          "b1 hq2 sq16 d32 f32"};
  BOOST_TEST(problems_of(plan_of(table("problem = 'd32'\naxes = { sq = [8, 16], hq = [1, 2] }"))) == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(zipped_axes_go_together) {
  const std::vector<std::string> expected{"b1 hq1 sq8 d32 f32", "b1 hq1 sq8 d32 f32 causal", "b1 hq2 sq16 d32 f32",
                                          "b1 hq2 sq16 d32 f32 causal"};
  BOOST_TEST(problems_of(plan_of(table("problem = 'd32'\nzip = [['sq', 'hq']]\n"
                                       "axes = { sq = [8, 16], hq = [1, 2], causal = [false, true] }"))) == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(causal_false_takes_back_what_the_problem_says) {
  const std::vector<std::string> expected{"b1 hq1 sq8 d64 f32", "b1 hq1 sq8 d64 f32 causal"};
  BOOST_TEST(problems_of(plan_of(table("problem = 'sq8 causal'\naxes = { causal = [false, true] }"))) == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(models_times_lengths) {
  const Plan plan = plan_of(table("models = ['llama3-8b', 'bert-base']\nlengths = [8, 16]\nproblem = 'bf16'"));
  BOOST_TEST(plan.cells.size() == 4U);
  BOOST_TEST(plan.cells[1].key.problem == "b1 hq32 hkv8 sq16 d128 bf16 causal");
}

BOOST_AUTO_TEST_CASE(the_same_cell_from_two_tables_is_run_once) {
  const Plan plan = plan_of(table("problem = 'sq8'\n") + table("problem = 'b1 sq8 d64'\n"));
  BOOST_TEST(plan.cells.size() == 1U);
  BOOST_TEST(plan.duplicates == 1);
}

BOOST_AUTO_TEST_CASE(what_a_kernel_does_not_support_stays_with_its_reason) {
  const Plan plan = plan_of(table("problem = 'sq8 bf16'", "standard/cpu_naive,standard/cpu_blas"));
  BOOST_REQUIRE(plan.cells.size() == 2U);
  BOOST_TEST(!plan.cells[0].verdict.has_value());
  BOOST_REQUIRE(plan.cells[1].verdict.has_value());
  BOOST_TEST((plan.cells[1].verdict->outcome == Outcome::unsupported));
  BOOST_TEST(plan.cells[1].verdict->reason.find("f32") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_memory_cannot_hold_is_skipped_with_both_figures) {
  const Plan plan = plan_of(table("problem = 'hq8 sq4096'\nmemory_limit = '1MiB'"));
  BOOST_REQUIRE(plan.cells[0].verdict.has_value());
  BOOST_TEST((plan.cells[0].verdict->outcome == Outcome::skipped));
  const std::string& reason = plan.cells[0].verdict->reason;
  BOOST_TEST(reason.find("1.0 MiB") != std::string::npos, reason);
  BOOST_TEST(reason.find("needs 3") != std::string::npos, reason);  // 32 MiB of q, k, v and out, and the workspace
  BOOST_TEST(plan.cells[0].predicted_bytes > 32.0 * 1024 * 1024);
}

BOOST_AUTO_TEST_CASE(options_come_from_file_then_table_then_environment_then_flags) {
  const std::string text = "rounds = 5\nseed = 5\nmin_samples = 50\ncheck_budget = 5\n" +
                           table("problem = 'sq8'\nseed = 6\nmin_samples = 60\ncheck_budget = 6");
  const SweepOptions options =
      plan_of(text, {{"min_samples", {"70", "ATTEST_MIN_SAMPLES"}}, {"check_budget", {"7", "ATTEST_CHECK_BUDGET"}}},
              {{"check_budget", {"8", "--check-budget"}}})
          .cells.front()
          .options;
  BOOST_TEST(options.rounds == 5);
  BOOST_TEST(options.seed == 6U);
  BOOST_TEST(options.min_samples == 70);
  BOOST_TEST(options.check_budget == 8.0);
  BOOST_TEST(options.deadline_seconds == SweepOptions{}.deadline_seconds);
}

BOOST_AUTO_TEST_CASE(thread_counts_are_cells_of_their_own) {
  const Plan plan = plan_of("[[sweep]]\nkernels = 'flash2/cpu_tiled'\nproblem = 'sq8'\nthreads = [1, 2]\n");
  BOOST_REQUIRE(plan.cells.size() == 2U);
  BOOST_TEST(plan.cells[0].key.threads == 1);
  BOOST_TEST(plan.cells[1].key.threads == 2);
}

BOOST_AUTO_TEST_CASE(shards_are_a_partition_and_keep_a_shape_together) {
  const std::string text = table("problem = 'd32'\naxes = { sq = '8:160:8', hq = [1, 2] }",
                                 "flash2/cpu_tiled,standard/cpu_naive,standard/cpu_blas");
  const Plan whole = plan_of(text);
  std::set<std::string> seen;
  for (std::int64_t shard = 1; shard <= 5; ++shard) {
    std::set<std::string> shapes;
    const Plan part = plan_of(text, {}, {}, {.shard = shard, .shards = 5, .regex = {}});
    BOOST_TEST(part.cells.size() + static_cast<std::size_t>(part.elsewhere) == whole.cells.size());
    for (const PlannedCell& cell : part.cells) {
      BOOST_TEST(seen.insert(cell.key.text()).second, cell.key.text());
      shapes.insert(cell.key.shape_text());
    }
    BOOST_TEST(part.cells.size() == shapes.size() * 3U);
    BOOST_TEST(!part.cells.empty());
  }
  BOOST_TEST(seen.size() == whole.cells.size());
  for (const char* wrong : {"0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3"})
    BOOST_CHECK_THROW(parse_shard(wrong), Error);
}

BOOST_AUTO_TEST_CASE(a_filter_searches_the_cells_text) {
  const std::string text =
      table("problem = 'd32'\naxes = { sq = [8, 16] }", "flash2/cpu_tiled,standard/cpu_naive,standard/cpu_blas");
  BOOST_TEST(plan_of(text, {}, {}, {.shard = 1, .shards = 1, .regex = "flash2.*sq16"}).cells.size() == 1U);
  BOOST_CHECK_THROW(plan_of(text, {}, {}, {.shard = 1, .shards = 1, .regex = "("}), Error);
  BOOST_CHECK_EXCEPTION(plan_of(text, {}, {}, {.shard = 1, .shards = 1, .regex = "flash9"}), Error,
                        [](const Error& error) {
                          return std::string_view(error.what()).starts_with("--filter: 'flash9' matches none of ");
                        });
  // The one cell is in one of the shards; the others are empty, which is no mistake.
  std::size_t found = 0;
  for (std::int64_t shard = 1; shard <= 3; ++shard)
    found += plan_of(text, {}, {}, {.shard = shard, .shards = 3, .regex = "flash2.*sq16"}).cells.size();
  BOOST_TEST(found == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest
