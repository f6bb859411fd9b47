#include <chrono>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/cli/commands.hpp"
#include "harness/cli/output.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/measure/peaks.hpp"
#include "harness/measure/provenance.hpp"
#include "harness/store/store.hpp"
#include "harness/sweep/interrupt.hpp"
#include "harness/sweep/progress.hpp"
#include "harness/sweep/run.hpp"
#include "harness/sweep/sweep_file.hpp"

namespace attest {
namespace {

void print_plan(const Plan& plan, bool color) {
  TextTable table({{"kernel"},
                   {"backend"},
                   {"inputs"},
                   {"problem"},
                   {"threads", true},
                   {"memory", true},
                   {"seconds", true},
                   {"verdict"},
                   {"reason"}},
                  color);
  double seconds = 0.0;
  double most_bytes = 0.0;
  std::size_t runs = 0;
  for (const PlannedCell& cell : plan.cells) {
    if (!cell.verdict) {
      ++runs;
      seconds += cell.predicted_seconds;
      most_bytes = std::max(most_bytes, cell.predicted_bytes);
    }
    table.add({cell.key.kernel, cell.key.backend, cell.key.inputs, cell.key.problem, std::to_string(cell.key.threads),
               cell.predicted_bytes > 0.0 ? format_bytes(cell.predicted_bytes) : "",
               cell.predicted_seconds > 0.0 ? fmt::format("{:.2f}", cell.predicted_seconds) : "",
               cell.verdict ? std::string(name_of(cell.verdict->outcome)) : "",
               cell.verdict ? cell.verdict->reason : ""});
  }
  fmt::print(
      "{}{} cells: {} to run in about {}, at most {} each; {} judged without a run; {} asked for twice; {} left "
      "out by the filter\n",
      table.text(), plan.cells.size(), runs, format_duration(seconds), format_bytes(most_bytes),
      plan.cells.size() - runs, plan.duplicates, plan.elsewhere);
}

std::string now() {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

// The machine's bounds, in about two seconds: fewer and shorter rounds than `attest peaks` has.
std::string peaks_for(const Plan& plan) {
  PeakOptions options;
  std::set<int> threads;
  for (const PlannedCell& cell : plan.cells)
    threads.insert(cell.key.threads);
  options.threads.assign(threads.begin(), threads.end());
  options.rounds = 3;
  options.seconds_per_sample = 0.002;
  return peaks_to_json(measure_peaks(options)).dump();
}

RunRecord describe_run(const CommonOptions& common, const SweepFile& file, const Plan& plan, bool peaks) {
  RunRecord run;
  run.started = now();
  ProvenanceOptions options;
  options.arguments = common.arguments;
  run.provenance = provenance(options).dump();
  run.sweep = file.text;
  if (peaks) run.peaks = peaks_for(plan);
  return run;
}

}  // namespace

ExitCode sweep_command(const CommonOptions& common, const SweepCommandOptions& options) {
  SweepFile file = read_sweep_file(options.file);
  for (const std::string& assignment : options.set)
    override_axis(file, assignment);
  PlanFilter filter = parse_shard(options.shard);
  filter.regex = options.filter;
  const Plan plan = make_plan(file, options_from_environment(), options.flags, filter);
  if (options.dry_run) {
    print_plan(plan, common.color_out);
    return ExitCode::passed;
  }
  const std::string path =
      options.store.empty() ? std::filesystem::path(options.file).stem().string() + ".db" : options.store;
  const InterruptGuard guard;
  Store store = Store::open(path);
  RunOptions run = options_for(store, 0, options.resume);
  std::size_t complete = 0;
  for (const PlannedCell& cell : plan.cells) {
    if (run.is_complete && run.is_complete(cell)) ++complete;
  }
  fmt::print(stderr, "{} cells, {} of them complete in {}\n", plan.cells.size(), complete, path);
  if (complete < plan.cells.size()) {
    run = options_for(store, store.begin_run(describe_run(common, file, plan, options.peaks)), options.resume);
    run_plan(plan, run);
  }
  // What the whole sweep came to, whoever ran its cells and when.
  std::vector<CellRecord> records;
  std::map<Outcome, std::int64_t> outcomes;
  for (const PlannedCell& cell : plan.cells) {
    if (auto record = store.find(cell.key)) {
      ++outcomes[record->verdict.outcome];
      records.push_back(std::move(*record));
    }
  }
  if (common.json) {
    print_json(records);
  } else {
    fmt::print("{} cells: {}\nstore: {}\n", records.size(), counts_of(records), path);
  }
  print_failures(records);
  return exit_code_of(outcomes);
}

}  // namespace attest
