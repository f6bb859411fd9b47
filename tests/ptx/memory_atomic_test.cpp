#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ptx/hand_made_warp.hpp"

// Atomics on one place by all lanes, in global, shared and generic memory: the lanes act in order, each gets what it
// found. Values provoke signs, wrap-around, subnormal numbers and rounding of halves.

using namespace attest::emulator;
using namespace attest::emulator::hand_made;

namespace {

/// What all lanes' `form` with value(lane) leaves of `start` in global memory, and lane `lane`'s result.
struct Outcome {
  std::uint64_t memory = 0;
  std::uint64_t result = 0;
};
template <class Value>
Outcome outcome_of(const std::string& form, unsigned bytes, std::uint64_t start, Value value, Mask active = all_lanes,
                   std::uint64_t third = 0, int lane = 31) {
  Machine machine({});
  const std::uint64_t base = machine.memory.allocate(256);
  BOOST_REQUIRE(machine.memory.write(base, &start, bytes));
  const auto wide = [&](int slot) { return bytes == 8 ? pair(slot) : word(slot); };
  machine.set(pair(2), [&](int) { return base; });
  machine.set(wide(4), value);
  machine.set(wide(6), [&](int) { return third; });
  if (form.starts_with("red"))
    machine.run(form, {pair(2), wide(4)}, active);
  else if (form.find(".cas") != std::string::npos)
    machine.run(form, {wide(0), pair(2), wide(4), wide(6)}, active);
  else
    machine.run(form, {wide(0), pair(2), wide(4)}, active);
  Outcome outcome;
  BOOST_REQUIRE(machine.memory.read(base, &outcome.memory, bytes));
  outcome.result = machine.get(wide(0), lane);
  BOOST_TEST(machine.state.counters.global_atomic_requests == 1u);
  BOOST_TEST(machine.state.counters.global_bytes_moved == 32u);
  BOOST_TEST(machine.state.counters.global_load_requests == 0u);
  return outcome;
}
std::uint64_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}
std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_atomic)

BOOST_AUTO_TEST_CASE(lanes_add_in_order) {
  Outcome outcome = outcome_of("atom.global.add.u32", 4, 10, [](int lane) { return lane; });
  BOOST_TEST(outcome.memory == 10u + 31 * 32 / 2);
  BOOST_TEST(outcome.result == 10u + 30 * 31 / 2);
  outcome = outcome_of(
      "red.global.add.u64", 8, 0xffffffffu, [](int) { return 1; }, 0x0000000fu);
  BOOST_TEST(outcome.memory == 0x100000003u);
  outcome = outcome_of("atom.add.s32", 4, 0, [](int) { return -1; });
  BOOST_TEST(outcome.memory == 0xffffffe0u);
}

BOOST_AUTO_TEST_CASE(minimum_and_maximum_know_signs) {
  const auto value = [](int lane) { return lane - 16; };
  BOOST_TEST(outcome_of("atom.global.min.s32", 4, 0, value).memory == 0xfffffff0u);
  BOOST_TEST(outcome_of("atom.global.min.u32", 4, 7, value).memory == 0u);
  BOOST_TEST(outcome_of("atom.global.max.s32", 4, 3, value).memory == 15u);
  BOOST_TEST(outcome_of("red.global.max.u32", 4, 3, value).memory == 0xffffffffu);
  BOOST_TEST(outcome_of("atom.global.min.s64", 8, 0, value).memory == ~std::uint64_t{15});
  BOOST_TEST(outcome_of("atom.global.max.u64", 8, 0, value).memory == ~std::uint64_t{0});
}

BOOST_AUTO_TEST_CASE(bits_exchange_and_counters_that_wrap) {
  const auto bit = [](int lane) { return 1u << lane; };
  BOOST_TEST(outcome_of("atom.global.or.b32", 4, 0, bit).memory == 0xffffffffu);
  BOOST_TEST(outcome_of("atom.global.xor.b32", 4, 0xff, bit).memory == 0xffffff00u);
  BOOST_TEST(outcome_of("red.global.and.b64", 8, 0xffff, [](int) { return 0xf0; }).memory == 0xf0u);
  const Outcome exchanged = outcome_of("atom.global.exch.b32", 4, 5, [](int lane) { return lane; });
  BOOST_TEST(exchanged.memory == 31u);
  BOOST_TEST(exchanged.result == 30u);
  BOOST_TEST(outcome_of("atom.global.inc.u32", 4, 0, [](int) { return 9; }).memory == 2u);
  BOOST_TEST(outcome_of("atom.global.dec.u32", 4, 0, [](int) { return 9; }).memory == 8u);
  // Only the lane that finds what it expects writes; the others see its value.
  const Outcome swapped = outcome_of(
      "atom.global.cas.b32", 4, 5, [](int) { return 5; }, all_lanes, 77);
  BOOST_TEST(swapped.memory == 77u);
  BOOST_TEST(swapped.result == 77u);
  BOOST_TEST(outcome_of(
                 "atom.global.cas.b64", 8, 5, [](int) { return 6; }, all_lanes, 77)
                 .memory == 5u);
  BOOST_TEST(outcome_of(
                 "atom.global.cas.b16", 2, 5, [](int) { return 5; }, all_lanes, 0xfffe)
                 .memory == 0xfffeu);
}

