#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/registry.hpp"
#include "harness/store/record.hpp"
#include "harness/sweep/options.hpp"
#include "harness/sweep/sweep_file.hpp"

namespace attest {

/// Values that a tensor file expects of the output `out`, beside the derived bound.
struct ExpectedJob {
  double rtol = 0.0;
  double atol = 0.0;
  std::string cases = {};  ///< the file that they are of
};

/// One cell that is to be run, or that has a verdict already because it cannot be.
struct PlannedCell {
  CellKey key;
  KernelEntry entry;
  Problem problem;
  SweepOptions options;
  std::string tensors;  ///< a tensor file with the inputs; empty: generated, by key.inputs
  std::optional<ExpectedJob> expected;
  std::optional<Verdict> verdict;  ///< unsupported or skipped, with the reason; none: to be run
  double predicted_bytes = 0.0;    ///< tensors and workspace
  double predicted_seconds = 0.0;  ///< rough: checking and all rounds
};

/// Which part of a plan is wanted.
struct PlanFilter {
  std::int64_t shard = 1;   ///< from 1
  std::int64_t shards = 1;  ///< cells of one shape share a shard
  std::string regex;        ///< searched in the cell's text (ECMAScript); empty: all
};

struct Plan {
  std::vector<PlannedCell> cells;
  std::int64_t duplicates = 0;  ///< cells that more than one table asked for
  std::int64_t elsewhere = 0;   ///< cells that the filter left out
};

/// Bytes that a cell may take: the limit, or what the machine and its control group have now.
std::uint64_t memory_budget(const SweepOptions& options);

/// What a file's tables ask for, in order; duplicates merged (the first stays). Options: defaults, then the file, the
/// table, the environment, flags. Throws Error for a problem that is none and a filter
/// that is malformed or matches no cell of any shard.
Plan make_plan(const SweepFile& file, const OptionTexts& environment, const OptionTexts& flags,
               const PlanFilter& filter = {});

/// One cell: support, size and time are judged. `presence` is what the inputs bring.
PlannedCell plan_cell(const KernelEntry& entry, std::string_view backend, const Problem& problem,
                      std::string_view inputs, int threads, const SweepOptions& options);

/// The same for inputs from a tensor file.
PlannedCell plan_tensor_cell(const KernelEntry& entry, std::string_view backend, const Problem& problem,
                             std::string_view file, const Presence& presence, int threads, const SweepOptions& options);

/// Shard of a shape, from 1 to `shards`.
std::int64_t shard_of(const CellKey& key, std::int64_t shards);

/// "2/8" to {2, 8}. Throws Error.
PlanFilter parse_shard(std::string_view text);

/// FLOPs per second that a kernel is guessed to reach, for planning.
double guessed_rate(const Kernel& kernel, int threads);

}  // namespace attest
