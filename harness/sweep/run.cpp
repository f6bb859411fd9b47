#include "harness/sweep/run.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>
#include <xxhash.h>

#include "harness/core/dtype.hpp"
#include "harness/measure/statistics.hpp"
#include "harness/store/store.hpp"
#include "harness/sweep/interrupt.hpp"
#include "harness/sweep/progress.hpp"

namespace attest {
namespace {

// A cell between its rounds.
struct RunningCell {
  const PlannedCell* planned = nullptr;
  CellRecord record;
  bool alive = true;  ///< no verdict but passed so far
};

// The best multiply-add rate that this session has measured, by type and thread count.
using BestPeaks = std::map<std::pair<DType, int>, double>;

// How often a peak is measured again before a rate above it is called suspect.
constexpr int second_looks = 4;

class GroupRun {
 public:
  GroupRun(std::vector<const PlannedCell*> cells, const RunOptions& options, Progress& progress, BestPeaks& best_peaks)
      : options_(options), progress_(progress), best_peaks_(best_peaks) {
    for (const PlannedCell* cell : cells) {
      cells_.push_back({cell, {}, true});
      rounds_ = std::max(rounds_, cell->options.rounds);
    }
    const std::string shape = cells_.front().planned->key.shape_text();
    seed_ = XXH3_64bits_withSeed(shape.data(), shape.size(), cells_.front().planned->options.seed);
  }

  void run() {
    if (rounds_ == 0) {
      for (RunningCell& cell : cells_)
        step(cell, std::nullopt);
    }
    for (int round = 0; round < rounds_; ++round)
      run_round(round);
    for (RunningCell& cell : cells_)
      finish(cell);
  }

 private:
  void run_round(int round) {
    Generator generator(seed_ + static_cast<std::uint64_t>(round));
    std::vector<std::size_t> order(cells_.size());
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t left = order.size(); left > 1; --left)
      std::swap(order[left - 1], order[generator.below(left)]);
    // Once a round and shape: all its kernels are held against a peak of the same minute.
    const PlannedCell& first = *cells_.front().planned;
    double peak = -1.0;
    int position = 0;
    for (const std::size_t index : order) {
      RunningCell& cell = cells_[index];
      const SweepOptions& wanted = cell.planned->options;
      if (!cell.alive || (round >= wanted.rounds && round > 0)) continue;
      if (wanted.rounds == 0) {
        step(cell, std::nullopt);
        continue;
      }
      if (peak < 0.0) {
        peak = measure_peak(first, round);
      }
      step(cell, RoundJob{.round = round,
                          .position = position++,
                          .min_samples = wanted.min_samples,
                          .least_samples = (wanted.min_samples + wanted.rounds - 1) / wanted.rounds,
                          .max_seconds = wanted.max_seconds,
                          .peak_flops = peak});
    }
  }

  double measure_peak(const PlannedCell& cell, int round) {
    progress_.show("measuring the peak");
    const double peak = peak_in_worker(cell.key.threads, std::string(name_of(cell.problem.dtype)), worker(cell, round));
    double& best = best_peaks_[{cell.problem.dtype, cell.key.threads}];
    best = std::max(best, peak);
    return peak;
  }

  WorkerOptions worker(const PlannedCell& cell, int round) const {
    return {.executable = options_.executable,
            .deadline_seconds = cell.options.deadline_seconds,
            .padding_seed = seed_ + 1000U * static_cast<std::uint64_t>(round)};
  }

  void step(RunningCell& cell, const std::optional<RoundJob>& timing) {
    progress_.show(cell.planned->key.text());
    CellJob job = job_of(*cell.planned);
    job.timing = timing;
    const bool first = !timing || timing->round == 0;
    if (!first) job.proven_hash = cell.record.output_hash;
    CellRecord record = run_in_worker(job, worker(*cell.planned, timing ? timing->round : 0));
    record.sanitized = job.sanitize;
    record.reproduce = reproduce_line(record, job.tensors, job.expected ? job.expected->cases : "");
    if (first) {
      cell.record = std::move(record);
      cell.alive = cell.record.verdict.has_passed();
      return;
    }
    if (!record.verdict.has_passed()) {
      cell.record.verdict = {record.verdict.outcome,
                             "in round " + std::to_string(timing->round + 1) + ": " + record.verdict.reason};
      cell.record.rounds.clear();
      cell.alive = false;
      return;
    }
    std::move(record.rounds.begin(), record.rounds.end(), std::back_inserter(cell.record.rounds));
    if (cell.record.cold && record.cold) {
      cell.record.cold->read_rates.insert(cell.record.cold->read_rates.end(), record.cold->read_rates.begin(),
                                          record.cold->read_rates.end());
    }
    cell.record.resident_growth_bytes = std::max(cell.record.resident_growth_bytes, record.resident_growth_bytes);
  }

