#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/ptx/hand_made_warp.hpp"

// What kills a kernel: addresses past either end, misaligned, freed, of no space; each names the lane, the address and
// the allocation next to it.

using namespace attest::emulator;
using namespace attest::emulator::hand_made;

namespace {

/// One lane, 9, goes to `address`, the others to `good`.
void aim(Machine& machine, std::uint64_t good, std::uint64_t address) {
  machine.set(pair(2), [&](int lane) { return lane == 9 ? address : good; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_fault)

BOOST_AUTO_TEST_CASE(an_address_past_the_end_names_the_allocation) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(256);
  aim(machine, base, base + 1028);
  const KernelFault fault = machine.fault_of("ld.global.f32", {word(0), pair(2)});
  BOOST_CHECK(fault.kind == FaultKind::out_of_bounds);
  BOOST_TEST(fault.lane == 9);
  BOOST_TEST(fault.address == base + 1028);
  BOOST_TEST(fault.detail == fmt::format("4 bytes at {:#x}: 4 bytes past the end of the 1024-byte allocation at {:#x}",
                                         base + 1028, base));
}

BOOST_AUTO_TEST_CASE(a_contiguous_request_faults_at_its_first_lane_outside) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(256);
  machine.set(pair(2), [&](int lane) { return base + 1024 - 80 + static_cast<std::uint64_t>(lane) * 4; });
  const KernelFault fault = machine.fault_of("st.global.u32", {pair(2), word(0)});
  BOOST_CHECK(fault.kind == FaultKind::out_of_bounds);
  BOOST_TEST(fault.lane == 20);
  BOOST_TEST(fault.address == base + 1024);
}

BOOST_AUTO_TEST_CASE(an_access_may_end_outside) {
  Machine machine({});
  const std::uint64_t base = machine.memory.allocate(1000);
  aim(machine, base, base + 992);
  const KernelFault fault = machine.fault_of("st.global.v4.u32", {pair(2), word(0), word(0), word(0), word(0)});
  BOOST_CHECK(fault.kind == FaultKind::out_of_bounds);
  BOOST_TEST(fault.detail ==
             fmt::format("16 bytes at {:#x}: ends 8 bytes past the end of the 1000-byte allocation at {:#x}",
                         base + 992, base));
}

BOOST_AUTO_TEST_CASE(before_the_start_null_and_nowhere) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(256);
  aim(machine, base, base - 8);
  BOOST_TEST(
      machine.fault_of("ld.global.u32", {word(0), pair(2)}).detail ==
      fmt::format("4 bytes at {:#x}: 8 bytes before the start of the 1024-byte allocation at {:#x}", base - 8, base));
  aim(machine, base, 16);
  BOOST_TEST(machine.fault_of("ld.u32", {word(0), pair(2)}).detail == "4 bytes at 0x10: a null pointer");
  aim(machine, base, ~std::uint64_t{0} - 3);
  BOOST_CHECK(machine.fault_of("ld.u32", {word(0), pair(2)}).kind == FaultKind::out_of_bounds);
}

BOOST_AUTO_TEST_CASE(misaligned_addresses) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(256);
  aim(machine, base, base + 8);
  const KernelFault fault = machine.fault_of("ld.global.v4.f32", {word(4), word(5), word(6), word(7), pair(2)});
  BOOST_CHECK(fault.kind == FaultKind::misaligned);
  BOOST_TEST(fault.lane == 9);
  BOOST_TEST(fault.detail == fmt::format("16 bytes of global memory at {:#x}, which is no multiple of 16", base + 8));
  machine.set(pair(2), [&](int lane) { return base + 2 + static_cast<std::uint64_t>(lane) * 4; });
  BOOST_CHECK(machine.fault_of("st.global.u32", {pair(2), word(0)}).kind == FaultKind::misaligned);
  machine.set(word(1), [](int lane) { return lane == 9 ? 6 : 0; });
  BOOST_CHECK(machine.fault_of("ld.shared.u32", {word(0), word(1)}).kind == FaultKind::misaligned);
  BOOST_CHECK(machine.fault_of("atom.shared.add.u32", {word(0), word(1), word(2)}).kind == FaultKind::misaligned);
}

BOOST_AUTO_TEST_CASE(freed_memory_is_told_from_memory_that_never_was) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(256);
  const std::uint64_t other = machine.counting_words(256);
  BOOST_TEST(machine.memory.free(base));
  aim(machine, other, base + 12);
  const KernelFault fault = machine.fault_of("ld.global.u32", {word(0), pair(2)});
  BOOST_CHECK(fault.kind == FaultKind::use_after_free);
  BOOST_TEST(fault.detail ==
             fmt::format("4 bytes at {:#x}: 12 bytes into the freed 1024-byte allocation at {:#x}", base + 12, base));
  BOOST_TEST(!machine.memory.free(base));
  BOOST_TEST(machine.memory.allocate(1024) != base);
}

