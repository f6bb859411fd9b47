#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "harness/backends/emulator/memory.hpp"

// What stands behind memory.hpp: allocations, each host thread's view of them, memory of warps. For the memory handlers
// alone.
namespace attest::emulator {

/// Bytes of a sector, the unit in which global memory moves. Shadows and footprints hold one 32-bit word a sector, one
/// bit a byte.
inline constexpr std::uint64_t sector_bytes = 32;

/// Zeroed words that cost no memory until they are touched. Throws std::bad_alloc.
class LazyWords {
 public:
  LazyWords() = default;
  explicit LazyWords(std::size_t words);
  ~LazyWords();
  LazyWords(LazyWords&& other) noexcept;
  LazyWords& operator=(LazyWords&& other) noexcept;
  std::uint32_t* data() const { return words_; }
  std::size_t size() const { return size_; }

 private:
  std::uint32_t* words_ = nullptr;
  std::size_t size_ = 0;
};

/// One allocation. It stays in the table after its end, so that a use after free is told from a wild address.
struct Allocation {
  std::uint64_t start = 0;
  std::uint64_t bytes = 0;
  std::byte* data = nullptr;  ///< null once freed
  LazyWords initialised;      ///< bytes that were written
  bool constant = false;      ///< a .const variable
  bool living() const { return data != nullptr; }
};

struct GlobalMemory::State {
  std::vector<Allocation> allocations;  ///< in order of address
  std::uint64_t next = global_base;
  std::uint64_t allocated = 0;
  std::mutex merging;  ///< end_launch of several host threads

  ~State();
  /// The allocation, living or freed, whose bytes hold `address`; null where there is none.
  Allocation* find(std::uint64_t address);
};

/// One host thread's view of one allocation during a launch.
struct AllocationView {
  std::uint64_t start = 0;
  std::uint64_t bytes = 0;
  std::byte* data = nullptr;
  std::uint32_t* initialised = nullptr;
  std::uint32_t* read = nullptr;     ///< bytes read; null when not counted
  std::uint32_t* written = nullptr;  ///< bytes written
  Allocation* allocation = nullptr;
  LazyWords read_words;
  LazyWords written_words;

  /// Whether `count` bytes from `address` lie within.
  bool holds(std::uint64_t address, std::uint64_t count) const {
    const std::uint64_t offset = address - start;
    return offset < bytes && count <= bytes - offset;
  }
};

/// The allocation that each instruction hit last: most go on to hit it.
struct AddressCache {
  static constexpr std::size_t ways = 256;
  std::array<AllocationView*, ways> of_pc{};
  AllocationView none;  ///< holds nothing
  std::vector<std::unique_ptr<AllocationView>> views;
};

/// Local memory of one warp and its pending asynchronous copies.
struct WarpMemory {
  /// Copies of one cp.async for lanes of one group.
  struct Pending {
    Mask lanes = 0;  ///< that have not landed
    std::uint32_t group = 0;
    std::uint32_t pc = 0;
    std::uint32_t bytes = 0;  ///< a lane
    std::array<std::uint32_t, warp_lanes> destination{};
    alignas(16) std::array<std::byte, warp_lanes * 16> data{};
  };
  std::uint32_t local_bytes = 0;                  ///< a lane
  std::vector<std::byte> local;                   ///< lane after lane
  std::vector<std::uint32_t> local_initialised;   ///< a bit a byte, lane after lane, each at a whole word
  std::vector<std::unique_ptr<Pending>> pending;  ///< oldest first; those from pending_count on are spare
  std::size_t pending_count = 0;
  std::array<std::uint32_t, warp_lanes> group{};  ///< groups that each lane has committed
  bool groups_agree = true;                       ///< all lanes have committed as many

  std::uint32_t local_words() const { return (local_bytes + 31) / 32; }
};

/// The view of the living allocation that holds [address, address + bytes); null where there is none. Remembers it for
/// `pc`.
AllocationView* look_up(LaunchState& launch, std::uint32_t pc, std::uint64_t address, std::uint64_t bytes);
inline AllocationView* view_of(LaunchState& launch, std::uint32_t pc, std::uint64_t address, std::uint64_t bytes) {
  AllocationView* const view = launch.cache->of_pc[pc % AddressCache::ways];
  if (view->holds(address, bytes)) [[likely]]
    return view;
  return look_up(launch, pc, address, bytes);
}

/// Sets the bits of `count` bytes from `offset` on in a map of one word a sector.
inline void mark_bytes(std::uint32_t* words, std::uint64_t offset, std::uint64_t count) {
  std::uint64_t sector = offset / sector_bytes;
  const std::uint64_t last = (offset + count - 1) / sector_bytes;
  const std::uint32_t head = ~0u << (offset % sector_bytes);
  const std::uint32_t tail = ~0u >> (31 - (offset + count - 1) % sector_bytes);
  if (sector == last) {
    words[sector] |= head & tail;
    return;
  }
  words[sector++] |= head;
  while (sector < last)
    words[sector++] = ~0u;
  words[last] |= tail;
}

/// The first of `count` bytes from `offset` on whose bit is not set; `count` where all are set.
std::uint64_t first_unmarked(const std::uint32_t* words, std::uint64_t offset, std::uint64_t count);

// Faults, in words.

/// Throws the KernelFault for an access of `bytes` at a global address that is misaligned or in no living allocation.
[[noreturn]] void throw_global_fault(LaunchState& launch, int lane, std::uint64_t address, std::uint32_t bytes);
/// The same for an access beyond `size` bytes of the shared, local or parameter memory, or misaligned; `address` is an
/// offset in that memory.
[[noreturn]] void throw_window_fault(const char* space, std::uint64_t size, int lane, std::uint64_t address,
                                     std::uint32_t bytes);

// Checks of the sanitizer (shared_shadow.cpp, global_shadow.cpp). `address` and `offset` hold one of each lane; lanes
// outside `active` are not looked at.

/// How an access is meant, for the order of accesses.
enum class Access : std::uint8_t {
  plain,
  strong,  ///< volatile, relaxed, acquire, release and atomic: they do not race with each other
};
void check_global_read(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                       std::uint32_t bytes);
void note_global_write(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                       std::uint32_t bytes);
void check_shared_read(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                       std::uint32_t bytes, Access access);
/// Called before the bytes are written: `data` holds `bytes` of each lane, lane after lane.
void check_shared_write(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                        std::uint32_t bytes, Access access, const std::byte* data);
/// A cp.async was issued: its destinations may not be touched until it lands.
void note_pending(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                  std::uint32_t bytes);
/// It lands, by the wait `instruction`; `pc` is the cp.async.
void land_pending(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                  std::uint32_t bytes, std::uint32_t pc);

// Counting (memory_counting.cpp).

/// Distinct 32-byte sectors of `active` lanes' accesses of `bytes` bytes (at most 32, aligned to their size).
std::uint32_t count_sectors(const std::uint64_t* address, Mask active);
struct Wavefronts {
  std::uint32_t taken = 0;
  std::uint32_t ideal = 0;
};
/// Passes through the banks of one shared access of `bytes` a lane.
Wavefronts count_wavefronts(const std::uint32_t* offset, Mask active, std::uint32_t bytes);

}  // namespace attest::emulator
