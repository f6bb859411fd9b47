// Loads and stores. Included once by each memory_handlers_<isa>.cpp, after memory_request.inc.hpp.

namespace attest::emulator::ATTEST_ISA {

/// Counts one request of loads or stores to global memory.
inline void count_global(LaunchState& launch, bool write, std::uint32_t sectors, std::uint32_t bytes) {
  Counters& counters = launch.counters;
  counters.global_bytes_moved += std::uint64_t{sectors} * sector_bytes;
  if (write) {
    ++counters.global_store_requests;
    counters.global_store_sectors += sectors;
    counters.global_store_bytes += bytes;
  } else {
    ++counters.global_load_requests;
    counters.global_load_sectors += sectors;
    counters.global_load_bytes += bytes;
  }
}

inline void count_shared(LaunchState& launch, bool write, Wavefronts wavefronts) {
  Counters& counters = launch.counters;
  ++(write ? counters.shared_store_requests : counters.shared_load_requests);
  counters.shared_wavefronts += wavefronts.taken;
  counters.shared_wavefronts_ideal += wavefronts.ideal;
}

/// Host pointers of the lanes of a global request, checked, counted but for requests, in the footprint.
template <unsigned Size>
inline void resolve(const Instruction& instruction, Warp& warp, Mask active, Addresses& address, bool write,
                    std::byte** pointer) {
  LaunchState& launch = *warp.launch;
  fill_inactive(address, active);
  const Extent extent = extent_of(address);
  AllocationView* const view =
      extent.bits % Size == 0 ? view_of(launch, instruction.pc, extent.low, extent.high - extent.low + Size) : nullptr;
  if (view == nullptr) {
    resolve_lanes(instruction, warp, active, address.lane, Size, write, pointer);
    return;
  }
  for (int lane = 0; lane < warp_lanes; ++lane)
    pointer[lane] = view->data + (address.lane[lane] - view->start);
  std::uint32_t* const footprint = write ? view->written : view->read;
  if (footprint != nullptr)
    mark_lanes<Size>(footprint, view->start, address);  // the lanes that were filled repeat one that is active
}

/// A request whose active lanes are the neighbours `first` to `first + count - 1`, side by side from an aligned address
/// on.
struct Row {
  AllocationView* view = nullptr;  ///< null where it is no such request
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};
template <unsigned Size>
inline Row row_of(const Instruction& instruction, Warp& warp, Mask active, const Addresses& address) {
  Row row;
  row.first = static_cast<std::uint32_t>(std::countr_zero(active)) % warp_lanes;
  row.count = static_cast<std::uint32_t>(std::popcount(active));
  const std::uint64_t base = address.lane[row.first] - row.first * Size;
  if (active == all_lanes) {
    if (base % Size != 0 || !affine(address, std::uint64_t{Size})) return row;
  } else {
    std::uint64_t difference = base % Size;
    for (unsigned lane = 0; lane < warp_lanes; ++lane)
      difference |= (active >> lane & 1u) != 0 ? address.lane[lane] ^ (base + lane * Size) : 0;
    if (difference != 0 || static_cast<std::uint32_t>(std::countr_one(active >> row.first)) != row.count) return row;
  }
  row.view = view_of(*warp.launch, instruction.pc, address.lane[row.first], row.count * Size);
  return row;
}

/// Where the data of a row lies, its footprint marked and its sectors counted.
struct RowData {
  std::byte* data;
  std::uint32_t bytes;
};
template <unsigned Size>
inline RowData use_row(LaunchState& launch, const Row& row, const Addresses& address, bool write) {
  const std::uint64_t start = address.lane[row.first];
  const std::uint64_t offset = start - row.view->start;
  const std::uint32_t bytes = row.count * Size;
  if (std::uint32_t* const footprint = write ? row.view->written : row.view->read; footprint != nullptr)
    mark_bytes(footprint, offset, bytes);
  const std::uint64_t sectors = (start + bytes - 1) / sector_bytes - start / sector_bytes + 1;
  if (launch.count) count_global(launch, write, static_cast<std::uint32_t>(sectors), bytes);
  return {row.view->data + offset, bytes};
}

template <unsigned Element, unsigned Vector>
void load_global_at(const Instruction& instruction, Warp& warp, Mask active, Addresses& address) {
  using Memory = typename ElementType<Element>::Memory;
  constexpr unsigned size = Element * Vector;
  LaunchState& launch = *warp.launch;
  if (const Row row = row_of<size>(instruction, warp, active, address); row.view != nullptr) {
    if (launch.sanitize) [[unlikely]]
      check_global_read(instruction, warp, active, address.lane, size);
    const auto [data, bytes] = use_row<size>(launch, row, address, false);
    alignas(64) Memory part[warp_lanes * Vector];
    if (row.count < warp_lanes) std::memcpy(part + row.first * Vector, data, bytes);
    const auto* const from = row.count < warp_lanes ? part : reinterpret_cast<const Memory*>(data);
    set_registers<Element, Vector>(instruction, warp, active, [&](int lane, unsigned element) {
      return from[static_cast<unsigned>(lane) * Vector + element];
    });
    return;
  }
  if (active == all_lanes && address.lane[0] % size == 0 && affine(address, std::uint64_t{0})) {
    // One address for all, as a row of queries has it: one look-up and one sector.
    if (AllocationView* const view = view_of(launch, instruction.pc, address.lane[0], size)) {
      const std::uint64_t offset = address.lane[0] - view->start;
      if (launch.sanitize) [[unlikely]]
        check_global_read(instruction, warp, 1u, address.lane, size);
      if (launch.count) {
        count_global(launch, false, 1, warp_lanes * size);
        mark_bytes(view->read, offset, size);
      }
      Memory values[Vector];
      std::memcpy(values, view->data + offset, size);
      set_registers<Element, Vector>(instruction, warp, active, [&](int, unsigned element) { return values[element]; });
      return;
    }
  }
  std::byte* pointer[warp_lanes];
  resolve<size>(instruction, warp, active, address, false, pointer);
  if (launch.sanitize) [[unlikely]]
    check_global_read(instruction, warp, active, address.lane, size);
  if (launch.count)
    count_global(launch, false, sectors_of(address, active), static_cast<std::uint32_t>(std::popcount(active)) * size);
  set_registers<Element, Vector>(instruction, warp, active, [&](int lane, unsigned element) {
    Memory value;
    std::memcpy(&value, pointer[lane] + element * Element, Element);
    return value;
  });
}

template <unsigned Element, unsigned Vector>
void store_global_at(const Instruction& instruction, Warp& warp, Mask active, Addresses& address) {
  using Memory = typename ElementType<Element>::Memory;
  constexpr unsigned size = Element * Vector;
  LaunchState& launch = *warp.launch;
  if (const Row row = row_of<size>(instruction, warp, active, address); row.view != nullptr) {
    const auto [to, bytes] = use_row<size>(launch, row, address, true);
    if (row.count == warp_lanes) {
      read_data<Element, Vector>(instruction, warp, 1, reinterpret_cast<Memory*>(to));
    } else {
      alignas(64) Memory part[warp_lanes * Vector];
      read_data<Element, Vector>(instruction, warp, 1, part);
      std::memcpy(to, part + row.first * Vector, bytes);
    }
    if (launch.sanitize) [[unlikely]]
      note_global_write(instruction, warp, active, address.lane, size);
    return;
  }
  std::byte* pointer[warp_lanes];
  resolve<size>(instruction, warp, active, address, true, pointer);
  Memory data[warp_lanes * Vector];
  read_data<Element, Vector>(instruction, warp, 1, data);
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::memcpy(pointer[lane], data + static_cast<unsigned>(lane) * Vector, size);
  }
  if (launch.count)
    count_global(launch, true, sectors_of(address, active), static_cast<std::uint32_t>(std::popcount(active)) * size);
  if (launch.sanitize) [[unlikely]]
    note_global_write(instruction, warp, active, address.lane, size);
}

