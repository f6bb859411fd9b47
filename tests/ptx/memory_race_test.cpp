#include <boost/test/unit_test.hpp>

#include "tests/ptx/hand_made_warp.hpp"

// What the sanitizer finds, and what it must not find. Each fault stands beside the same accesses with the barrier, the
// wait or the store that makes them right.

using namespace attest::emulator;
using namespace attest::emulator::hand_made;

namespace {

constexpr Machine::Options two_warps{.warps = 2, .sanitize = true};

/// Register 1 of both warps: lane * 4; register 2: (31 - lane) * 4; register 0: values.
void prepare(Machine& machine) {
  for (std::size_t warp = 0; warp < machine.block.warps; ++warp) {
    machine.set(
        word(1), [](int lane) { return 4 * lane; }, warp);
    machine.set(
        word(2), [](int lane) { return 4 * (31 - lane); }, warp);
    machine.set(
        word(0), [](int lane) { return lane; }, warp);
  }
}
void store(Machine& machine, std::size_t warp, std::string_view form = "st.shared.u32", Mask active = all_lanes) {
  machine.run(form, {word(1), word(0)}, active, 0, warp);
}
void load(Machine& machine, std::size_t warp, std::string_view form = "ld.shared.u32", Mask active = all_lanes) {
  machine.run(form, {word(3), word(2)}, active, 0, warp);
}
void fill_shared(Machine& machine) {
  for (int start = 0; start < 16384; start += 128)
    machine.run("st.shared.u32", {word(1), word(0)}, all_lanes, start);
  machine.barrier();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_race)

BOOST_AUTO_TEST_CASE(a_read_after_a_write_needs_a_barrier) {
  Machine machine(two_warps);
  prepare(machine);
  store(machine, 0);
  machine.barrier();
  load(machine, 1);
  BOOST_TEST(machine.state.findings.empty());
  store(machine, 1);
  load(machine, 0);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
  const RawFinding& finding = machine.state.findings.at(0);
  BOOST_TEST(finding.pc == 3u);
  BOOST_TEST(finding.other_pc.value() == 2u);
  BOOST_TEST(finding.thread == 0u);
  BOOST_TEST(finding.address == shared_window + 124);
}

BOOST_AUTO_TEST_CASE(the_order_in_which_warps_run_hides_no_race) {
  // The reader runs first, as if it had been lucky.
  Machine machine(two_warps);
  prepare(machine);
  fill_shared(machine);
  load(machine, 0);
  store(machine, 1);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
  Machine ordered(two_warps);
  prepare(ordered);
  fill_shared(ordered);
  load(ordered, 0);
  ordered.barrier();
  store(ordered, 1);
  BOOST_TEST(ordered.state.findings.empty());
}

BOOST_AUTO_TEST_CASE(two_writes_need_a_barrier) {
  Machine machine(two_warps);
  prepare(machine);
  store(machine, 0);
  store(machine, 1);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
}

BOOST_AUTO_TEST_CASE(a_named_barrier_orders_its_own_warps_alone) {
  Machine machine({.warps = 3, .sanitize = true});
  prepare(machine);
  store(machine, 0);
  Warp* const pair_of_warps[] = {&machine.warp(0), &machine.warp(1)};
  order_at_barrier(pair_of_warps, pair_of_warps);
  load(machine, 1);
  BOOST_TEST(machine.state.findings.empty());
  load(machine, 2);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
}

BOOST_AUTO_TEST_CASE(order_goes_on_from_barrier_to_barrier) {
  Machine machine({.warps = 3, .sanitize = true});
  prepare(machine);
  store(machine, 0);
  Warp* const first[] = {&machine.warp(0), &machine.warp(1)};
  Warp* const second[] = {&machine.warp(1), &machine.warp(2)};
  order_at_barrier(first, first);
  order_at_barrier(second, second);
  load(machine, 2);
  BOOST_TEST(machine.state.findings.empty());
}

BOOST_AUTO_TEST_CASE(who_only_arrives_learns_nothing) {
  Machine machine(two_warps);
  prepare(machine);
  store(machine, 0);
  machine.run("st.shared.u32", {word(1), word(0)}, all_lanes, 1024, 1);
  Warp* const both[] = {&machine.warp(0), &machine.warp(1)};
  Warp* const waiter[] = {&machine.warp(1)};
  order_at_barrier(both, waiter);
  load(machine, 1);
  BOOST_TEST(machine.state.findings.empty());
  machine.run("ld.shared.u32", {word(3), word(2)}, all_lanes, 1024, 0);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
}

BOOST_AUTO_TEST_CASE(neighbouring_bytes_of_one_word_are_apart) {
  Machine machine(two_warps);
  for (std::size_t warp = 0; warp < 2; ++warp) {
    machine.set(
        word(1), [&](int lane) { return 4 * lane + 2 * static_cast<int>(warp); }, warp);
    machine.run("st.shared.u16", {word(1), word(0)}, all_lanes, 0, warp);
    machine.run("ld.shared.u16", {word(3), word(1)}, all_lanes, 0, warp);
  }
  BOOST_TEST(machine.state.findings.empty());
  machine.set(word(2), [&](int lane) { return 4 * lane; });
  machine.run("ld.shared.u32", {word(3), word(2)});
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
  machine.barrier();
  machine.run("st.shared.u32", {word(2), word(0)});
  machine.run("ld.shared.u16", {word(3), word(1)}, all_lanes, 0, 1);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 2u);
}

