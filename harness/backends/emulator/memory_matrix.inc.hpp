// ldmatrix, stmatrix, movmatrix and cp.async. Included once by each memory_handlers_<isa>.cpp, after
// memory_access.inc.hpp.

namespace attest::emulator::ATTEST_ISA {

/// Eight rows of eight 16-bit elements: what eight lanes' addresses name, and one register of the warp.
using MatrixRow = std::uint16_t __attribute__((vector_size(16)));

/// Column c of `rows` becomes row c.
inline void transpose(const MatrixRow* rows, MatrixRow* columns) {
#define ATTEST_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ATTEST_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
  // Three perfect shuffles of the 64 elements are a transposition.
  MatrixRow first[8];
  MatrixRow second[8];
  for (int row = 0; row < 4; ++row) {
    first[2 * row] = ATTEST_LOW(rows[row], rows[row + 4]);
    first[2 * row + 1] = ATTEST_HIGH(rows[row], rows[row + 4]);
  }
  for (int row = 0; row < 4; ++row) {
    second[2 * row] = ATTEST_LOW(first[row], first[row + 4]);
    second[2 * row + 1] = ATTEST_HIGH(first[row], first[row + 4]);
  }
  for (int row = 0; row < 4; ++row) {
    columns[2 * row] = ATTEST_LOW(second[row], second[row + 4]);
    columns[2 * row + 1] = ATTEST_HIGH(second[row], second[row + 4]);
  }
#undef ATTEST_LOW
#undef ATTEST_HIGH
}

inline void need_all_lanes(Mask active, const char* what) {
  if (active != all_lanes) [[unlikely]]
    throw KernelFault{.kind = FaultKind::inactive_lane_read,
                      .lane = std::countr_one(active),
                      .address = 0,
                      .detail = std::string(what) + " needs all 32 lanes of the warp"};
}

/// Offsets in shared memory that generic addresses name: operand `index`.
inline void read_generic_offsets(const Instruction& instruction, const Warp& warp, unsigned index, Mask members,
                                 Offsets& offset) {
  Addresses address;
  read_addresses(instruction, warp, index, instruction.immediate, address);
  const Mask outside = members & ~classify(address.lane, members).shared;
  if (outside != 0) [[unlikely]]
    throw KernelFault{.kind = FaultKind::invalid_address_space,
                      .lane = std::countr_zero(outside),
                      .address = address.lane[std::countr_zero(outside)],
                      .detail = "ldmatrix reads shared memory, and this generic address lies elsewhere"};
  subtract_window(address, shared_window, offset);
}

template <unsigned Matrices, bool Transposed, bool Generic>
void load_matrix(const Instruction& instruction, Warp& warp, Mask active) {
  constexpr Mask members = Matrices == 4 ? all_lanes : (1u << (8 * Matrices % 32)) - 1u;
  need_all_lanes(active, "ldmatrix");
  Offsets offset;
  if constexpr (Generic)
    read_generic_offsets(instruction, warp, Matrices, members, offset);
  else
    read_offsets(instruction, warp, Matrices, instruction.immediate, members, 16, offset);
  check_offsets<16>(warp, members, offset);
  LaunchState& launch = *warp.launch;
  if (launch.sanitize) [[unlikely]]
    check_shared_read(instruction, warp, members, offset.lane, 16, Access::plain);
  if (launch.count) count_shared(launch, false, wavefronts_of<16>(offset, members));
  for (unsigned matrix = 0; matrix < Matrices; ++matrix) {
    auto* const to = warp.destination<MatrixRow>(instruction.operand[matrix]);
    const std::uint32_t* const row = offset.lane + 8 * matrix;
    if constexpr (Transposed) {
      MatrixRow rows[8];
      for (int index = 0; index < 8; ++index)
        std::memcpy(&rows[index], warp.block->shared + row[index], 16);
      transpose(rows, to);
    } else {
      for (int index = 0; index < 8; ++index)
        std::memcpy(&to[index], warp.block->shared + row[index], 16);
    }
  }
}

template <unsigned Matrices, bool Transposed>
void store_matrix(const Instruction& instruction, Warp& warp, Mask active) {
  constexpr Mask members = Matrices == 4 ? all_lanes : (1u << (8 * Matrices % 32)) - 1u;
  need_all_lanes(active, "stmatrix");
  Offsets offset;
  read_offsets(instruction, warp, 0, instruction.immediate, members, 16, offset);
  check_offsets<16>(warp, members, offset);
  LaunchState& launch = *warp.launch;
  alignas(64) MatrixRow data[8 * Matrices];
  for (unsigned matrix = 0; matrix < Matrices; ++matrix) {
    const auto* const from = warp.source_as<MatrixRow>(instruction.operand[1 + matrix]);
    if constexpr (Transposed)
      transpose(from, data + 8 * matrix);
    else
      std::memcpy(data + 8 * matrix, from, sizeof(MatrixRow) * 8);
  }
  if (launch.sanitize) [[unlikely]]
    check_shared_write(instruction, warp, members, offset.lane, 16, Access::plain, reinterpret_cast<std::byte*>(data));
  if (launch.count) count_shared(launch, true, wavefronts_of<16>(offset, members));
  for (unsigned row = 0; row < 8 * Matrices; ++row)
    std::memcpy(warp.block->shared + offset.lane[row], &data[row], 16);
}

/// One matrix in registers, transposed.
inline void move_matrix(const Instruction& instruction, Warp& warp, Mask active) {
  need_all_lanes(active, "movmatrix");
  MatrixRow rows[8];
  std::memcpy(rows, warp.source_as<MatrixRow>(instruction.operand[1]), sizeof rows);
  transpose(rows, warp.destination<MatrixRow>(instruction.operand[0]));
}

/// Lanes by how much of a copy they read.
struct CopyLanes {
  Mask whole = 0;  ///< all of it
  Mask part = 0;   ///< some bytes; the rest is filled with zeros
};

template <unsigned Size>
inline CopyLanes copy_lanes(const Warp& warp, Mask active, const std::uint32_t* source_bytes) {
  static_cast<void>(warp);
  if (source_bytes == nullptr) return {active, 0};
  std::uint32_t difference = 0;
  for (int lane = 0; lane < warp_lanes; ++lane)
    difference |= source_bytes[lane] ^ Size;
  if (difference == 0) return {active, 0};
  CopyLanes lanes;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    lanes.whole |= source_bytes[lane] == Size ? 1u << lane : 0u;
    lanes.part |= source_bytes[lane] != Size && source_bytes[lane] != 0 ? 1u << lane : 0u;
  }
  lanes.whole &= active;
  lanes.part &= active;
  return lanes;
}