/// Throws where an access is beyond the block's shared memory or misaligned. Fills inactive lanes.
template <unsigned Size>
inline void check_offsets(const Warp& warp, Mask active, Offsets& offset) {
  fill_inactive(offset, active);
  const OffsetExtent extent = extent_of(offset);
  if (extent.bits % Size != 0 || std::uint64_t{extent.high} + Size > warp.block->shared_bytes) [[unlikely]]
    throw_shared_fault(warp, active, offset.lane, Size);
}

/// Whether all lanes lie side by side from an aligned offset on, within shared memory.
template <unsigned Size>
inline bool side_by_side(const Warp& warp, Mask active, const Offsets& offset) {
  return active == all_lanes && offset.lane[1] - offset.lane[0] == Size && offset.lane[0] % Size == 0 &&
         std::uint64_t{offset.lane[0]} + warp_lanes * Size <= warp.block->shared_bytes &&
         affine(offset, std::uint32_t{Size});
}

template <unsigned Size>
inline constexpr std::uint32_t phases = Size <= 4 ? 1 : Size / 4;

template <unsigned Element, unsigned Vector>
void load_shared_at(const Instruction& instruction, Warp& warp, Mask active, Offsets& offset, Access access) {
  using Memory = typename ElementType<Element>::Memory;
  constexpr unsigned size = Element * Vector;
  LaunchState& launch = *warp.launch;
  const std::byte* const shared = warp.block->shared;
  if (side_by_side<size>(warp, active, offset)) {
    if (launch.sanitize) [[unlikely]]
      check_shared_read(instruction, warp, active, offset.lane, size, access);
    if (launch.count) count_shared(launch, false, {phases<size>, phases<size>});
    const auto* const from = reinterpret_cast<const Memory*>(shared + offset.lane[0]);
    set_registers<Element, Vector>(instruction, warp, active, [&](int lane, unsigned element) {
      return from[static_cast<unsigned>(lane) * Vector + element];
    });
    return;
  }
  check_offsets<size>(warp, active, offset);
  if (launch.sanitize) [[unlikely]]
    check_shared_read(instruction, warp, active, offset.lane, size, access);
  if (affine(offset, 0u)) {
    Memory values[Vector];
    std::memcpy(values, shared + offset.lane[0], size);
    if (launch.count)
      count_shared(launch, false,
                   active == all_lanes ? Wavefronts{phases<size>, phases<size>} : wavefronts_of<size>(offset, active));
    set_registers<Element, Vector>(instruction, warp, active, [&](int, unsigned element) { return values[element]; });
    return;
  }
  if (launch.count) count_shared(launch, false, wavefronts_of<size>(offset, active));
  set_registers<Element, Vector>(instruction, warp, active, [&](int lane, unsigned element) {
    Memory value;
    std::memcpy(&value, shared + offset.lane[lane] + element * Element, Element);
    return value;
  });
}

