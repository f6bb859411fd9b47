#include <boost/test/unit_test.hpp>

#include "tests/ptx/hand_made_warp.hpp"

// What loads and stores move and count. Addresses are side by side, strided, the same in all lanes, in no order, across
// sectors and under partial masks; every count is set against the figure worked out by hand.

using namespace attest::emulator;
using namespace attest::emulator::hand_made;

namespace {

template <class Check>
void on_every_isa(Check check, Machine::Options options = {}) {
  for (const Isa isa : usable_isas()) {
    BOOST_TEST_CONTEXT("isa " << name_of(isa)) {
      options.isa = isa;
      Machine machine(options);
      check(machine);
    }
  }
}

struct GlobalCase {
  const char* what;
  int stride_bytes;
  int start_bytes;
  Mask active;
  std::uint64_t sectors;
  std::uint64_t unique_bytes;
};
constexpr GlobalCase word_cases[] = {
    {"unit stride", 4, 0, all_lanes, 4, 128},  {"unit stride across one more sector", 4, 4, all_lanes, 5, 128},
    {"stride 2", 8, 0, all_lanes, 8, 128},     {"stride 8", 32, 0, all_lanes, 32, 128},
    {"downwards", -4, 124, all_lanes, 4, 128}, {"broadcast", 0, 64, all_lanes, 1, 4},
    {"first half", 4, 0, 0x0000ffffu, 2, 64},  {"every other lane", 4, 0, 0x55555555u, 4, 64},
    {"one lane", 4, 0, 0x00000100u, 1, 4},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_access)

BOOST_AUTO_TEST_CASE(words_of_global_memory_are_loaded_and_counted) {
  for (const GlobalCase& each : word_cases)
    BOOST_TEST_CONTEXT(each.what) {
      on_every_isa([&](Machine& machine) {
        const std::uint64_t base = machine.counting_words(1024);
        machine.set(pair(2), [&](int lane) {
          return base + static_cast<std::uint64_t>(each.start_bytes + lane * each.stride_bytes) - 16;
        });
        machine.set(word(0), [](int) { return 7777; });
        machine.run("ld.global.u32", {word(0), pair(2)}, each.active, 16);
        for (int lane = 0; lane < warp_lanes; ++lane)
          BOOST_TEST(machine.get(word(0), lane) ==
                     ((each.active >> lane & 1u) != 0
                          ? static_cast<std::uint64_t>((each.start_bytes + lane * each.stride_bytes) / 4)
                          : 7777u));
        const auto lanes = static_cast<std::uint64_t>(std::popcount(each.active));
        const Counters& counters = machine.state.counters;
        BOOST_TEST(counters.global_load_requests == 1u);
        BOOST_TEST(counters.global_load_sectors == each.sectors);
        BOOST_TEST(counters.global_load_bytes == lanes * 4);
        BOOST_TEST(counters.global_bytes_moved == each.sectors * 32);
        const Counters total = machine.footprint();
        BOOST_TEST(total.global_unique_read_bytes == each.unique_bytes);
        BOOST_TEST(total.global_unique_written_bytes == 0u);
      });
    }
}

BOOST_AUTO_TEST_CASE(words_of_global_memory_are_stored_and_counted) {
  for (const GlobalCase& each : word_cases)
    BOOST_TEST_CONTEXT(each.what) {
      on_every_isa([&](Machine& machine) {
        const std::uint64_t base = machine.counting_words(1024);
        const auto place = [&](int lane) {
          return base + static_cast<std::uint64_t>(each.start_bytes + lane * each.stride_bytes);
        };
        machine.set(pair(2), place);
        machine.set(word(0), [](int lane) { return 5000 + lane; });
        machine.run("st.global.u32", {pair(2), word(0)}, each.active);
        std::vector<std::uint32_t> expected(1024);
        for (std::uint32_t index = 0; index < 1024; ++index)
          expected[index] = index;
        for (int lane = 0; lane < warp_lanes; ++lane)
          if ((each.active >> lane & 1u) != 0)
            expected[(place(lane) - base) / 4] = static_cast<std::uint32_t>(5000 + lane);
        std::vector<std::uint32_t> found(1024);
        BOOST_REQUIRE(machine.memory.read(base, found.data(), 4096));
        BOOST_TEST(found == expected, boost::test_tools::per_element());
        const Counters& counters = machine.state.counters;
        BOOST_TEST(counters.global_store_requests == 1u);
        BOOST_TEST(counters.global_store_sectors == each.sectors);
        BOOST_TEST(counters.global_store_bytes == static_cast<std::uint64_t>(std::popcount(each.active)) * 4);
        BOOST_TEST(counters.global_bytes_moved == each.sectors * 32);
        const Counters total = machine.footprint();
        BOOST_TEST(total.global_unique_written_bytes == each.unique_bytes);
        BOOST_TEST(total.global_unique_read_bytes == 0u);
      });
    }
}

BOOST_AUTO_TEST_CASE(lanes_in_no_order_count_each_sector_once) {
  on_every_isa([](Machine& machine) {
    const std::uint64_t base = machine.counting_words(4096);
    // Eight sectors a kilobyte apart, each met by four lanes that are not neighbours, half of them downwards.
    machine.set(pair(2), [&](int lane) {
      return base + static_cast<std::uint64_t>(lane % 8) * (lane < 16 ? 1024 : 1024) +
             static_cast<std::uint64_t>(lane / 8 * 4);
    });
    machine.run("ld.global.nc.u32", {word(0), pair(2)});
    BOOST_TEST(machine.state.counters.global_load_sectors == 8u);
    for (int lane = 0; lane < warp_lanes; ++lane)
      BOOST_TEST(machine.get(word(0), lane) == static_cast<std::uint64_t>(lane % 8 * 256 + lane / 8));
  });
}

BOOST_AUTO_TEST_CASE(a_request_may_span_two_allocations) {
  on_every_isa([](Machine& machine) {
    const std::uint64_t first = machine.counting_words(8);
    const std::uint64_t second = machine.counting_words(8);
    machine.set(pair(2),
                [&](int lane) { return (lane % 2 == 0 ? first : second) + 4 * static_cast<std::uint64_t>(lane % 8); });
    machine.run("ld.global.u32", {word(0), pair(2)});
    for (int lane = 0; lane < warp_lanes; ++lane)
      BOOST_TEST(machine.get(word(0), lane) == static_cast<std::uint64_t>(lane % 8));
    BOOST_TEST(machine.state.counters.global_load_sectors == 2u);
  });
}

BOOST_AUTO_TEST_CASE(vectors_come_apart_into_registers) {
  on_every_isa([](Machine& machine) {
    const std::uint64_t base = machine.counting_words(1024);
    machine.set(pair(8), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 16; });
    machine.run("ld.global.v4.f32", {word(0), word(1), word(2), word(3), pair(8)});
    for (int lane = 0; lane < warp_lanes; ++lane)
      for (int element = 0; element < 4; ++element)
        BOOST_TEST(machine.get(word(element), lane) == static_cast<std::uint64_t>(lane * 4 + element));
    BOOST_TEST(machine.state.counters.global_load_sectors == 16u);
    BOOST_TEST(machine.state.counters.global_load_bytes == 512u);
    // The address register may be a destination.
    machine.run("ld.global.v2.u64", {pair(4), pair(8), pair(8)}, 0xffff0000u);
    for (int lane = 16; lane < warp_lanes; ++lane) {
      BOOST_TEST(machine.get(pair(4), lane) ==
                 (static_cast<std::uint64_t>(lane * 4 + 1) << 32 | static_cast<std::uint64_t>(lane * 4)));
      BOOST_TEST(machine.get(pair(8), lane) ==
                 (static_cast<std::uint64_t>(lane * 4 + 3) << 32 | static_cast<std::uint64_t>(lane * 4 + 2)));
    }
    BOOST_TEST(machine.get(pair(8), 0) == base);
    BOOST_TEST(machine.state.counters.global_load_sectors == 24u);
  });
}