/// A copy whose lanes lie side by side in fours, as rows of tiles are read: to `to`, footprint marked. Returns its
/// sectors, or 0 for a copy that is none or not within one allocation.
template <unsigned Size>
inline std::uint32_t copy_fours(const Instruction& instruction, Warp& warp, const Addresses& source, std::byte* to) {
  constexpr unsigned four = 4 * Size;
  std::uint64_t difference = 0;
  for (unsigned lane = 0; lane < warp_lanes; ++lane)
    difference |= source.lane[lane] ^ (source.lane[lane & ~3u] + (lane & 3u) * Size);
  const Extent extent = extent_of(source);
  if (difference != 0 || extent.bits % Size != 0) return 0;
  const AllocationView* const view = view_of(*warp.launch, instruction.pc, extent.low, extent.high - extent.low + Size);
  if (view == nullptr) return 0;
  std::uint64_t unaligned = 0;
  bool apart = true;
  for (unsigned lane = 0; lane < warp_lanes; lane += 4) {
    const std::uint64_t offset = source.lane[lane] - view->start;
    std::memcpy(to + lane * Size, view->data + offset, four);
    if (view->read != nullptr) std::memset(reinterpret_cast<std::byte*>(view->read) + offset / 8, 0xff, four / 8);
    unaligned |= source.lane[lane] % sector_bytes;
    apart &= lane == 0 || source.lane[lane] >= source.lane[lane - 4] + four;
  }
  // Sectors of two fours are not the same ones where each begins with a sector behind the one before.
  return unaligned == 0 && apart ? warp_lanes * Size / sector_bytes : sectors_of(source, all_lanes);
}