BOOST_AUTO_TEST_CASE(shared_local_and_parameter_memory_have_ends) {
  Machine machine({.shared_bytes = 1024, .local_bytes = 64});
  machine.set(word(1), [](int lane) { return lane == 9 ? 1024 : 0; });
  KernelFault fault = machine.fault_of("st.shared.u32", {word(1), word(0)});
  BOOST_CHECK(fault.kind == FaultKind::out_of_bounds);
  BOOST_TEST(fault.lane == 9);
  BOOST_TEST(fault.detail == "4 bytes of shared memory at 0x400: 0 bytes past the end of its 1024 bytes");
  machine.set(word(1), [](int lane) { return lane == 9 ? -16 : 0; });
  BOOST_TEST(machine.fault_of("ld.shared.u32", {word(0), word(1)}).detail ==
             "4 bytes of shared memory at 0xfffffff0: 16 bytes before the start of its 1024 bytes");
  // A shared access with an address that is global, or generic.
  machine.set(pair(2), [](int) { return shared_window; });
  BOOST_CHECK(machine.fault_of("ld.shared.u32", {word(0), pair(2)}).kind == FaultKind::out_of_bounds);
  machine.set(pair(2), [](int lane) { return lane == 9 ? 64 : 0; });
  BOOST_CHECK(machine.fault_of("st.local.u32", {pair(2), word(0)}).kind == FaultKind::out_of_bounds);
  BOOST_CHECK(machine.fault_of("ld.param.u32", {word(0), pair(2)}).kind == FaultKind::out_of_bounds);
  machine.set(pair(2), [](int) { return param_window; });
  BOOST_CHECK(machine.fault_of("st.u32", {pair(2), word(0)}).kind == FaultKind::invalid_address_space);
  // ldmatrix at generic addresses, which must be those of shared memory, and within it.
  const std::string_view load_matrix = "ldmatrix.sync.aligned.m8n8.x1.b16";
  machine.set(pair(2), [&](int lane) { return lane == 5 ? param_window : shared_window + 1008; });
  fault = machine.fault_of(load_matrix, {word(0), pair(2)});
  BOOST_CHECK(fault.kind == FaultKind::invalid_address_space);
  BOOST_TEST(fault.lane == 5);
  BOOST_TEST(fault.detail == "ldmatrix reads shared memory, and this generic address lies elsewhere");
  machine.set(pair(2), [&](int lane) { return shared_window + (lane == 5 ? 1024 : 1008); });
  BOOST_CHECK(machine.fault_of(load_matrix, {word(0), pair(2)}).kind == FaultKind::out_of_bounds);
  // Lanes whose rows no matrix asks for may point anywhere.
  machine.set(pair(2), [&](int lane) { return lane >= 8 ? param_window : shared_window + 1008; });
  machine.run(load_matrix, {word(0), pair(2)});
}

BOOST_AUTO_TEST_CASE(inactive_lanes_may_point_anywhere) {
  for (const Isa isa : usable_isas()) {
    Machine machine({.isa = isa});
    const std::uint64_t base = machine.counting_words(256);
    aim(machine, base + 4, 3);
    machine.run("ld.global.u32", {word(0), pair(2)}, ~(1u << 9));
    machine.run("ld.u32", {word(0), pair(2)}, ~(1u << 9));
    machine.run("st.global.u32", {pair(2), word(0)}, ~(1u << 9));
    machine.set(word(1), [](int lane) { return lane == 9 ? 0x7fffffff : 4 * lane; });
    machine.run("st.shared.u32", {word(1), word(0)}, ~(1u << 9));
    machine.run("ld.shared.u32", {word(0), word(1)}, ~(1u << 9));
    BOOST_TEST(machine.get(word(0), 8) == 1u);
  }
}

BOOST_AUTO_TEST_CASE(the_host_reaches_living_allocations_alone) {
  GlobalMemory memory;
  const std::uint64_t base = memory.allocate(1000);
  BOOST_TEST(base % 256 == 0u);
  std::vector<std::byte> bytes(1001);
  BOOST_TEST(memory.write(base, bytes.data(), 1000));
  BOOST_TEST(!memory.write(base, bytes.data(), 1001));
  BOOST_TEST(!memory.read(base + 999, bytes.data(), 2));
  BOOST_TEST(memory.fill(base + 4, 0x01020304, 4, 249));
  BOOST_TEST(!memory.fill(base + 4, 0x01020304, 4, 250));
  std::uint32_t word = 0;
  BOOST_TEST(memory.read(base + 996, &word, 4));
  BOOST_TEST(word == 0x01020304u);
  BOOST_TEST(memory.range_of(base + 500).start == base);
  BOOST_TEST(memory.range_of(base + 1000).bytes == 0u);
  BOOST_TEST(memory.bytes_allocated() == 1000u);
  BOOST_TEST(!memory.free(base + 4));
  BOOST_TEST(memory.free(base));
  BOOST_TEST(!memory.read(base, &word, 4));
  BOOST_TEST(memory.bytes_allocated() == 0u);
  BOOST_CHECK_THROW(memory.allocate(memory.bytes_free() + 1), std::bad_alloc);
}

BOOST_AUTO_TEST_SUITE_END()