BOOST_AUTO_TEST_CASE(small_elements_are_zero_extended_and_truncated) {
  on_every_isa([](Machine& machine) {
    const std::uint64_t base = machine.memory.allocate(256);
    machine.set(pair(2), [&](int lane) { return base + static_cast<std::uint64_t>(lane); });
    machine.set(word(0), [](int lane) { return 0xabcdef00u + static_cast<std::uint32_t>(0xf0 + lane) % 256; });
    machine.run("st.global.u8", {pair(2), word(0)});
    machine.run("ld.global.s8", {word(1), pair(2)});
    machine.run("ld.global.b8", {word(4), pair(2)}, 0x0000fff0u);
    for (int lane = 0; lane < warp_lanes; ++lane)
      BOOST_TEST(machine.get(word(1), lane) == static_cast<std::uint64_t>((0xf0 + lane) % 256));
    BOOST_TEST(machine.get(word(4), 4) == 0xf4u);
    BOOST_TEST(machine.state.counters.global_store_sectors == 1u);
    BOOST_TEST(machine.state.counters.global_load_bytes == 32u + 12u);
    machine.set(pair(2), [&](int lane) { return base + static_cast<std::uint64_t>(lane) * 8; });
    machine.run("st.global.v4.u16", {pair(2), word(0), word(0), word(1), word(1)});
    machine.run("ld.global.v2.b16", {word(5), word(6), pair(2)}, all_lanes, 4);
    BOOST_TEST(machine.get(word(5), 3) == 0x00f3u);
    BOOST_TEST(machine.get(word(6), 3) == 0x00f3u);
    machine.run("ld.global.u16", {word(5), pair(2)}, all_lanes, 2);
    BOOST_TEST(machine.get(word(5), 3) == 0xeff3u);
  });
}

