#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/backends/emulator/form.hpp"
#include "harness/backends/emulator/memory_space.hpp"

// Tables of handlers that memory_forms.cpp picks from.
namespace attest::emulator {

/// Index of an element size in the tables: 1, 2, 4, 8 bytes.
inline constexpr int element_sizes = 4;
/// Index of a vector length: 1, 2, 4.
inline constexpr int vector_lengths = 3;
using AccessTable = Handler[2][element_sizes][vector_lengths];  ///< [strong][element][vector]

/// Handlers that are compiled for each instruction set. A null one is a form that PTX does not have (v4 of 8 bytes).
struct MemoryHandlers {
  AccessTable load_global;
  AccessTable store_global;
  AccessTable load_shared;
  AccessTable store_shared;
  AccessTable load_generic;
  AccessTable store_generic;
  Handler load_matrix[3][2];          ///< [x1, x2, x4][trans]
  Handler load_matrix_generic[3][2];  ///< the same, at generic addresses
  Handler store_matrix[3][2];         ///< the same
  Handler move_matrix;
  Handler copy_async;
  Handler copy_async_cg;  ///< of 16 bytes alone
};
namespace portable {
const MemoryHandlers& memory_handlers();
}
namespace avx2 {
const MemoryHandlers& memory_handlers();
}
namespace avx512 {
const MemoryHandlers& memory_handlers();
}
const MemoryHandlers& memory_handlers_of(Isa isa);

/// A space whose accesses take no part in the counts of global and shared memory.
enum class QuietSpace : std::uint8_t { local, parameter, constant };

/// Lane by lane: loads `vector` elements of `element` bytes at each lane's `address` (offset in its space, absolute for
/// constants) into operands 0 to vector-1.
void load_quiet(QuietSpace space, const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                unsigned element, unsigned vector);
/// Lane by lane to local memory, from operands 1 to vector.
void store_local(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                 unsigned element, unsigned vector);
Handler quiet_load_handler(QuietSpace space, unsigned element, unsigned vector);
Handler local_store_handler(unsigned element, unsigned vector);

/// Lanes of a generic access by the space that they point into.
struct GenericLanes {
  Mask global = 0;
  Mask shared = 0;
  Mask local = 0;
  Mask parameter = 0;
};
GenericLanes classify(const std::uint64_t* address, Mask active);

/// Pointers of lanes whose accesses one view does not hold: in several allocations, or faulty. Marks the footprint.
void resolve_lanes(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                   std::uint32_t bytes, bool write, std::byte** pointer);
/// Finds the lane whose shared access is beyond the block's shared memory, or misaligned, and throws.
[[noreturn]] void throw_shared_fault(const Warp& warp, Mask active, const std::uint32_t* offset, std::uint32_t bytes);
[[noreturn]] void throw_shared_address(const Warp& warp, Mask active, const std::uint64_t* address,
                                       std::uint32_t bytes);

// Asynchronous copies (memory_async.cpp).

/// A new pending copy of `bytes` a lane to `offset`, in the group of the first active lane; its data is the caller's.
WarpMemory::Pending& add_pending(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                                 std::uint32_t bytes);
/// Splits a filled copy by the groups of its lanes, which differ where lanes committed apart.
void share_out_groups(Warp& warp, WarpMemory::Pending& copy);
/// Reads lanes that copy fewer bytes than `bytes`; returns how many in all.
std::uint32_t copy_parts(const Instruction& instruction, Warp& warp, Mask lanes, const std::uint64_t* address,
                         const std::uint32_t* source_bytes, std::uint32_t bytes, std::byte* data);
/// Writes to shared memory what a wait reaches: copies at least `newest` whole groups older than the lane's open one;
/// with `everything`, all.
void land_copies(const Instruction& instruction, Warp& warp, Mask active, std::uint32_t newest, bool everything);
void commit_copies(const Instruction& instruction, Warp& warp, Mask active);
void wait_copies(const Instruction& instruction, Warp& warp, Mask active);
void wait_all_copies(const Instruction& instruction, Warp& warp, Mask active);

}  // namespace attest::emulator