BOOST_AUTO_TEST_CASE(lanes_of_one_warp_are_ordered_by_convergence_or_syncwarp) {
  Machine machine({.sanitize = true});
  prepare(machine);
  // All lanes wrote together: they are in step.
  store(machine, 0);
  load(machine, 0);
  BOOST_TEST(machine.state.findings.empty());
  // One lane writes, another reads.
  store(machine, 0, "st.shared.u32", 1u);
  machine.run("ld.shared.u32", {word(3), word(1)}, 1u);
  BOOST_TEST(machine.state.findings.empty());
  order_within_warp(machine.warp());
  load(machine, 0);
  BOOST_TEST(machine.state.findings.empty());
  store(machine, 0, "st.shared.u32", 1u);
  load(machine, 0);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
}

BOOST_AUTO_TEST_CASE(atomics_do_not_race_with_each_other) {
  Machine machine(two_warps);
  prepare(machine);
  fill_shared(machine);
  for (std::size_t warp = 0; warp < 2; ++warp)
    machine.run("red.shared.add.u32", {word(1), word(0)}, all_lanes, 0, warp);
  machine.run("ld.volatile.shared.u32", {word(3), word(2)}, all_lanes, 0, 0);
  BOOST_TEST(machine.state.findings.empty());
  load(machine, 0);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
}

BOOST_AUTO_TEST_CASE(lanes_that_write_different_values_to_one_place) {
  Machine machine({.sanitize = true});
  machine.set(word(1), [](int) { return 64; });
  machine.set(word(0), [](int) { return 5; });
  machine.run("st.shared.u32", {word(1), word(0)});
  BOOST_TEST(machine.state.findings.empty());
  machine.set(word(0), [](int lane) { return lane == 20 ? 6 : 5; });
  machine.run("st.shared.u32", {word(1), word(0)});
  BOOST_TEST(machine.findings_of(FaultKind::shared_write_conflict) == 1u);
  BOOST_TEST(machine.state.findings.at(0).thread == 20u);
}