namespace {

struct SharedCase {
  const char* what;
  int stride_words;
  std::uint64_t wavefronts;
};
constexpr SharedCase shared_cases[] = {{"contiguous", 1, 1},  {"stride 2", 2, 2},    {"stride 8", 8, 8},
                                       {"stride 32", 32, 32}, {"padded row", 33, 1}, {"broadcast", 0, 1},
                                       {"stride 3", 3, 1},    {"stride 12", 12, 4},  {"downwards", -1, 1}};

}  // namespace

BOOST_AUTO_TEST_CASE(shared_words_count_bank_conflicts) {
  for (const SharedCase& each : shared_cases)
    BOOST_TEST_CONTEXT(each.what) {
      on_every_isa([&](Machine& machine) {
        machine.set(word(1), [&](int lane) { return 256 + 4 * each.stride_words * lane; });
        machine.set(word(0), [](int lane) { return 100 + lane; });
        machine.run("st.shared.u32", {word(1), word(0)});
        machine.run("ld.shared.u32", {word(2), word(1)});
        for (int lane = 0; lane < warp_lanes; ++lane)
          BOOST_TEST(machine.get(word(2), lane) ==
                     static_cast<std::uint64_t>(each.stride_words == 0 ? 131 : 100 + lane));
        const Counters& counters = machine.state.counters;
        BOOST_TEST(counters.shared_load_requests == 1u);
        BOOST_TEST(counters.shared_store_requests == 1u);
        BOOST_TEST(counters.shared_wavefronts == 2 * each.wavefronts);
        BOOST_TEST(counters.shared_wavefronts_ideal == 2u);
      });
    }
}

BOOST_AUTO_TEST_CASE(wide_shared_accesses_run_in_phases) {
  on_every_isa(
      [](Machine& machine) {
        const auto wavefronts = [&](std::string_view form, const std::vector<Register>& operands, int stride_bytes,
                                    Mask active = all_lanes) {
          machine.set(word(9), [&](int lane) { return stride_bytes * lane; });
          machine.state.counters = {};
          machine.run(form, operands, active);
          return std::pair(machine.state.counters.shared_wavefronts, machine.state.counters.shared_wavefronts_ideal);
        };
        using Pair = std::pair<std::uint64_t, std::uint64_t>;
        const std::vector<Register> two = {word(0), word(1), word(9)};
        const std::vector<Register> four = {word(0), word(1), word(2), word(3), word(9)};
        BOOST_CHECK(wavefronts("ld.shared.v2.f32", two, 8) == Pair(2, 2));
        BOOST_CHECK(wavefronts("ld.shared.v2.f32", two, 16) == Pair(4, 2));
        BOOST_CHECK(wavefronts("ld.shared.v2.f32", two, 0) == Pair(2, 2));
        BOOST_CHECK(wavefronts("ld.shared.v2.f32", two, 8, 0xffffu) == Pair(1, 1));
        BOOST_CHECK(wavefronts("ld.shared.v4.f32", four, 16) == Pair(4, 4));
        BOOST_CHECK(wavefronts("ld.shared.v4.f32", four, 32) == Pair(8, 4));
        BOOST_CHECK(wavefronts("ld.shared.v4.f32", four, 128) == Pair(32, 4));
        BOOST_CHECK(wavefronts("ld.shared.v4.f32", four, 144) == Pair(4, 4));
        BOOST_CHECK(wavefronts("ld.shared.v4.f32", four, 128, 0x3u) == Pair(2, 1));
        BOOST_CHECK(wavefronts("ld.shared.u16", {word(0), word(9)}, 2) == Pair(1, 1));
        BOOST_CHECK(wavefronts("ld.shared.u8", {word(0), word(9)}, 64) == Pair(16, 1));
      },
      {.shared_bytes = 8192});
}