  void finish(RunningCell& cell) {
    const PlannedCell& planned = *cell.planned;
    const auto summarise = [&] {
      summarise_rounds(cell.record, best_peaks_[{planned.problem.dtype, planned.key.threads}]);
      return cell.record.verdict.outcome == Outcome::suspect;
    };
    for (int look = 0; summarise() && look < second_looks; ++look) {
      measure_peak(planned, look);
      cell.record.verdict = Verdict::passed();
    }
    if (options_.put) options_.put(cell.record);
    progress_.advance(1, cell.planned->predicted_seconds);
  }

  const RunOptions& options_;
  Progress& progress_;
  BestPeaks& best_peaks_;
  std::vector<RunningCell> cells_;
  int rounds_ = 0;
  std::uint64_t seed_ = 0;
};

// A cell that was judged by the plan alone.
CellRecord record_of(const PlannedCell& cell) {
  CellRecord record;
  record.key = cell.key;
  record.seed = cell.options.seed;
  record.verdict = *cell.verdict;
  if (record.verdict.outcome == Outcome::skipped) {
    describe_cell(record, cell.entry, cell.problem, cell.tensors);
  } else {
    record.approximation = !cell.entry.variant->is_softmax;
    record.reproduce = reproduce_line(record, cell.tensors, cell.expected ? cell.expected->cases : "");
  }
  return record;
}

// Cells of one shape, in the order in which the shapes first appear.
std::vector<std::vector<const PlannedCell*>> groups_of(const std::vector<const PlannedCell*>& cells) {
  std::map<std::string, std::size_t> known;
  std::vector<std::vector<const PlannedCell*>> groups;
  for (const PlannedCell* cell : cells) {
    const auto [entry, fresh] = known.try_emplace(cell->key.shape_text(), groups.size());
    if (fresh) groups.emplace_back();
    groups[entry->second].push_back(cell);
  }
  return groups;
}

}  // namespace

RunSummary run_plan(const Plan& plan, const RunOptions& options) {
  RunSummary summary;
  RunOptions counted = options;
  counted.put = [&](const CellRecord& record) {
    ++summary.outcomes[record.verdict.outcome];
    if (options.put) options.put(record);
  };
  std::vector<const PlannedCell*> wanted;
  double seconds = 0.0;
  for (const PlannedCell& cell : plan.cells) {
    if (options.is_complete && options.is_complete(cell)) {
      ++summary.complete_before;
    } else if (cell.verdict) {
      counted.put(record_of(cell));
    } else {
      wanted.push_back(&cell);
      seconds += cell.predicted_seconds;
    }
  }
  BestPeaks best_peaks;
  Progress progress(wanted.size(), seconds, options.progress);
  for (std::vector<const PlannedCell*>& group : groups_of(wanted))
    GroupRun(std::move(group), counted, progress, best_peaks).run();
  return summary;
}

RunOptions options_for(Store& store, std::int64_t run, bool resume) {
  RunOptions options;
  if (resume) {
    options.is_complete = [&store](const PlannedCell& cell) {
      if (!store.has(cell.key, cell.options.rounds)) return false;
      const CellRecord stored = *store.find(cell.key);
      const Outcome outcome = stored.verdict.outcome;
      const bool judged_by_plan = outcome == Outcome::skipped || outcome == Outcome::unsupported;
      if (judged_by_plan || cell.verdict) return judged_by_plan && cell.verdict;
      return stored.sanitized || !job_of(cell).sanitize;
    };
  }
  options.put = [&store, run](const CellRecord& record) { store.put(record, run); };
  return options;
}

ExitCode exit_code_of(const std::map<Outcome, std::int64_t>& outcomes) {
  const auto any = [&outcomes](Outcome outcome) {
    const auto found = outcomes.find(outcome);
    return found != outcomes.end() && found->second > 0;
  };
  if (any(Outcome::failed)) return ExitCode::failed;
  if (any(Outcome::crashed) || any(Outcome::timeout) || any(Outcome::oom)) return ExitCode::cells_lost;
  return ExitCode::passed;
}

}  // namespace attest
