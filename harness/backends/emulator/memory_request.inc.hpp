// Addresses of a request and what they have in common. Included once by each memory_handlers_<isa>.cpp, which names its
// instruction set in ATTEST_ISA: the loops are written so that they vectorise for each.

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "harness/backends/emulator/memory_handlers.hpp"

namespace attest::emulator::ATTEST_ISA {

struct alignas(64) Addresses {
  std::uint64_t lane[warp_lanes];
};
struct alignas(64) Offsets {
  std::uint32_t lane[warp_lanes];
};

/// Addresses of operand `index` plus `offset`; those of lanes that are not active are rubbish.
inline void read_addresses(const Instruction& instruction, const Warp& warp, unsigned index, std::int64_t offset,
                           Addresses& to) {
  const auto add = static_cast<std::uint64_t>(offset);
  if ((instruction.negated >> index & 1u) != 0) {
    const auto* const from = warp.source_as<std::uint32_t>(instruction.operand[index]);
    for (int lane = 0; lane < warp_lanes; ++lane)
      to.lane[lane] = from[lane] + add;
  } else {
    const auto* const from = warp.source_as<std::uint64_t>(instruction.operand[index]);
    for (int lane = 0; lane < warp_lanes; ++lane)
      to.lane[lane] = from[lane] + add;
  }
}

/// The same for shared memory. A 32-bit register and its offset add modulo 2^32, as the hardware adds them.
inline void read_offsets(const Instruction& instruction, const Warp& warp, unsigned index, std::int64_t offset,
                         Mask active, std::uint32_t bytes, Offsets& to) {
  if ((instruction.negated >> index & 1u) != 0) {
    const auto add = static_cast<std::uint32_t>(offset);
    const auto* const from = warp.source_as<std::uint32_t>(instruction.operand[index]);
    for (int lane = 0; lane < warp_lanes; ++lane)
      to.lane[lane] = from[lane] + add;
    return;
  }
  Addresses address;
  read_addresses(instruction, warp, index, offset, address);
  std::uint64_t high = 0;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    to.lane[lane] = static_cast<std::uint32_t>(address.lane[lane]);
    high |= (active >> lane & 1u) != 0 ? address.lane[lane] >> 32 : 0;
  }
  if (high != 0) [[unlikely]]
    throw_shared_address(warp, active, address.lane, bytes);
}

/// Lanes that are not active get the address of one that is, so that loops need not look.
template <class Request>
inline void fill_inactive(Request& request, Mask active) {
  if (active == all_lanes) return;
  const auto some = request.lane[std::countr_zero(active)];
  for (int lane = 0; lane < warp_lanes; ++lane)
    request.lane[lane] = (active >> lane & 1u) != 0 ? request.lane[lane] : some;
}

/// Whether lane l's address is lane 0's plus l * stride.
template <class Request, class Stride>
inline bool affine(const Request& request, Stride stride) {
  auto difference = request.lane[0] ^ request.lane[0];
  auto expected = request.lane[0];
  for (int lane = 0; lane < warp_lanes; ++lane)
    difference |= request.lane[lane] ^ (expected + static_cast<Stride>(lane) * stride);
  return difference == 0;
}

/// Lowest and highest address, as signed numbers, and all their bits together.
struct Extent {
  std::uint64_t low;
  std::uint64_t high;
  std::uint64_t bits;
};
inline Extent extent_of(const Addresses& request) {
  auto low = static_cast<std::int64_t>(request.lane[0]);
  auto high = low;
  std::uint64_t bits = 0;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    const auto address = static_cast<std::int64_t>(request.lane[lane]);
    low = address < low ? address : low;
    high = address > high ? address : high;
    bits |= request.lane[lane];
  }
  return {static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high), bits};
}

/// Highest offset and all bits together.
struct OffsetExtent {
  std::uint32_t high;
  std::uint32_t bits;
};
inline OffsetExtent extent_of(const Offsets& request) {
  std::uint32_t high = 0;
  std::uint32_t bits = 0;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    high = request.lane[lane] > high ? request.lane[lane] : high;
    bits |= request.lane[lane];
  }
  return {high, bits};
}

/// Marks the bytes of every lane's access in a footprint, given the start of its allocation.
template <unsigned Size>
inline void mark_lanes(std::uint32_t* footprint, std::uint64_t start, const Addresses& request) {
  for (int lane = 0; lane < warp_lanes; ++lane) {
    const std::uint64_t offset = request.lane[lane] - start;
    if constexpr (Size >= 8) {
      // Whole bytes of the map, in the order of a little-endian machine.
      std::memset(reinterpret_cast<std::byte*>(footprint) + offset / 8, 0xff, Size / 8);
    } else {
      footprint[offset / sector_bytes] |= ((1u << Size) - 1u) << (offset % sector_bytes);
    }
  }
}