BOOST_AUTO_TEST_CASE(two_broadcasts_in_one_request_conflict_where_their_banks_do) {
  on_every_isa([](Machine& machine) {
    machine.set(word(1), [](int lane) { return lane < 16 ? 0 : 128; });
    machine.run("ld.shared.f32", {word(0), word(1)});
    BOOST_TEST(machine.state.counters.shared_wavefronts == 2u);
    machine.state.counters = {};
    machine.set(word(1), [](int lane) { return lane < 16 ? 0 : 132; });
    machine.run("ld.shared.f32", {word(0), word(1)});
    BOOST_TEST(machine.state.counters.shared_wavefronts == 1u);
    BOOST_TEST(machine.state.counters.shared_wavefronts_ideal == 1u);
  });
}

BOOST_AUTO_TEST_CASE(shared_memory_starts_poisoned) {
  on_every_isa([](Machine& machine) {
    machine.set(word(1), [](int lane) { return 4 * lane; });
    machine.run("ld.shared.u32", {word(0), word(1)});
    BOOST_TEST(machine.get(word(0), 5) == 0xffffffffu);
  });
}

BOOST_AUTO_TEST_CASE(local_memory_is_each_lanes_own) {
  on_every_isa([](Machine& machine) {
    machine.set(pair(2), [](int lane) { return 8 * (lane % 4); });
    machine.set(word(0), [](int lane) { return 100 + lane; });
    machine.run("st.local.u32", {pair(2), word(0)}, all_lanes, 4);
    machine.run("ld.local.u32", {word(1), pair(2)}, 0x7fffffffu, 4);
    for (int lane = 0; lane < 31; ++lane)
      BOOST_TEST(machine.get(word(1), lane) == static_cast<std::uint64_t>(100 + lane));
    BOOST_TEST(machine.state.counters.local_bytes == 32u * 4 + 31u * 4);
    BOOST_TEST(machine.state.counters.global_load_requests == 0u);
  });
}

BOOST_AUTO_TEST_CASE(parameters_are_read_by_offset) {
  on_every_isa([](Machine& machine) {
    machine.parameters[3] = 42;
    machine.parameters[4] = 1;
    machine.set(pair(2), [](int) { return 8; });
    machine.run("ld.param.u32", {word(0), pair(2)}, all_lanes, 4);
    machine.run("ld.param.u64", {pair(4), pair(2)}, all_lanes, 8);
    BOOST_TEST(machine.get(word(0), 31) == 42u);
    BOOST_TEST(machine.get(pair(4), 0) == 1u);
    BOOST_CHECK(machine.state.counters == Counters{});
  });
}