template <unsigned Element, unsigned Vector>
void store_shared_at(const Instruction& instruction, Warp& warp, Mask active, Offsets& offset, Access access) {
  using Memory = typename ElementType<Element>::Memory;
  constexpr unsigned size = Element * Vector;
  LaunchState& launch = *warp.launch;
  std::byte* const shared = warp.block->shared;
  const bool contiguous = side_by_side<size>(warp, active, offset);
  if (contiguous && !launch.sanitize) [[likely]] {
    read_data<Element, Vector>(instruction, warp, 1, reinterpret_cast<Memory*>(shared + offset.lane[0]));
    if (launch.count) count_shared(launch, true, {phases<size>, phases<size>});
    return;
  }
  if (!contiguous) check_offsets<size>(warp, active, offset);
  alignas(64) Memory data[warp_lanes * Vector];
  read_data<Element, Vector>(instruction, warp, 1, data);
  if (launch.sanitize) [[unlikely]]
    check_shared_write(instruction, warp, active, offset.lane, size, access, reinterpret_cast<std::byte*>(data));
  if (launch.count) count_shared(launch, true, wavefronts_of<size>(offset, active));
  // Of lanes that write to one place the highest wins; PTX leaves it open.
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::memcpy(shared + offset.lane[lane], data + static_cast<unsigned>(lane) * Vector, size);
  }
}

template <unsigned Element, unsigned Vector>
void load_global(const Instruction& instruction, Warp& warp, Mask active) {
  Addresses address;
  read_addresses(instruction, warp, Vector, instruction.immediate, address);
  load_global_at<Element, Vector>(instruction, warp, active, address);
}

