#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/accuracy.hpp"
#include "harness/core/device_counts.hpp"
#include "harness/core/phases.hpp"
#include "harness/core/verdict.hpp"

namespace attest {

/// What identifies a cell. Its text form is the primary key of the store.
struct CellKey {
  std::string kernel;   ///< "flash2/cpu_tiled"
  std::string backend;  ///< "cpu"
  std::string problem;  ///< canonical problem text
  std::string inputs;   ///< a kind of input, or a tensor file
  int threads = 1;

  std::string text() const;
  /// Same for all kernels that compute the same problem on the same inputs: what may be compared, and shares a shard.
  std::string shape_text() const;
  bool operator==(const CellKey&) const = default;
};

/// Where the threads' time went in runs that were not timed (harness/core/phases.hpp).
struct PhaseFigures {
  PerPhase shares{};  ///< of threads times elapsed time; what is left is waiting
  int runs = 0;
};

/// One round of timing, in a process of its own.
struct RoundRecord {
  int round = 0;                ///< from 0
  int position = 0;             ///< place in the round's random order
  std::vector<double> seconds;  ///< raw samples, seconds an iteration, in the order taken
  std::int64_t iterations = 1;  ///< iterations a sample
  std::string stopped_by;       ///< "interval", "time limit" or "sample limit" (harness/measure/timer.hpp)
  std::optional<PhaseFigures> phases{};
  double peak_flops = 0.0;        ///< FMA peak of the problem's type measured beside this round, same threads; 0: none
  std::uint64_t output_hash = 0;  ///< of the outputs after timing; equal to the proven one
};

/// Of a cell whose samples were taken with its K and V flushed from the caches.
struct ColdFigures {
  double bytes = 0.0;              ///< of K and V
  std::vector<double> read_rates;  ///< bytes a second of plain reads of the same K and V, flushed too; one a round
  double read_rate = 0.0;          ///< their median
};

/// What a cell's samples say together.
struct TimingSummary {
  std::int64_t samples = 0;
  double seconds_median = 0.0;
  double seconds_ci_low = 0.0;  ///< 95% interval of the median by binomial ranks
  double seconds_ci_high = 0.0;
  double seconds_min = 0.0;
  double seconds_max = 0.0;
  std::int64_t outliers = 0;

  /// Whether the samples are enough for a 95% interval of the median; with fewer the two figures are least and
  /// greatest.
  bool has_interval() const { return samples >= 6; }
};

/// Everything known of a cell.
struct CellRecord {
  CellKey key;
  Verdict verdict;
  Accuracy accuracy;
  bool approximation = false;  ///< not softmax attention: compared with its own definition only

  double flops = 0.0;               ///< exact, of this algorithm
  double flops_conventional = 0.0;  ///< 4*sq*skv*d*hq*b, halved when causal
  double io_bytes = 0.0;
  std::int64_t workspace_bytes_predicted = 0;
  std::int64_t workspace_bytes_measured = -1;  ///< negative: not run
  std::int64_t tensor_bytes = 0;               ///< inputs and outputs
  std::int64_t resident_growth_bytes = -1;     ///< growth of the process's peak while the kernel ran; negative: unknown
  std::uint64_t output_hash = 0;
  std::uint64_t seed = 0;
  double check_seconds = 0.0;  ///< spent on the reference

  std::vector<RoundRecord> rounds;      ///< empty unless passed and timed
  std::optional<TimingSummary> timing;  ///< of all rounds; only for passed cells
  double peak_flops = 0.0;              ///< median over the rounds, or the session's best where that dipped; 0: none

  std::optional<PhaseFigures> phases;  ///< of all rounds' runs together; absent where the kernel does not say
  std::optional<ColdFigures> cold;  ///< decoding on the CPU; else the samples found what the one before left in caches

  std::optional<DeviceCounts> counts;     ///< of one run, counted by the emulator; never a time
  std::vector<EntryResources> resources;  ///< of the launched entries, by ptxas
  bool sanitized = false;                 ///< run with all checks of the emulator
  std::vector<DeviceFinding> findings;    ///< of the sanitizer

  std::string reproduce;  ///< a command line that runs this cell alone

  double gflops() const;           ///< exact FLOPs over the median; 0 without timing
  double percent_of_peak() const;  ///< of peak_flops; 0 where either is not measured
  double bandwidth() const;        ///< bytes of K and V a second, of a cold cell; else 0
  double percent_of_read() const;  ///< of the rate at which the same bytes are read beside; 0 where not measured
};

/// JSON with the keys of the command line's --json: kernel backend problem inputs verdict reason rows_checked
/// max_abs_error rmse error_over_bound ... and, when timed, seconds_median seconds_ci_low seconds_ci_high samples
/// gflops percent_of_peak workspace_bytes_measured workspace_bytes_predicted; rounds with their raw samples.
nlohmann::ordered_json to_json(const CellRecord& record);
/// The inverse. Throws Error naming the key that is absent or of a wrong type.
CellRecord record_from_json(const nlohmann::ordered_json& json);

}  // namespace attest
