#include <boost/test/unit_test.hpp>

#include "tests/ptx/hand_made_warp.hpp"

// Asynchronous copies land at their wait and not before, group by group and thread by thread; ldmatrix spreads eight
// rows over the warp.

using namespace attest::emulator;
using namespace attest::emulator::hand_made;

namespace {

std::uint32_t shared_word(const Machine& machine, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, machine.block.shared + offset, 4);
  return value;
}

/// Destination (1), source (2), and the constants 4, 8 and 16 (4 to 6).
void prepare(Machine& machine, std::uint64_t base, int bytes) {
  machine.set(word(1), [&](int lane) { return bytes * lane; });
  machine.set(pair(2), [&](int lane) { return base + static_cast<std::uint64_t>(bytes * lane); });
  machine.set(word(4), [](int) { return 4; });
  machine.set(word(5), [](int) { return 8; });
  machine.set(word(6), [](int) { return 16; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_copy)

BOOST_AUTO_TEST_CASE(a_copy_reads_at_issue_and_lands_at_its_wait) {
  for (const Isa isa : usable_isas()) {
    Machine machine({.isa = isa});
    const std::uint64_t base = machine.counting_words(1024);
    prepare(machine, base, 16);
    machine.run("cp.async.cg.shared.global", {word(1), pair(2), word(6), absent}, all_lanes, 512, 0, 16);
    const std::uint32_t other = 9;
    BOOST_REQUIRE(machine.memory.fill(base, other, 4, 1024));
    machine.run("cp.async.commit_group", {});
    BOOST_TEST(shared_word(machine, 512) == 0xffffffffu);
    machine.run("cp.async.wait_group", {}, all_lanes, 1);
    BOOST_TEST(shared_word(machine, 512) == 0xffffffffu);
    machine.run("cp.async.wait_group", {}, all_lanes, 0);
    for (std::size_t index = 0; index < 128; ++index)
      BOOST_TEST(shared_word(machine, 512 + 4 * index) == index + 4);
    const Counters& counters = machine.state.counters;
    BOOST_TEST(counters.global_load_requests == 1u);
    BOOST_TEST(counters.global_load_bytes == 512u);
    BOOST_TEST(counters.async_copy_bytes == 512u);
    BOOST_TEST(counters.global_load_sectors == 17u);
    BOOST_TEST(counters.shared_store_requests == 1u);
    BOOST_TEST(counters.shared_wavefronts == 4u);
    BOOST_TEST(counters.shared_wavefronts_ideal == 4u);
  }
}

BOOST_AUTO_TEST_CASE(a_wait_leaves_the_newest_groups) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(1024);
  prepare(machine, base, 4);
  for (int group = 0; group < 3; ++group) {
    machine.run("cp.async.ca.shared.global", {word(1), pair(2), word(4), absent}, all_lanes, 128 * group);
    machine.run("cp.async.commit_group", {});
  }
  machine.run("cp.async.ca.shared.global", {word(1), pair(2), word(4), absent}, all_lanes, 384);
  const auto landed = [&] {
    std::vector<bool> result;
    for (std::size_t group = 0; group < 4; ++group)
      result.push_back(shared_word(machine, 128 * group + 4) == 1);
    return result;
  };
  machine.run("cp.async.wait_group", {}, all_lanes, 2);
  BOOST_CHECK(landed() == std::vector<bool>({true, false, false, false}));
  machine.run("cp.async.wait_group", {}, all_lanes, 1);
  BOOST_CHECK(landed() == std::vector<bool>({true, true, false, false}));
  machine.run("cp.async.wait_group", {}, all_lanes, 0);
  BOOST_CHECK(landed() == std::vector<bool>({true, true, true, false}));
  machine.run("cp.async.wait_all", {});
  BOOST_CHECK(landed() == std::vector<bool>({true, true, true, true}));
}

BOOST_AUTO_TEST_CASE(groups_are_each_threads_own) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(1024);
  prepare(machine, base, 4);
  const Mask low = 0x0000ffffu;
  // Lanes 0 to 15 commit once more, so one more group may stay open for them.
  machine.run("cp.async.commit_group", {}, low);
  machine.run("cp.async.ca.shared.global", {word(1), pair(2), word(4), absent});
  machine.run("cp.async.commit_group", {}, low);
  machine.run("cp.async.wait_group", {}, all_lanes, 0);
  BOOST_TEST(shared_word(machine, 4) == 1u);
  BOOST_TEST(shared_word(machine, 4 * 20) == 0xffffffffu);
  machine.run("cp.async.commit_group", {});
  machine.run("cp.async.wait_group", {}, ~low, 0);
  BOOST_TEST(shared_word(machine, 4 * 20) == 20u);
}