BOOST_AUTO_TEST_CASE(floating_additions) {
  BOOST_TEST(outcome_of("atom.global.add.f32", 4, bits(1.0f), [](int) { return bits(0.5f); }).memory == bits(17.0f));
  BOOST_TEST(outcome_of("red.global.add.f64", 8, bits(1.0), [](int) { return bits(1e-17); }).memory == bits(1.0));
  // Subnormal numbers are flushed in global memory, not in shared memory.
  BOOST_TEST(outcome_of("atom.global.add.f32", 4, 1, [](int) { return 1; }).memory == 0u);
  Machine machine({});
  machine.set(word(1), [](int) { return 64; });
  machine.set(word(0), [](int) { return 0; });
  machine.run("st.shared.u32", {word(1), word(0)});
  machine.set(word(2), [](int) { return 1; });
  machine.run("atom.shared.add.f32", {word(0), word(1), word(2)});
  machine.run("ld.shared.u32", {word(3), word(1)});
  BOOST_TEST(machine.get(word(3), 0) == 32u);
  BOOST_TEST(machine.get(word(0), 31) == 31u);
  BOOST_TEST(machine.state.counters.global_atomic_requests == 0u);
  BOOST_TEST(machine.state.counters.shared_store_requests == 2u);
}

BOOST_AUTO_TEST_CASE(halves_round_to_even) {
  struct Addition {
    const char* form;
    unsigned bytes;
    std::uint64_t start;
    std::uint32_t added;
    Mask active;
    std::uint64_t sum;
  };
  // 1 + 2^-11 is a tie and stays 1; 1 + 2^-10 + 2^-11 goes up to even.
  for (const Addition& each : {
           Addition{"atom.global.add.noftz.f16", 2, 0x3c00, 0x1000, 1, 0x3c00},
           {"atom.global.add.noftz.f16", 2, 0x3c01, 0x1000, 1, 0x3c02},
           {"atom.global.add.noftz.f16", 2, 0x7bff, 0x7bff, 1, 0x7c00},
           {"atom.global.add.noftz.f16", 2, 0x0001, 0x0003, 1, 0x0004},
           {"atom.global.add.noftz.f16", 2, 0x3c00, 0xbc00, 1, 0x0000},
           {"atom.global.add.noftz.bf16", 2, 0x3f80, 0x3f80, 1, 0x4000},
           {"atom.global.add.noftz.bf16", 2, 0x3f80, 0x3b80, 1, 0x3f80},
           {"red.global.add.noftz.f16x2", 4, 0x3c000000, 0x3c003800, 3, 0x42003c00},
           {"red.global.add.noftz.bf16x2", 4, 0, 0x40003f80, 3, 0x40804000},
       }) {
    const auto added = [&each](int) { return each.added; };
    BOOST_TEST(outcome_of(each.form, each.bytes, each.start, added, each.active).memory == each.sum,
               each.form << " of " << each.start << " and " << each.added);
  }
}

BOOST_AUTO_TEST_CASE(a_reduction_over_many_places_counts_their_sectors) {
  Machine machine({});
  const std::uint64_t base = machine.counting_words(512);
  machine.set(pair(2), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 16; });
  machine.set(word(0), [](int) { return 1; });
  machine.run("red.global.add.u32", {pair(2), word(0)});
  BOOST_TEST(machine.state.counters.global_bytes_moved == 16u * 32);
  const Counters total = machine.footprint();
  BOOST_TEST(total.global_unique_read_bytes == 128u);
  BOOST_TEST(total.global_unique_written_bytes == 128u);
}

BOOST_AUTO_TEST_SUITE_END()
