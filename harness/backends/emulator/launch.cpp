#include "harness/backends/emulator/launch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <sched.h>
#include <thread>
#include <tuple>

namespace attest::emulator {
namespace {

// Compute capability 8.0 (CUDA C++ Programming Guide, Technical Specifications per Compute Capability).
constexpr Size3 largest_grid{0x7fff'ffff, 65535, 65535};
constexpr Size3 largest_block{1024, 1024, 64};
constexpr std::uint64_t most_threads = 1024;
constexpr std::uint64_t most_shared_bytes = 163 * 1024;

constexpr std::uint64_t slice_instructions = 32768;
/// Instructions between two looks at the clock.
constexpr std::uint64_t look_instructions = 1 << 20;

std::string shown(const Size3& size) {
  return fmt::format("({}, {}, {})", size[0], size[1], size[2]);
}

Size3 place_in(std::uint32_t linear, const Size3& size) {
  return {linear % size[0], linear / size[0] % size[1], linear / size[0] / size[1]};
}

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

std::int64_t now() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

/// What one host thread has of a launch.
struct Worker {
  LaunchState state;
  std::vector<std::pair<std::uint32_t, std::string>> printed;  ///< by block
  std::optional<PlacedFault> fault;
  Counters counters;
  std::exception_ptr failure;  ///< not the kernel's: the host ran out of memory
};

/// Blocks that are to run, handed out in order.
struct BlockQueue {
  std::uint32_t blocks = 0;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint32_t> stop_at{0xffff'ffffu};  ///< the lowest block that failed: those before it still run
};

void work(const LaunchShape& shape, LaunchLimits& limits, BlockQueue& queue, Worker& worker) {
  begin_launch(worker.state);
  try {
    BlockRunner runner(shape, worker.state, limits);
    for (;;) {
      const std::uint64_t block = queue.next.fetch_add(1);
      if (block >= queue.blocks || block > queue.stop_at.load()) break;
      const auto index = static_cast<std::uint32_t>(block);
      try {
        runner.run(index);
      } catch (const PlacedFault& fault) {
        worker.fault = fault;
        std::uint32_t lowest = queue.stop_at.load();
        while (index < lowest && !queue.stop_at.compare_exchange_weak(lowest, index)) {
        }
      }
      if (!runner.printed().empty()) worker.printed.emplace_back(index, runner.printed());
      if (worker.fault) break;
    }
    if (shape.options.count) runner.add_counts(worker.counters);
  } catch (...) {
    worker.failure = std::current_exception();
    queue.stop_at = 0;
  }
}

Finding in_words(const LaunchShape& shape, const RawFinding& raw) {
  const Program& program = *shape.program;
  Finding finding;
  finding.kind = raw.kind;
  finding.entry = program.name;
  finding.source = program.source_of(raw.pc);
  finding.ptx_line = program.origins[std::min<std::size_t>(raw.pc, program.origins.size() - 1)].line;
  finding.block = place_in(raw.block, shape.grid);
  finding.thread = place_in(raw.thread, shape.block);
  finding.address = raw.address;
  finding.detail = raw.detail;
  if (raw.other_pc)
    finding.detail +=
        fmt::format("{}the other access is at {}", raw.detail.empty() ? "" : "; ", program.source_of(*raw.other_pc));
  return finding;
}

}  // namespace

std::string Finding::message() const {
  std::string text = fmt::format("{}: {} at {}: block ({},{},{}) thread ({},{},{})", name_of(kind), entry, source,
                                 block[0], block[1], block[2], thread[0], thread[1], thread[2]);
  if (!detail.empty()) text += ": " + detail;
  return text;
}

LaunchLimits::LaunchLimits(const LaunchOptions& options)
    : budget_(options.instruction_budget), deadline_seconds_(options.deadline_seconds), started_(now()) {}

std::uint64_t LaunchLimits::slice() const {
  if (budget_ == 0) return slice_instructions;
  const std::uint64_t spent = spent_.load(std::memory_order_relaxed);
  return spent >= budget_ ? 1 : std::min(slice_instructions, budget_ - spent + 1);
}

void LaunchLimits::spend(std::uint64_t instructions) {
  if (budget_ == 0 && deadline_seconds_ <= 0) return;
  const std::uint64_t spent = spent_.fetch_add(instructions, std::memory_order_relaxed) + instructions;
  if (budget_ != 0 && spent > budget_)
    throw KernelFault{.kind = FaultKind::instruction_budget,
                      .lane = 0,
                      .address = 0,
                      .detail = fmt::format("more than {} warp instructions", budget_)};
  if (deadline_seconds_ <= 0 || spent < next_look_.load(std::memory_order_relaxed)) return;
  next_look_.store(spent + look_instructions, std::memory_order_relaxed);
  const double seconds = static_cast<double>(now() - started_) * 1e-9;
  if (seconds > deadline_seconds_)
    throw KernelFault{.kind = FaultKind::deadline,
                      .lane = 0,
                      .address = 0,
                      .detail = fmt::format("more than {:g} seconds", deadline_seconds_)};
}

void check(const LaunchShape& shape) {
  const EntryInfo& info = shape.program->info;
  const auto refuse = [&](const std::string& reason) {
    throw LaunchError(fmt::format("launch of {}: {}", info.name, reason));
  };
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (shape.grid[axis] == 0 || shape.grid[axis] > largest_grid[axis])
      refuse(
          fmt::format("grid {}: each size must be at least 1 and at most {}", shown(shape.grid), shown(largest_grid)));
    if (shape.block[axis] == 0 || shape.block[axis] > largest_block[axis])
      refuse(fmt::format("block {}: each size must be at least 1 and at most {}", shown(shape.block),
                         shown(largest_block)));
  }
  const std::uint64_t threads = std::uint64_t{shape.block[0]} * shape.block[1] * shape.block[2];
  if (threads > most_threads)
    refuse(fmt::format("block {} has {} threads; at most {}", shown(shape.block), threads, most_threads));
  if (std::uint64_t{shape.grid[0]} * shape.grid[1] > 0xffff'ffffu / shape.grid[2])
    refuse(fmt::format("grid {} has more blocks than the emulator numbers, 4294967295", shown(shape.grid)));
  if (info.required_block && *info.required_block != shape.block)
    refuse(fmt::format("block {}; the entry requires {} (.reqntid)", shown(shape.block), shown(*info.required_block)));
  if (info.maximum_block) {
    const Size3& most = *info.maximum_block;
    if (threads > std::uint64_t{most[0]} * most[1] * most[2])
      refuse(fmt::format("block {}; the entry takes at most {} threads (.maxntid)", shown(shape.block),
                         std::uint64_t{most[0]} * most[1] * most[2]));
  }
  const std::uint64_t shared = std::uint64_t{info.static_shared_bytes} + shape.dynamic_shared_bytes;
  if (shared > most_shared_bytes)
    refuse(fmt::format("{} bytes of shared memory, {} of them dynamic; at most {}", shared, shape.dynamic_shared_bytes,
                       most_shared_bytes));
  if (shape.parameters.size() != info.parameter_bytes)
    refuse(fmt::format("{} bytes of parameters; the entry takes {}", shape.parameters.size(), info.parameter_bytes));
}

LaunchResult run(const LaunchShape& shape, GlobalMemory& memory) {
  LaunchLimits limits(shape.options);
  BlockQueue queue;
  queue.blocks = shape.grid[0] * shape.grid[1] * shape.grid[2];
  std::uint64_t threads = static_cast<std::uint64_t>(shape.options.threads > 0 ? shape.options.threads : usable_cpus());
  // Atomics on global memory give what their order gives: one order, then.
  if (shape.program->orders_blocks) threads = 1;
  std::vector<std::unique_ptr<Worker>> workers(std::min<std::uint64_t>(threads, queue.blocks));
  for (auto& worker : workers) {
    worker = std::make_unique<Worker>();
    worker->state.global = &memory;
    worker->state.sanitize = shape.options.sanitize;
    worker->state.count = shape.options.count;
  }
  {
    std::vector<std::jthread> others;
    for (std::size_t index = 1; index < workers.size(); ++index)
      others.emplace_back([&, index] { work(shape, limits, queue, *workers[index]); });
    work(shape, limits, queue, *workers[0]);
  }

  LaunchResult result;
  std::vector<LaunchState*> states;
  for (auto& worker : workers)
    states.push_back(&worker->state);
  if (shape.options.count) merge_footprints(states, result.counters);
  for (auto& worker : workers)
    end_launch(worker->state);
  for (auto& worker : workers)
    if (worker->failure) std::rethrow_exception(worker->failure);

  std::vector<std::pair<std::uint32_t, std::string>> printed;
  std::vector<RawFinding> findings;
  std::optional<PlacedFault> fault;
  for (auto& worker : workers) {
    result.counters += worker->counters;
    if (shape.options.count) result.counters += worker->state.counters;
    std::move(worker->printed.begin(), worker->printed.end(), std::back_inserter(printed));
    std::move(worker->state.findings.begin(), worker->state.findings.end(), std::back_inserter(findings));
    if (worker->fault && (!fault || worker->fault->block < fault->block)) fault = worker->fault;
  }
  if (fault) {
    // What blocks behind the failed one did depends on the number of host threads.
    result.counters = {};
    std::erase_if(findings, [&](const RawFinding& finding) { return finding.block > fault->block; });
    std::erase_if(printed, [&](const auto& text) { return text.first > fault->block; });
    result.fault = in_words(shape, {.kind = fault->fault.kind,
                                    .pc = fault->pc,
                                    .block = fault->block,
                                    .thread = fault->thread,
                                    .address = fault->fault.address,
                                    .detail = fault->fault.detail});
  }
  std::sort(printed.begin(), printed.end());
  for (const auto& [block, text] : printed)
    result.printed += text;
  // Each host thread has the first finding of a kind at a pc among its blocks: the lowest block has the first of all.
  std::stable_sort(findings.begin(), findings.end(), [](const RawFinding& a, const RawFinding& b) {
    return std::tie(a.kind, a.pc, a.block) < std::tie(b.kind, b.pc, b.block);
  });
  const auto same = [](const RawFinding& a, const RawFinding& b) { return a.kind == b.kind && a.pc == b.pc; };
  findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
  for (const RawFinding& finding : findings)
    result.findings.push_back(in_words(shape, finding));
  return result;
}

}  // namespace attest::emulator