BOOST_AUTO_TEST_CASE(a_short_source_is_filled_with_zeros) {
  for (const Isa isa : usable_isas()) {
    Machine machine({.isa = isa});
    const std::uint64_t base = machine.counting_words(4 * 30);
    prepare(machine, base, 16);
    // The last lanes have nothing, and point past the end; lane 29 has six bytes.
    machine.set(word(7), [](int lane) { return lane < 29 ? 16 : lane == 29 ? 6 : 0; });
    machine.run("cp.async.cg.shared.global.L2::128B", {word(1), pair(2), word(6), word(7)});
    machine.run("cp.async.wait_all", {});
    BOOST_TEST(shared_word(machine, 16 * 28 + 12) == 28u * 4 + 3);
    BOOST_TEST(shared_word(machine, 16 * 29) == 29u * 4);
    BOOST_TEST(shared_word(machine, 16 * 29 + 4) == ((29u * 4 + 1) & 0xffffu));
    BOOST_TEST(shared_word(machine, 16 * 29 + 8) == 0u);
    BOOST_TEST(shared_word(machine, 16 * 31) == 0u);
    const Counters& counters = machine.state.counters;
    BOOST_TEST(counters.async_copy_bytes == 29u * 16 + 6);
    BOOST_TEST(counters.global_load_sectors == 15u);
    const Counters total = machine.footprint();
    BOOST_TEST(total.global_unique_read_bytes == 29u * 16 + 6);
  }
}

BOOST_AUTO_TEST_CASE(copies_of_other_sizes) {
  for (const int bytes : {4, 8, 16}) {
    Machine machine({});
    const std::uint64_t base = machine.counting_words(1024);
    prepare(machine, base, bytes);
    machine.run("cp.async.ca.shared.global",
                {word(1), pair(2),
                 word(bytes == 4   ? 4
                      : bytes == 8 ? 5
                                   : 6),
                 absent},
                0x0000fff0u);
    machine.run("cp.async.wait_all", {}, 0x0000fff0u);
    for (std::size_t index = 0; index < static_cast<std::size_t>(bytes) * 8; ++index)
      BOOST_TEST(shared_word(machine, 4 * index) ==
                 (index >= static_cast<std::size_t>(bytes) && index < static_cast<std::size_t>(bytes) * 4
                      ? index
                      : 0xffffffffu));
  }
  Machine machine({});
  const std::uint64_t base = machine.counting_words(1024);
  prepare(machine, base, 16);
  BOOST_CHECK(machine.fault_of("cp.async.cg.shared.global", {word(1), pair(2), word(4), absent}).kind ==
              FaultKind::trap);
  prepare(machine, base + 4, 16);
  BOOST_CHECK(machine.fault_of("cp.async.cg.shared.global", {word(1), pair(2), word(6), absent}).kind ==
              FaultKind::misaligned);
}

BOOST_AUTO_TEST_CASE(what_nobody_waits_for_ends_with_the_block) {
  Machine machine({});
  prepare(machine, machine.counting_words(1024), 16);
  machine.run("cp.async.cg.shared.global", {word(1), pair(2), word(6), absent});
  end_block(machine.block, machine.state);
  begin_block(machine.block, machine.state);
  reset_warp_memory(*machine.warp().memory);
  machine.run("cp.async.wait_all", {});
  BOOST_TEST(shared_word(machine, 0) == 0xffffffffu);
}

