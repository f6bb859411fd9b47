#pragma once

#include <functional>
#include <map>
#include <string>

#include "harness/core/error.hpp"
#include "harness/core/verdict.hpp"
#include "harness/store/record.hpp"
#include "harness/sweep/plan.hpp"
#include "harness/sweep/worker.hpp"

namespace attest {

class Store;

/// What became of a plan.
struct RunSummary {
  std::int64_t complete_before = 0;          ///< cells that were not run again
  std::map<Outcome, std::int64_t> outcomes;  ///< of the cells that were run, or judged without a run
};

/// How a plan is run.
struct RunOptions {
  std::string executable = "/proc/self/exe";
  bool progress = true;
  /// Whether a cell needs no run; null: none.
  std::function<bool(const PlannedCell&)> is_complete;
  /// Gets every finished cell, once.
  std::function<void(const CellRecord&)> put;
};

/// Runs every cell in worker processes. Cells of one shape go together: round 0 proves and times each kernel, later
/// rounds time them again in a new random order and must produce the proven output; a cell is put when its rounds are
/// done. Throws Error with exit 130 on SIGINT and SIGTERM; cells that were put stay.
RunSummary run_plan(const Plan& plan, const RunOptions& options);

/// is_complete and put of a store. A stored verdict of skipped or unsupported that the plan now sees otherwise does not
/// count as complete, nor does a cell that ran without the sanitizer where the plan wants it.
RunOptions options_for(Store& store, std::int64_t run, bool resume);

/// 0, 1 (a cell failed), 3 (crashed, timeout, oom).
ExitCode exit_code_of(const std::map<Outcome, std::int64_t>& outcomes);

}  // namespace attest