BOOST_AUTO_TEST_CASE(what_was_never_written_is_not_read) {
  Machine machine({.sanitize = true});
  prepare(machine);
  store(machine, 0, "st.shared.u32", 0x7fffffffu);
  machine.run("ld.shared.u32", {word(3), word(1)}, 0x7fffffffu);
  BOOST_TEST(machine.state.findings.empty());
  machine.run("ld.shared.u32", {word(3), word(1)});
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 1u);
  BOOST_TEST(machine.state.findings.at(0).address == shared_window + 124);

  const std::uint64_t base = machine.memory.allocate(256);
  machine.set(pair(4), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 4; });
  machine.run("st.global.u32", {pair(4), word(0)}, 0xffff7fffu);
  machine.run("ld.global.u32", {word(3), pair(4)}, 0xffff7fffu);
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 1u);
  machine.run("ld.global.u32", {word(3), pair(4)});
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 2u);
  BOOST_TEST(machine.state.findings.back().address == base + 60);
  BOOST_TEST(machine.state.findings.back().thread == 15u);

  machine.set(pair(6), [](int) { return 8; });
  machine.run("ld.local.u32", {word(3), pair(6)});
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 3u);
  machine.run("st.local.u32", {pair(6), word(0)}, all_lanes, 4);
  machine.run("ld.local.u32", {word(3), pair(6)}, all_lanes, 4);
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 3u);
}

BOOST_AUTO_TEST_CASE(what_an_unchecked_launch_wrote_counts_as_written) {
  Machine machine({});
  const std::uint64_t base = machine.memory.allocate(256);
  machine.set(pair(4), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 4; });
  machine.run("st.global.u32", {pair(4), word(0)});
  end_launch(machine.state);
  machine.state.sanitize = true;
  begin_launch(machine.state);
  machine.run("ld.global.u32", {word(3), pair(4)});
  BOOST_TEST(machine.state.findings.empty());
  machine.run("ld.global.u32", {word(3), pair(4)}, all_lanes, 64);
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 1u);
}

BOOST_AUTO_TEST_CASE(a_copy_that_has_not_landed_is_not_read) {
  Machine machine(two_warps);
  prepare(machine);
  const std::uint64_t base = machine.counting_words(64);
  machine.set(pair(4), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 4; });
  machine.set(word(6), [](int) { return 4; });
  const auto copy = [&] {
    machine.run("cp.async.ca.shared.global", {word(1), pair(4), word(6), absent});
    machine.run("cp.async.commit_group", {});
  };
  copy();
  machine.run("cp.async.wait_group", {}, all_lanes, 0);
  machine.run("ld.shared.u32", {word(3), word(1)});
  machine.barrier();
  load(machine, 1);
  BOOST_TEST(machine.state.findings.empty());
  machine.barrier();
  copy();
  machine.run("cp.async.wait_group", {}, all_lanes, 1);
  machine.run("ld.shared.u32", {word(3), word(1)});
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
  machine.run("cp.async.wait_group", {}, all_lanes, 0);
  // Waited for, but no barrier: another warp may not read.
  load(machine, 1);
  BOOST_TEST(machine.findings_of(FaultKind::race) == 2u);
}

BOOST_AUTO_TEST_CASE(a_copy_over_what_others_still_read) {
  Machine machine(two_warps);
  prepare(machine);
  fill_shared(machine);
  const std::uint64_t base = machine.counting_words(64);
  machine.set(pair(4), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 4; });
  machine.set(word(6), [](int) { return 4; });
  load(machine, 1);
  machine.run("cp.async.ca.shared.global", {word(1), pair(4), word(6), absent});
  BOOST_TEST(machine.findings_of(FaultKind::race) == 1u);
}

BOOST_AUTO_TEST_CASE(the_next_block_starts_afresh) {
  Machine machine(two_warps);
  prepare(machine);
  store(machine, 0);
  machine.run("st.shared.u16", {word(1), word(0)}, all_lanes, 512);
  end_block(machine.block, machine.state);
  begin_block(machine.block, machine.state);
  store(machine, 1);
  machine.run("st.shared.u16", {word(1), word(0)}, all_lanes, 512, 1);
  BOOST_TEST(machine.state.findings.empty());
  load(machine, 1, "ld.shared.u32");
  machine.run("ld.shared.u32", {word(3), word(2)}, all_lanes, 1024, 1);
  BOOST_TEST(machine.findings_of(FaultKind::uninitialised_read) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