template <unsigned Element, unsigned Vector>
void store_global(const Instruction& instruction, Warp& warp, Mask active) {
  Addresses address;
  read_addresses(instruction, warp, 0, instruction.immediate, address);
  store_global_at<Element, Vector>(instruction, warp, active, address);
}

template <unsigned Element, unsigned Vector, Access How>
void load_shared(const Instruction& instruction, Warp& warp, Mask active) {
  Offsets offset;
  read_offsets(instruction, warp, Vector, instruction.immediate, active, Element * Vector, offset);
  load_shared_at<Element, Vector>(instruction, warp, active, offset, How);
}

template <unsigned Element, unsigned Vector, Access How>
void store_shared(const Instruction& instruction, Warp& warp, Mask active) {
  Offsets offset;
  read_offsets(instruction, warp, 0, instruction.immediate, active, Element * Vector, offset);
  store_shared_at<Element, Vector>(instruction, warp, active, offset, How);
}

/// Whether every active lane points into the allocations.
inline bool all_global(const Addresses& address, Mask active) {
  std::uint64_t outside = 0;
  for (int lane = 0; lane < warp_lanes; ++lane)
    outside |= (active >> lane & 1u) != 0 &&
                       static_cast<std::int64_t>(address.lane[lane]) < static_cast<std::int64_t>(global_base)
                   ? 1u
                   : 0u;
  return outside == 0;
}

inline void subtract_window(const Addresses& address, std::uint64_t window, Offsets& offset) {
  for (int lane = 0; lane < warp_lanes; ++lane)
    offset.lane[lane] = static_cast<std::uint32_t>(address.lane[lane] - window);
}
inline Addresses minus_window(const Addresses& address, std::uint64_t window) {
  Addresses result;
  for (int lane = 0; lane < warp_lanes; ++lane)
    result.lane[lane] = address.lane[lane] - window;
  return result;
}

template <unsigned Element, unsigned Vector, Access How>
void load_generic(const Instruction& instruction, Warp& warp, Mask active) {
  Addresses address;
  read_addresses(instruction, warp, Vector, instruction.immediate, address);
  if (all_global(address, active)) {
    load_global_at<Element, Vector>(instruction, warp, active, address);
    return;
  }
  const GenericLanes lanes = classify(address.lane, active);
  if (lanes.shared != 0) {
    Offsets offset;
    subtract_window(address, shared_window, offset);
    load_shared_at<Element, Vector>(instruction, warp, lanes.shared, offset, How);
  }
  if (lanes.local != 0)
    load_quiet(QuietSpace::local, instruction, warp, lanes.local, minus_window(address, local_window).lane, Element,
               Vector);
  if (lanes.parameter != 0)
    load_quiet(QuietSpace::parameter, instruction, warp, lanes.parameter, minus_window(address, param_window).lane,
               Element, Vector);
  if (lanes.global != 0) load_global_at<Element, Vector>(instruction, warp, lanes.global, address);
}

template <unsigned Element, unsigned Vector, Access How>
void store_generic(const Instruction& instruction, Warp& warp, Mask active) {
  Addresses address;
  read_addresses(instruction, warp, 0, instruction.immediate, address);
  if (all_global(address, active)) {
    store_global_at<Element, Vector>(instruction, warp, active, address);
    return;
  }
  const GenericLanes lanes = classify(address.lane, active);
  if (lanes.parameter != 0) {
    const int lane = std::countr_zero(lanes.parameter);
    throw KernelFault{.kind = FaultKind::invalid_address_space,
                      .lane = lane,
                      .address = address.lane[lane],
                      .detail = "store to the parameters of an entry, which are constant"};
  }
  if (lanes.shared != 0) {
    Offsets offset;
    subtract_window(address, shared_window, offset);
    store_shared_at<Element, Vector>(instruction, warp, lanes.shared, offset, How);
  }
  if (lanes.local != 0)
    store_local(instruction, warp, lanes.local, minus_window(address, local_window).lane, Element, Vector);
  if (lanes.global != 0) store_global_at<Element, Vector>(instruction, warp, lanes.global, address);
}

}  // namespace attest::emulator::ATTEST_ISA