BOOST_AUTO_TEST_CASE(generic_addresses_find_their_space_lane_by_lane) {
  on_every_isa([](Machine& machine) {
    const std::uint64_t base = machine.counting_words(64);
    machine.parameters[2] = 900;
    machine.set(pair(2), [](int) { return 16; });
    machine.set(word(0), [](int lane) { return 300 + lane; });
    machine.run("st.shared.u32", {pair(2), word(0)}, 1u << 1);
    machine.run("st.local.u32", {pair(2), word(0)});
    machine.run("cvta.shared.u64", {pair(4), pair(2)});
    machine.run("cvta.local.u64", {pair(6), pair(2)});
    machine.run("cvta.to.shared.u64", {pair(8), pair(4)});
    BOOST_TEST(machine.get(pair(8), 9) == 16u);
    machine.set(pair(10), [&](int lane) {
      switch (lane % 4) {
        case 0:
          return base + static_cast<std::uint64_t>(lane) * 4;
        case 1:
          return machine.get(pair(4), lane);
        case 2:
          return machine.get(pair(6), lane);
        default:
          return param_window + 8;
      }
    });
    machine.run("ld.u32", {word(1), pair(10)});
    for (int lane = 0; lane < warp_lanes; ++lane) {
      const std::array<std::uint64_t, 4> expected = {static_cast<std::uint64_t>(lane), 301,
                                                     static_cast<std::uint64_t>(300 + lane), 900};
      BOOST_TEST(machine.get(word(1), lane) == expected[static_cast<std::size_t>(lane % 4)]);
    }
    machine.run("isspacep.shared", {Register{4}, pair(10)});
    BOOST_TEST(machine.warp().predicate(4) == 0x22222222u);
    machine.run("isspacep.global", {Register{4}, pair(10)});
    BOOST_TEST(machine.warp().predicate(4) == 0x11111111u);
    std::uint32_t value = 0;
    BOOST_TEST(read_generic(machine.warp(), 2, machine.get(pair(10), 2), &value, 4));
    BOOST_TEST(value == 302u);
  });
}

BOOST_AUTO_TEST_CASE(every_known_form_is_found_and_nothing_else) {
  for (const std::string& form : known_memory_forms())
    for (const Isa isa : usable_isas()) {
      const std::optional<Form> found = find_form_text(form, isa);
      BOOST_TEST(found.has_value(), form);
      BOOST_TEST((found && found->run != nullptr), form);
    }
  for (const char* form :
       {"ld.global.nc.L1::no_allocate.L2::128B.v4.f32", "ld.relaxed.gpu.global.u32", "ld.acquire.gpu.b32",
        "ld.global.acquire.gpu.b32", "st.global.cs.v4.f32", "ld.global.L1::evict_last.L2::cache_hint.b32",
        "ld.weak.global.ca.u32", "ldmatrix.sync.aligned.x4.trans.m8n8.shared.b16",
        "ldmatrix.sync.aligned.m8n8.x4.shared::cta.b16", "atom.global.gpu.acq_rel.cas.b32",
        "red.relaxed.gpu.global.add.f32", "atom.relaxed.cta.shared::cta.exch.b32", "ld.param::entry.b64"})
    BOOST_TEST(find_form_text(form).has_value(), form);
  for (const char* form : {"ld",
                           "ld.global",
                           "ld.global.v4.u64",
                           "ld.global.v8.f32",
                           "ld.global.global.u32",
                           "ld.shared.nc.u32",
                           "ld.release.gpu.global.u32",
                           "st.acquire.gpu.global.u32",
                           "st.const.u32",
                           "st.param.u32",
                           "ld.global.wb.u32",
                           "st.global.ca.u32",
                           "ld.gpu.global.u32",
                           "ld.relaxed.global.u32",
                           "ld.global.u32.v2",
                           "ld.global.f16",
                           "ld.shared::cluster.u32",
                           "ldmatrix.sync.aligned.m16n16.x1.shared.b8",
                           "ldmatrix.sync.aligned.m8n8.shared.b16",
                           "ldmatrix.sync.aligned.m8n8.x4.trans.trans.shared.b16",
                           "cp.async.ca.global.shared",
                           "cp.async.mbarrier.arrive",
                           "cp.async.bulk.commit_group",
                           "cp.async",
                           "atom.global.add.u8",
                           "atom.global.min.f32",
                           "red.global.exch.b32",
                           "atom.shared.add.f16",
                           "discard.global.L2",
                           "applypriority.global.L2::evict_normal",
                           "mapa.shared::cluster.u32",
                           "fence.proxy.async",
                           "membar",
                           "cvta.u64",
                           "cvta.shared.u32",
                           "isspacep.shared::cluster",
                           "movmatrix.sync.aligned.m8n8.b16",
                           "ldmatrix.sync.aligned.m8n8.b16",
                           "cp.async.ca.shared.global.L2::64B.L2::cache_hint",
                           "createpolicy.fractional.L2::evict_last.L2::evict_last.b64",
                           "createpolicy.range.shared.L2::evict_last.b64",
                           "fma.rn.f32"})
    BOOST_TEST(!find_form_text(form).has_value(), form);
}

BOOST_AUTO_TEST_SUITE_END()
