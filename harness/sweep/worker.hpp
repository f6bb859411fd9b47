#pragma once

#include <cstdint>
#include <string>

#include "harness/sweep/cell.hpp"

namespace attest {

/// How worker processes are started.
struct WorkerOptions {
  std::string executable = "/proc/self/exe";  ///< an attest program
  double deadline_seconds = 120.0;            ///< of the process, then SIGKILL
  std::uint64_t padding_seed = 1;             ///< of the random length of an environment variable (layout bias:
                                              ///< Mytkowicz et al., ASPLOS 2009)
};

/// Runs the job in a process of its own. A signal ends it as `crashed`, the deadline as `timeout`, memory that cannot
/// be had as `oom`: always a record, never an exception, but for Error where the job itself is wrong (a file that is
/// malformed) and where this process was told to stop (exit 130).
CellRecord run_in_worker(const CellJob& job, const WorkerOptions& options);

/// The FMA peak of a type with that many threads, measured in a process of its own so that this one stays without
/// threads; 0 when it cannot be measured. FLOPs per second.
double peak_in_worker(int threads, const std::string& type, const WorkerOptions& options);

/// The worker's side, behind the hidden subcommand `worker`: a job as JSON on standard input, the reply as JSON on
/// descriptor 3. Dies with its parent. Returns the exit code.
///
/// Where ATTEST_TEST_FAULT is set to crash, hang or oom, or to one of them with ":GLOB" of the kernel, a cell does that
/// instead of its work: for the tests of isolation.
int worker_main();

}  // namespace attest