BOOST_AUTO_TEST_CASE(ldmatrix_gives_each_lane_two_elements_of_a_row) {
  for (const Isa isa : usable_isas())
    for (const int matrices : {1, 2, 4})
      for (const bool transposed : {false, true}) {
        Machine machine({.isa = isa});
        // Element (row, column) of matrix m is m * 64 + row * 8 + column, rows 80 bytes apart.
        for (int row = 0; row < 32; ++row)
          for (int column = 0; column < 8; ++column) {
            const auto value = static_cast<std::uint16_t>(row * 8 + column);
            std::memcpy(machine.block.shared + row * 80 + column * 2, &value, 2);
          }
        machine.set(word(8), [](int lane) { return lane * 80; });
        std::vector<Register> operands;
        for (int matrix = 0; matrix < matrices; ++matrix)
          operands.push_back(word(matrix));
        operands.push_back(word(8));
        const std::string form =
            "ldmatrix.sync.aligned.m8n8.x" + std::to_string(matrices) + (transposed ? ".trans" : "") + ".shared.b16";
        machine.run(form, operands);
        for (int matrix = 0; matrix < matrices; ++matrix)
          for (int lane = 0; lane < warp_lanes; ++lane) {
            const auto element = [&](int index) {
              const int row = transposed ? lane % 4 * 2 + index : lane / 4;
              const int column = transposed ? lane / 4 : lane % 4 * 2 + index;
              return static_cast<std::uint64_t>(matrix * 64 + row * 8 + column);
            };
            BOOST_TEST(machine.get(word(matrix), lane) == (element(0) | element(1) << 16));
          }
        const Counters& counters = machine.state.counters;
        BOOST_TEST(counters.shared_load_requests == 1u);
        BOOST_TEST(counters.shared_wavefronts == static_cast<std::uint64_t>(matrices));
        BOOST_TEST(counters.shared_wavefronts_ideal == static_cast<std::uint64_t>(matrices));
        // Back to memory it goes the same way.
        const std::vector<std::byte> before(machine.block.shared, machine.block.shared + 80 * 8 * matrices);
        operands.pop_back();
        operands.insert(operands.begin(), word(8));
        machine.run("stmatrix" + form.substr(8), operands);
        BOOST_TEST(std::memcmp(before.data(), machine.block.shared, before.size()) == 0);
      }
}

BOOST_AUTO_TEST_CASE(rows_of_128_bytes_without_a_swizzle_take_eight_wavefronts) {
  for (const Isa isa : usable_isas()) {
    Machine machine({.isa = isa});
    machine.set(word(8), [](int lane) { return lane * 128; });
    machine.run("ldmatrix.sync.aligned.m8n8.x4.shared.b16", {word(0), word(1), word(2), word(3), word(8)});
    BOOST_TEST(machine.state.counters.shared_wavefronts == 32u);
    BOOST_TEST(machine.state.counters.shared_wavefronts_ideal == 4u);
    machine.state.counters = {};
    machine.set(word(8), [](int lane) { return lane * 128 + (lane % 8) * 16; });
    machine.run("ldmatrix.sync.aligned.m8n8.x4.shared.b16", {word(0), word(1), word(2), word(3), word(8)});
    BOOST_TEST(machine.state.counters.shared_wavefronts == 4u);
    machine.set(word(8), [](int lane) { return lane * 8; });
    BOOST_CHECK(
        machine.fault_of("ldmatrix.sync.aligned.m8n8.x4.shared.b16", {word(0), word(1), word(2), word(3), word(8)})
            .kind == FaultKind::misaligned);
    BOOST_CHECK(machine.fault_of("ldmatrix.sync.aligned.m8n8.x1.shared.b16", {word(0), word(8)}, 0x7fffffffu).kind ==
                FaultKind::inactive_lane_read);
  }
}

BOOST_AUTO_TEST_SUITE_END()