/// Sectors of a request whose lanes' sectors do not decrease, or do not increase; of any other by the exact count.
inline std::uint32_t sectors_of(const Addresses& request, Mask active) {
  if (active != all_lanes) return count_sectors(request.lane, active);
  std::uint32_t up = 0;
  std::uint32_t down = 0;
  for (int lane = 1; lane < warp_lanes; ++lane) {
    const auto now = static_cast<std::int64_t>(request.lane[lane] / sector_bytes);
    const auto before = static_cast<std::int64_t>(request.lane[lane - 1] / sector_bytes);
    up += now > before ? 1u : 0u;
    down += now < before ? 1u : 0u;
  }
  if (up == 0 || down == 0) return 1 + up + down;
  return count_sectors(request.lane, active);
}

/// Phases that a shared request of `Size` bytes a lane has lanes in.
template <unsigned Size>
inline std::uint32_t phases_of(Mask active) {
  constexpr unsigned lanes = Size <= 4 ? 32 : 128 / Size;
  if (active == all_lanes) return warp_lanes / lanes;
  std::uint32_t phases = 0;
  for (unsigned first = 0; first < warp_lanes; first += lanes)
    phases += (active >> first & (0xffffffffu >> (32 - lanes))) != 0 ? 1u : 0u;
  return phases;
}

/// Wavefronts of a shared request whose inactive lanes were filled.
template <unsigned Size>
inline Wavefronts wavefronts_of(const Offsets& request, Mask active) {
  // A phase has as many lanes as there are banks of the access's size: each lane of a warp has a place by phase and
  // bank.
  constexpr unsigned unit = Size < 4 ? 4 : Size;
  constexpr unsigned lanes = 128 / unit;
  const std::uint32_t phases = phases_of<Size>(active);
  std::uint32_t places = 0;
  for (unsigned lane = 0; lane < warp_lanes; ++lane) {
    const std::uint32_t bit = 1u << (request.lane[lane] / unit % lanes + lane / lanes * lanes);
    places |= (active >> lane & 1u) != 0 ? bit : 0u;
  }
  if (std::popcount(places) == std::popcount(active)) return {phases, phases};
  if (Size == 4 && active == all_lanes) {
    const std::uint32_t stride = request.lane[1] - request.lane[0];
    // Words a stride apart come back to a bank after 32 / gcd(stride, 32) lanes.
    if (stride != 0 && affine(request, stride)) return {1u << std::min(std::countr_zero(stride / 4), 5), 1};
  }
  // Lanes of one bank that read one word are no conflict: the last to write its place there finds itself everywhere.
  alignas(64) std::uint32_t place[warp_lanes];
  alignas(64) std::uint32_t number[warp_lanes];
  for (unsigned lane = 0; lane < warp_lanes; ++lane) {
    number[lane] = request.lane[lane] / unit;
    const std::uint32_t of = number[lane] % lanes + lane / lanes * lanes;
    place[lane] = (active >> lane & 1u) != 0 ? of : warp_lanes + lane;
  }
  std::uint32_t table[2 * warp_lanes];
  for (unsigned lane = 0; lane < warp_lanes; ++lane)
    table[place[lane]] = number[lane];
  std::uint32_t difference = 0;
  for (unsigned lane = 0; lane < warp_lanes; ++lane)
    difference |= table[place[lane]] ^ number[lane];
  if (difference == 0) return {phases, phases};
  return count_wavefronts(request.lane, active, Size);
}

/// The type of an element in memory and in a register's lane.
template <unsigned Bytes>
struct ElementType {
  static_assert(Bytes == 1 || Bytes == 2 || Bytes == 4 || Bytes == 8);
  using Narrow = std::conditional_t<Bytes == 1, std::uint8_t, std::uint16_t>;
  using Register = std::conditional_t<Bytes == 8, std::uint64_t, std::uint32_t>;
  using Memory = std::conditional_t<Bytes >= 4, Register, Narrow>;
};

/// Lanes of `active` in the registers from operand `first` on take `value(lane, element)`.
template <unsigned Element, unsigned Vector, class Value>
inline void set_registers(const Instruction& instruction, Warp& warp, Mask active, Value value) {
  using Register = typename ElementType<Element>::Register;
  for (unsigned element = 0; element < Vector; ++element) {
    auto* const to = warp.destination<Register>(instruction.operand[element]);
    if (active == all_lanes) {
      for (int lane = 0; lane < warp_lanes; ++lane)
        to[lane] = value(lane, element);
    } else {
      for (int lane = 0; lane < warp_lanes; ++lane)
        to[lane] = (active >> lane & 1u) != 0 ? static_cast<Register>(value(lane, element)) : to[lane];
    }
  }
}

/// Data of a store, lane after lane: `Vector` elements from operand `first` on.
template <unsigned Element, unsigned Vector>
inline void read_data(const Instruction& instruction, const Warp& warp, unsigned first,
                      typename ElementType<Element>::Memory* to) {
  using Register = typename ElementType<Element>::Register;
  using Memory = typename ElementType<Element>::Memory;
  for (unsigned element = 0; element < Vector; ++element) {
    const auto* const from = warp.source_as<Register>(instruction.operand[first + element]);
    for (unsigned lane = 0; lane < warp_lanes; ++lane)
      to[lane * Vector + element] = static_cast<Memory>(from[lane]);
  }
}

}  // namespace attest::emulator::ATTEST_ISA
