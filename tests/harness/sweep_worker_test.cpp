// Isolation: a worker that crashes, hangs or runs out of memory costs one cell, with the verdict that says so; a passed
// cell has its proof and its rounds.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "harness/store/store.hpp"
#include "harness/sweep/run.hpp"
#include "harness/sweep/sweep_file.hpp"
#include "harness/sweep/worker.hpp"
#include "tests/harness/sweep_support.hpp"

namespace attest {
namespace {

class Fault {
 public:
  explicit Fault(const char* fault) { setenv("ATTEST_TEST_FAULT", fault, 1); }
  ~Fault() { unsetenv("ATTEST_TEST_FAULT"); }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
};

WorkerOptions worker(double deadline_seconds = 60.0) {
  return {.executable = ATTEST_BINARY, .deadline_seconds = deadline_seconds, .padding_seed = 1};
}

CellJob small_job() {
  CellJob job;
  job.key = {.kernel = "standard/cpu_naive",
             .backend = "cpu",
             .problem = "b1 hq2 sq16 d32 f32",
             .inputs = "normal",
             .threads = 1};
  job.address_space_bytes = 4ULL << 30U;
  return job;
}

Plan small_plan(const std::string& rest = "") {
  return make_plan(
      parse_sweep_file(
          "rounds = 2\nmin_samples = 6\nmax_seconds = 0.002\nthreads = 1\n[[sweep]]\n"
          "kernels = 'standard/cpu_naive,standard/cpu_blas'\nproblem = 'hq2 d32'\naxes = { sq = [8, 16] }\n" +
              rest,
          "f.toml"),
      {}, {});
}

RunOptions quiet(RunOptions options = {}) {
  options.executable = ATTEST_BINARY;
  options.progress = false;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(worker_processes)

BOOST_AUTO_TEST_CASE(a_cell_that_is_right_comes_back_proved_and_timed) {
  CellJob job = small_job();
  job.timing =
      RoundJob{.round = 0, .position = 3, .min_samples = 6, .least_samples = 1, .max_seconds = 0.02, .peak_flops = 1e9};
  const CellRecord record = run_in_worker(job, worker());
  BOOST_TEST(record.verdict.has_passed(), record.verdict.reason);
  BOOST_TEST(record.accuracy.rows_checked == 32);
  BOOST_REQUIRE(record.rounds.size() == 1U);
  BOOST_TEST(!record.rounds[0].seconds.empty());
  BOOST_TEST(!record.rounds[0].stopped_by.empty());
  BOOST_TEST(record.rounds[0].position == 3);
  BOOST_TEST(record.rounds[0].output_hash == record.output_hash);
  BOOST_TEST(record.workspace_bytes_measured == record.workspace_bytes_predicted);
}

BOOST_AUTO_TEST_CASE(equal_bits_need_no_second_proof_and_other_bits_do) {
  CellJob job = small_job();
  const CellRecord first = run_in_worker(job, worker());
  job.proven_hash = first.output_hash;
  const CellRecord again = run_in_worker(job, worker());
  BOOST_TEST(again.verdict.has_passed());
  BOOST_TEST(again.accuracy.rows_checked == 0);
  job.proven_hash = first.output_hash + 1;
  BOOST_TEST(run_in_worker(job, worker()).accuracy.rows_checked == 32);
}

BOOST_AUTO_TEST_CASE(a_crash_is_a_verdict_with_the_signals_name) {
  const Fault fault("crash");
  const CellRecord record = run_in_worker(small_job(), worker());
  BOOST_TEST((record.verdict.outcome == Outcome::crashed));
  BOOST_TEST(record.verdict.reason.find("SIGSEGV") != std::string::npos, record.verdict.reason);
  BOOST_TEST(record.reproduce.find("standard/cpu_naive") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_hang_ends_at_the_deadline) {
  const Fault fault("hang");
  const CellRecord record = run_in_worker(small_job(), worker(0.3));
  BOOST_TEST((record.verdict.outcome == Outcome::timeout));
  BOOST_TEST(record.verdict.reason.find("0.3 s") != std::string::npos, record.verdict.reason);
}

BOOST_AUTO_TEST_CASE(memory_beyond_the_limit_is_oom) {
  const Fault fault("oom");
  const CellRecord record = run_in_worker(small_job(), worker());
  BOOST_TEST((record.verdict.outcome == Outcome::oom), record.verdict.reason);
}

BOOST_AUTO_TEST_CASE(an_unsupported_problem_and_a_nonsense_job_are_told_apart) {
  CellJob job = small_job();
  job.key.kernel = "standard/cpu_blas";
  job.key.problem = "b1 hq2 sq16 d32 bf16";
  BOOST_TEST((run_in_worker(job, worker()).verdict.outcome == Outcome::unsupported));
  job.key.inputs = "noise";
  BOOST_CHECK_THROW(run_in_worker(job, worker()), Error);
}

BOOST_AUTO_TEST_CASE(one_crashing_kernel_leaves_the_others_of_its_shape_alone) {
  const Fault fault("crash:standard/cpu_blas");
  std::map<std::string, Outcome> outcomes;
  RunOptions options = quiet();
  options.put = [&outcomes](const CellRecord& record) {
    outcomes[record.key.kernel + record.key.problem] = record.verdict.outcome;
    BOOST_TEST((record.verdict.has_passed() == (record.timing.has_value() && record.rounds.size() == 2U)));
  };
  const RunSummary summary = run_plan(small_plan(), options);
  BOOST_TEST(outcomes.size() == 4U);
  BOOST_TEST(summary.outcomes.at(Outcome::crashed) == 2);
  BOOST_TEST(summary.outcomes.at(Outcome::passed) == 2);
  BOOST_TEST((exit_code_of(summary.outcomes) == ExitCode::cells_lost));
}

BOOST_AUTO_TEST_CASE(complete_cells_are_not_run_again) {
  const TemporaryFolder folder;
  Store store = Store::open(folder / "s.db");
  const std::int64_t run = store.begin_run(RunRecord{});
  const Plan plan = small_plan();
  BOOST_TEST(run_plan(plan, quiet(options_for(store, run, true))).complete_before == 0);
  const RunSummary again = run_plan(plan, quiet(options_for(store, run, true)));
  BOOST_TEST(again.complete_before == 4);
  BOOST_TEST(again.outcomes.empty());
  for (const CellRecord& record : store.cells()) {
    BOOST_TEST(record.verdict.has_passed(), record.verdict.reason);
    BOOST_TEST(record.rounds.size() == 2U);
    BOOST_TEST(record.percent_of_peak() > 0.0);
  }
  const RunSummary more = run_plan(small_plan("rounds = 3\n"), quiet(options_for(store, run, true)));
  BOOST_TEST(more.complete_before == 0);
}

BOOST_AUTO_TEST_CASE(a_cell_that_ran_without_the_sanitizer_is_not_complete_where_it_is_wanted) {
  const TemporaryFolder folder;
  Store store = Store::open(folder / "s.db");
  const std::int64_t run = store.begin_run(RunRecord{});
  const auto is_complete = options_for(store, run, true).is_complete;
  for (const char* const backend : {"emulated", "cpu"}) {
    PlannedCell cell = small_plan().cells.front();
    cell.key.backend = backend;
    cell.options.rounds = 0;
    CellRecord record;
    record.key = cell.key;
    record.verdict = Verdict::passed();
    store.put(record, run);
    BOOST_TEST(is_complete(cell));
    cell.options.sanitize = true;
    BOOST_TEST(is_complete(cell) == (cell.key.backend == "cpu"));
    record.sanitized = true;
    store.put(record, run);
    BOOST_TEST(is_complete(cell));
    cell.options.sanitize = false;
    BOOST_TEST(is_complete(cell));
  }
}

BOOST_AUTO_TEST_CASE(a_rate_above_the_peak_is_suspect) {
  CellRecord record;
  record.verdict = Verdict::passed();
  record.flops = 2e9;
  RoundRecord round;
  round.seconds = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  round.peak_flops = 1.95e9;
  record.rounds = {round};
  summarise_rounds(record);
  BOOST_TEST(record.verdict.has_passed());
  record.rounds[0].peak_flops = 1.8e9;
  summarise_rounds(record);
  BOOST_TEST((record.verdict.outcome == Outcome::suspect));
  BOOST_TEST(record.verdict.reason.find("111 %") != std::string::npos, record.verdict.reason);
}

BOOST_AUTO_TEST_CASE(a_peak_that_dipped_gives_way_to_the_best_of_the_session) {
  CellRecord record;
  record.verdict = Verdict::passed();
  record.flops = 1e9;
  for (const double peak : {2e9, 2e9, 3.9e9}) {
    RoundRecord round;
    round.seconds = {1.0, 1.0, 1.0};
    round.peak_flops = peak;
    record.rounds.push_back(round);
  }
  summarise_rounds(record, 4e9);
  BOOST_TEST(record.peak_flops == 4e9);
  BOOST_TEST(record.percent_of_peak() == 25.0);
  record.rounds[0].peak_flops = 3.7e9;  // the median is within a tenth
  summarise_rounds(record, 4e9);
  BOOST_TEST(record.peak_flops == 3.7e9);
}

BOOST_AUTO_TEST_CASE(phases_of_rounds_weigh_by_their_runs) {
  CellRecord record;
  record.verdict = Verdict::passed();
  for (const auto& [share, runs] : {std::pair{0.5, 30}, std::pair{0.9, 10}}) {
    RoundRecord round;
    round.seconds = {1.0, 1.0, 1.0};
    round.phases = PhaseFigures{.shares = {share}, .runs = runs};
    record.rounds.push_back(round);
  }
  summarise_rounds(record);
  BOOST_TEST_REQUIRE(record.phases.has_value());
  BOOST_TEST(record.phases->shares[0] == 0.6, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(record.phases->runs == 40);
}

BOOST_AUTO_TEST_CASE(a_job_comes_back_from_its_json) {
  CellJob job = small_job();
  job.proven_hash = ~std::uint64_t{0};
  job.expected = ExpectedJob{.rtol = 1e-3, .atol = 1e-7, .cases = "c.toml"};
  job.timing = RoundJob{
      .round = 2, .position = 1, .min_samples = 7, .least_samples = 3, .max_seconds = 0.25, .peak_flops = 1e11};
  BOOST_TEST(to_json(job_from_json(to_json(job))) == to_json(job));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest
