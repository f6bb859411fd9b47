#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/backends/emulator/counters.hpp"
#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/warp.hpp"

namespace attest::emulator {

// The device's address space. Global allocations lie from global_base on, 256-byte aligned, with gaps between them, and
// an address is never given twice, so that a use after free is told from an address that never was. The other spaces
// have windows, so that generic addresses find them.
inline constexpr std::uint64_t shared_window = 0x0100'0000'0000;
inline constexpr std::uint64_t local_window = 0x0200'0000'0000;
inline constexpr std::uint64_t param_window = 0x0300'0000'0000;
inline constexpr std::uint64_t window_bytes = 0x0000'1000'0000;
inline constexpr std::uint64_t global_base = 0x7000'0000'0000;

/// Global memory: what cuMemAlloc gives, and a module's variables. Allocation and host access are serialised by the
/// caller; during a launch any number of host threads read and write through handlers.
class GlobalMemory {
 public:
  GlobalMemory();
  ~GlobalMemory();
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;

  /// Address of `bytes` new bytes, which count as never written. Throws std::bad_alloc. Contents start as 0xFF bytes.
  std::uint64_t allocate(std::uint64_t bytes);
  /// The same for a .const variable, which isspacep tells from global memory.
  std::uint64_t allocate_constant(std::uint64_t bytes);
  /// False where `address` is not the start of a living allocation.
  bool free(std::uint64_t address);
  /// Host access: false where the range does not lie in one living allocation. write() and fill mark as written.
  bool write(std::uint64_t address, const void* from, std::uint64_t bytes);
  bool read(std::uint64_t address, void* to, std::uint64_t bytes) const;
  bool fill(std::uint64_t address, std::uint64_t value, unsigned value_bytes, std::uint64_t count);
  /// Start and size of the allocation that holds `address`; size 0 where there is none.
  struct Range {
    std::uint64_t start = 0;
    std::uint64_t bytes = 0;
  };
  Range range_of(std::uint64_t address) const;
  std::uint64_t bytes_allocated() const;
  std::uint64_t bytes_free() const;  ///< of what the device claims to have

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

/// What one finding is about, before it is put into words.
struct RawFinding {
  FaultKind kind{};
  std::uint32_t pc = 0;
  std::uint32_t block = 0;   ///< linear index in the grid
  std::uint32_t thread = 0;  ///< linear index in the block
  std::uint64_t address = 0;
  std::string detail;
  std::optional<std::uint32_t> other_pc{};  ///< the other access of a race, where it is known
};

/// What a handler sees of its block. The interpreter makes one per host thread and resets it for each block.
struct Block {
  std::byte* shared = nullptr;  ///< static, then dynamic shared memory; poisoned with 0xFF at the start of a block
  std::uint32_t shared_bytes = 0;
  const std::byte* parameters = nullptr;
  std::uint32_t parameter_bytes = 0;
  std::uint32_t linear_index = 0;  ///< in the grid
  std::uint32_t warps = 0;
  std::uint32_t threads = 0;
  std::uint32_t epoch = 0;                ///< barriers that the whole block has passed
  struct SharedShadow* shadow = nullptr;  ///< last writers and readers; null without the sanitizer
};

/// What one host thread executes a launch with.
struct LaunchState {
  GlobalMemory* global = nullptr;
  Counters counters;  ///< of memory handlers; instruction counts are derived from counts by pc
  bool sanitize = false;
  bool count = true;                      ///< false: memory handlers count nothing
  std::vector<RawFinding> findings;       ///< first of each (kind, pc); handlers call report()
  struct Footprint* footprint = nullptr;  ///< bytes read and written at least once; null when not counted
  struct AddressCache* cache = nullptr;   ///< the allocations that were hit last
  struct SharedShadow* shadow = nullptr;  ///< what begin_block gives to the block; null without the sanitizer
  /// Adds a finding unless one of its kind and pc is there already.
  void report(const Warp& warp, const Instruction& instruction, FaultKind kind, int lane, std::uint64_t address,
              std::string detail = {}, std::optional<std::uint32_t> other_pc = {});
};

/// Reads `bytes` at a generic address as `lane` of `warp` would see them, uncounted and unchecked by the sanitizer: for
/// vprintf and __assertfail. False where nothing lies there.
bool read_generic(const Warp& warp, int lane, std::uint64_t address, void* to, std::uint32_t bytes);

// Life of the memory parts of blocks and warps, called by the interpreter.

/// Per host thread: makes `state` ready for a launch (footprint, cache) and gives back what it took. `merge_footprints`
/// adds the unique bytes of all host threads to `total`.
void begin_launch(LaunchState& state);
void merge_footprints(std::span<LaunchState* const> states, Counters& total);
void end_launch(LaunchState& state);

/// Poisons shared memory, forgets the shadow.
void begin_block(Block& block, LaunchState& state);
/// Copies that nobody waited for land now; warps' pending lists are checked to be empty of live ones.
void end_block(Block& block, LaunchState& state);

// Order, for the race check; called by the interpreter, no more than a test of a pointer without the sanitizer. Two
// accesses of different warps are ordered through barriers alone, whatever the order in which the warps happen to run.
// Within a warp, lanes that were active together in the earlier access are in step; the others are ordered by
// bar.warp.sync or a barrier of the block.

/// A barrier opens: what the warps of `arrived` did so far is before what those of `released` do from now on. bar.sync
/// names the same warps twice; bar.arrive only arrives.
void order_at_barrier(std::span<Warp* const> arrived, std::span<Warp* const> released);
/// bar.warp.sync was executed.
void order_within_warp(Warp& warp);

/// Memory of one warp: `local_bytes_per_lane` of local memory, poisoned.
WarpMemory* make_warp_memory(std::uint32_t local_bytes_per_lane);
void reset_warp_memory(WarpMemory& memory);
void free_warp_memory(WarpMemory* memory);

}  // namespace attest::emulator