/// One cp.async of `Size` bytes a lane: the source is read and counted now, the data waits in the warp's memory.
template <unsigned Size>
void copy_async_of(const Instruction& instruction, Warp& warp, Mask active) {
  LaunchState& launch = *warp.launch;
  Offsets destination;
  read_offsets(instruction, warp, 0, instruction.immediate, active, Size, destination);
  check_offsets<Size>(warp, active, destination);
  Addresses source;
  read_addresses(instruction, warp, 1, static_cast<std::int32_t>(instruction.target), source);
  const std::uint32_t* const source_bytes =
      instruction.operand[3] == absent_operand ? nullptr : warp.source_as<std::uint32_t>(instruction.operand[3]);
  const CopyLanes lanes = copy_lanes<Size>(warp, active, source_bytes);

  WarpMemory::Pending& copy = add_pending(instruction, warp, active, destination.lane, Size);
  if (lanes.whole != active) std::memset(copy.data.data(), 0, warp_lanes * Size);
  std::uint32_t bytes = static_cast<std::uint32_t>(std::popcount(lanes.whole)) * Size;
  Addresses filled = source;
  std::uint32_t sectors = 0;
  if constexpr (Size == 16)
    if (lanes.whole == all_lanes) sectors = copy_fours<Size>(instruction, warp, source, copy.data.data());
  if (sectors == 0 && lanes.whole != 0) {
    std::byte* pointer[warp_lanes];
    resolve<Size>(instruction, warp, lanes.whole, filled, false, pointer);
    if (lanes.whole == all_lanes) {
      for (unsigned lane = 0; lane < warp_lanes; ++lane)
        std::memcpy(copy.data.data() + lane * Size, pointer[lane], Size);
    } else {
      for (Mask rest = lanes.whole; rest != 0; rest &= rest - 1) {
        const auto lane = static_cast<unsigned>(std::countr_zero(rest));
        std::memcpy(copy.data.data() + lane * Size, pointer[lane], Size);
      }
    }
  }
  if (launch.sanitize && lanes.whole != 0) [[unlikely]]
    check_global_read(instruction, warp, lanes.whole, source.lane, Size);
  if (lanes.part != 0)
    bytes += copy_parts(instruction, warp, lanes.part, source.lane, source_bytes, Size, copy.data.data());
  if (launch.sanitize) [[unlikely]]
    note_pending(instruction, warp, active, destination.lane, Size);
  if (launch.count) {
    if (const Mask reading = lanes.whole | lanes.part; reading != 0) {
      const Addresses& request = reading == lanes.whole ? filled : source;
      count_global(launch, false, sectors != 0 ? sectors : sectors_of(request, reading), bytes);
      launch.counters.async_copy_bytes += bytes;
    }
    count_shared(launch, true, wavefronts_of<Size>(destination, active));
  }
  share_out_groups(warp, copy);
}

template <bool Level2>
void copy_async(const Instruction& instruction, Warp& warp, Mask active) {
  const std::uint32_t bytes = *warp.source_as<std::uint32_t>(instruction.operand[2]);
  if (bytes == 16) return copy_async_of<16>(instruction, warp, active);
  if (bytes == 8 && !Level2) return copy_async_of<8>(instruction, warp, active);
  if (bytes == 4 && !Level2) return copy_async_of<4>(instruction, warp, active);
  throw KernelFault{.kind = FaultKind::trap,
                    .lane = std::countr_zero(active),
                    .address = 0,
                    .detail = Level2 ? "cp.async.cg copies 16 bytes" : "cp.async.ca copies 4, 8 or 16 bytes"};
}

}  // namespace attest::emulator::ATTEST_ISA
