#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "harness/store/record.hpp"
#include "harness/sweep/plan.hpp"

namespace attest {

/// One round of timing that a job asks for.
struct RoundJob {
  int round = 0;
  int position = 0;
  int min_samples = 9;
  int least_samples = 1;  ///< taken even where they last longer than max_seconds
  double max_seconds = 1.0;
  double peak_flops = 0.0;  ///< FMA peak of the problem's type measured beside this round; 0: not measured
};

/// What a worker process does: all that is needed to run one cell, as JSON between the processes.
struct CellJob {
  CellKey key;
  std::string tensors;                       ///< file with the inputs; empty: generated
  std::uint64_t seed = 1;                    ///< of inputs and row sample
  double check_budget = 2e8;                 ///< VerifyOptions::budget
  int check_threads = 1;                     ///< threads of the reference
  std::optional<std::uint64_t> proven_hash;  ///< of outputs proved by an earlier process: equal bits need no new proof
  std::optional<ExpectedJob> expected;
  std::optional<RoundJob> timing;
  bool sanitize = false;                  ///< DeviceOptions::sanitize
  std::uint64_t address_space_bytes = 0;  ///< limit of the worker; 0: none
};

/// The job of a planned cell, without timing.
CellJob job_of(const PlannedCell& cell);

nlohmann::ordered_json to_json(const CellJob& job);
/// Throws Error naming the key that is absent or of a wrong type.
CellJob job_from_json(const nlohmann::ordered_json& json);

/// Runs one cell in this process: inputs, kernel, proof, and when asked and proved, time. The record has at most one
/// round, and never a time without a passed (or suspect) verdict. A kernel that does not support the problem is
/// `unsupported`, memory that cannot be had is `oom`, a device's error or a finding of its checks is `failed`. Throws
/// Error for a job that makes no sense.
CellRecord run_cell(const CellJob& job);

/// Fills what the problem alone says of a record: FLOPs, bytes, predicted workspace, the line that reproduces it.
void describe_cell(CellRecord& record, const KernelEntry& entry, const Problem& problem, const std::string& tensors);

/// Median, interval and outliers of all rounds' samples, and the median of the peaks. `suspect` where the rate is more
/// than 5 % above every peak of the rounds and above `best_peak`, the best that the session has seen for that type and
/// thread count: a busy machine lets a peak dip, and a bound is the most that was ever reached. Where the median peak
/// is over a tenth below the best, or under the rate, the rate is shown against the best. Does nothing without rounds.
void summarise_rounds(CellRecord& record, double best_peak = 0.0);

/// The command line that runs this cell alone; of a case with expected values, all cases of its file.
std::string reproduce_line(const CellRecord& record, const std::string& tensors, const std::string& cases = "");

}  // namespace attest
