#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/backends/emulator/device.hpp"
#include "harness/backends/emulator/program.hpp"
#include "harness/backends/emulator/warp.hpp"

// How one block runs. Lanes of a warp that stand at the same instruction form a group. A warp whose lanes all go
// together has one group and runs at full speed. Where lanes part, the group at the lowest instruction goes first, so
// that it meets the others where they wait; now and then the one that waited longest has a turn, so that a loop that
// spins for another lane's store ends. Warps run in turn, each until it waits at a barrier or its slice of time is
// over.
namespace attest::emulator {

/// Why a group does not run.
enum class GroupState : std::uint8_t {
  ready,
  gathering,  ///< an instruction names lanes that are elsewhere
  aligning,   ///< bar.sync, which all lanes of the warp execute together, while some are elsewhere
  at_barrier  ///< has arrived, waits for other threads
};

/// Lanes of a warp that stand at one instruction.
struct Group {
  std::uint32_t pc = 0;
  Mask lanes = 0;
  GroupState state = GroupState::ready;
  std::uint8_t barrier = 0;
  std::uint32_t changes = 0;    ///< WarpState::changes when it began to wait within the warp
  std::uint64_t last_turn = 0;  ///< orders groups by how long they have waited
};

/// A warp as the scheduler sees it.
struct WarpState : Warp {
  std::array<Group, warp_lanes> groups{};
  int group_count = 0;
  std::uint32_t changes = 0;    ///< of which lanes exist and where they are
  std::uint64_t executed = 0;   ///< instructions, up to the last change of control
  std::uint32_t run_start = 0;  ///< pc from which on `executed` does not count yet
  std::uint64_t turn_end = 0;   ///< of `executed`
  std::uint64_t turns = 0;
  int favoured_lane = -1;  ///< its group runs, though another is at a lower pc
  std::string* printed = nullptr;
};

/// Instructions that the warp has executed before `pc`, for clocks.
std::uint64_t instructions_so_far(const Warp& warp, std::uint32_t pc);

/// How often one instruction was executed, as differences: a stretch of code adds at its start and takes off at its
/// end.
struct PcCount {
  std::int64_t warps = 0;
  std::int64_t lanes = 0;
  std::int64_t masked = 0;  ///< lanes that a guard kept from this very instruction, no difference
};

/// A fault with its place.
struct PlacedFault {
  KernelFault fault;
  std::uint32_t pc = 0;
  std::uint32_t block = 0;
  std::uint32_t thread = 0;
};

/// What is fixed for a launch.
struct LaunchShape {
  const Program* program = nullptr;
  Size3 grid{};
  Size3 block{};
  std::uint32_t dynamic_shared_bytes = 0;
  std::span<const std::byte> parameters;
  LaunchOptions options;
};

/// Limits of a launch that all host threads share.
class LaunchLimits;

/// Runs blocks of a launch, one after the other, on one host thread.
class BlockRunner {
 public:
  BlockRunner(const LaunchShape& shape, LaunchState& launch, LaunchLimits& limits);
  ~BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  /// Runs one block to its end. Throws PlacedFault.
  void run(std::uint32_t linear_index);
  /// What the last block printed.
  std::string& printed() { return printed_; }
  /// Adds the counts by instruction of all blocks so far.
  void add_counts(Counters& total) const;

 private:
  struct Barrier {
    std::uint32_t arrived = 0;   ///< threads
    std::uint32_t expected = 0;  ///< threads; 0: all that have not exited
    std::uint32_t arrived_warps = 0;
    std::uint32_t waiting_warps = 0;
    std::uint32_t voters = 0;  ///< threads that take part in a reduction
    std::uint32_t in_favour = 0;
    std::uint32_t pc = 0;  ///< of the first arrival
  };
  enum class Next : std::uint8_t {
    select,  ///< another group may go first
    yield,   ///< the slice is over
  };

  void begin(std::uint32_t linear_index);
  void fill_specials(WarpState& warp);
  void run_warp(WarpState& warp);
  /// The group that goes next, brought together with those that stand where it does; null where all wait for other
  /// warps. `limit` is the pc at which it meets another.
  Group* select(WarpState& warp, std::uint32_t& limit);
  Group& choose(WarpState& warp);
  template <bool diverged>
  Next run_group(WarpState& warp, Group& group, std::uint32_t limit_pc);
  bool gather_is_ready(const WarpState& warp, const Instruction& instruction, Mask lanes, Mask active) const;
  Next part(WarpState& warp, Group& group, const Instruction& branch, Mask taken);
  Next part_by_table(WarpState& warp, Group& group, const Instruction& branch, Mask active);
  void exit_lanes(WarpState& warp, Group& group, std::uint32_t next_pc, Mask exiting);
  void arrive(WarpState& warp, Group& group, const Instruction& instruction, Mask active);
  bool is_complete(const Barrier& barrier) const;
  void open(std::uint8_t index);
  void release(WarpState& warp, std::uint8_t index, const Barrier& barrier);
  void shuffle_order();
  [[noreturn]] void fail_within_warp(WarpState& warp);
  [[noreturn]] void fail_deadlock();
  std::string where_lanes_are() const;
  [[noreturn]] void fail(const WarpState& warp, std::uint32_t pc, const KernelFault& fault) const;

  const LaunchShape& shape_;
  const Program& program_;
  const Instruction* code_;
  LaunchState& launch_;
  LaunchLimits& limits_;
  Block block_;
  SlotArray shared_;
  SlotArray registers_;
  std::vector<Mask> predicates_;
  std::vector<WarpState> warps_;
  std::vector<std::array<std::array<std::uint32_t, warp_lanes>, 3>> thread_ids_;  ///< of each warp: x, y, z
  std::vector<std::uint32_t> order_;
  std::vector<PcCount> counts_;
  std::array<Barrier, 16> barriers_{};
  std::uint32_t barriers_in_use_ = 0;  ///< a bit each
  std::uint32_t live_threads_ = 0;
  std::uint64_t divergent_branches_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t order_state_ = 0;
  std::uint64_t slice_end_ = 0;  ///< of the running warp's `executed`
  std::string printed_;
};

/// The instruction budget and the deadline of a launch.
class LaunchLimits {
 public:
  explicit LaunchLimits(const LaunchOptions& options);
  /// Instructions that a warp may run now before it asks again.
  std::uint64_t slice() const;
  /// Adds instructions that were run. Throws KernelFault when the budget or the time is used up.
  void spend(std::uint64_t instructions);

 private:
  std::uint64_t budget_;
  double deadline_seconds_;
  std::int64_t started_;  ///< nanoseconds of the steady clock
  std::atomic<std::uint64_t> spent_{0};
  std::atomic<std::uint64_t> next_look_{0};  ///< of spent_, at which the clock is looked at
};

}  // namespace attest::emulator
