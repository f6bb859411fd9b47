// Lanes that part and meet again: what each lane computes must not depend on the others' ways, and lanes must be
// together again where an instruction needs them together.

#include <boost/test/unit_test.hpp>

#include "tests/ptx/interp_support.hpp"

BOOST_AUTO_TEST_SUITE(interp_divergence)

using namespace interp;

BOOST_AUTO_TEST_CASE(nested_ifs_give_each_lane_its_own_branch) {
  const auto done = run_body(std::string(R"(
    and.b32 %r1, %tid, 1; setp.eq.u32 %p1, %r1, 0;
    and.b32 %r2, %tid, 2; setp.eq.u32 %p2, %r2, 0;
    mov.u32 %r0, 0;
    @%p1 bra EVEN;
    add.u32 %r0, %r0, 100;
    @%p2 bra ODD_LOW;
    add.u32 %r0, %r0, 10;
    bra.uni JOIN;
  ODD_LOW:
    add.u32 %r0, %r0, 20;
    bra.uni JOIN;
  EVEN:
    add.u32 %r0, %r0, 200;
    @!%p2 add.u32 %r0, %r0, 1;
  JOIN:
    add.u32 %r0, %r0, %tid;
  )") + store_r0);
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    const std::uint32_t expected =
        ((lane & 1) != 0 ? 100 + ((lane & 2) == 0 ? 20 : 10) : 200 + ((lane & 2) != 0 ? 1 : 0)) + lane;
    BOOST_TEST(done.words[lane] == expected);
  }
  BOOST_TEST(done.result.counters.divergent_branches == 2u);
}

BOOST_AUTO_TEST_CASE(loops_with_as_many_rounds_as_the_lane_s_number_meet_behind_the_loop) {
  const auto done = run_body(std::string(R"(
    mov.u32 %r0, 0; mov.u32 %r1, 0;
  OUTER:
    mov.u32 %r2, 0;
  INNER:
    add.u32 %r0, %r0, 1;
    add.u32 %r2, %r2, 1;
    setp.le.u32 %p1, %r2, %r1;
    @%p1 bra INNER;
    add.u32 %r1, %r1, 1;
    setp.lt.u32 %p2, %r1, %tid;
    @%p2 bra OUTER;
    activemask.b32 %r3;
    setp.eq.u32 %p3, %r3, -1;
    @!%p3 mov.u32 %r0, 9999;
  )") + store_r0);
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    const std::uint32_t rounds = lane == 0 ? 1 : lane;
    BOOST_TEST(done.words[lane] == rounds * (rounds + 1) / 2);
  }
}

BOOST_AUTO_TEST_CASE(lanes_that_exit_early_leave_the_others_and_their_shuffles_alone) {
  const auto done = run_body(std::string(R"(
    setp.ge.u32 %p1, %tid, 16;
    mov.u32 %r0, 5;
    @%p1 bra GONE;
    shfl.sync.bfly.b32 %r0, %tid, 1, 0x1f, 0xffff;
  )") + store_r0 + "GONE:\n");
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == (lane < 16 ? lane ^ 1u : 0u));
}

BOOST_AUTO_TEST_CASE(a_shuffle_waits_for_lanes_that_are_still_on_another_way) {
  // The lanes that jump come to the shuffle first; the code that the others run lies behind it.
  const auto done = run_body(std::string(R"(
    setp.ge.u32 %p1, %tid, 16;
    mov.u32 %r1, 1;
    @%p1 bra FAR;
  MEET:
    shfl.sync.bfly.b32 %r0, %r1, 16, 0x1f, -1;
    bra.uni STORE;
  FAR:
    mov.u32 %r1, 2;
    bra.uni MEET;
  STORE:
  )") + store_r0);
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == (lane < 16 ? 2u : 1u));
}

BOOST_AUTO_TEST_CASE(a_shuffle_that_names_a_lane_which_never_comes_is_a_deadlock_with_both_places) {
  const auto done = run_body(R"(
    setp.ge.u32 %p1, %tid, 16;
    @%p1 bra OTHER;
    shfl.sync.bfly.b32 %r0, %tid, 1, 0x1f, -1;
    bra.uni END;
  OTHER:
    shfl.sync.bfly.b32 %r0, %tid, 1, 0x1f, -1;
  END:
  )");
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::deadlock));
  BOOST_TEST(done.result.fault->detail.find("lanes 0x0000ffff wait for other lanes at test.ptx:") != std::string::npos);
  BOOST_TEST(done.result.fault->detail.find("lanes 0xffff0000 wait for other lanes at test.ptx:") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_indexed_branch_goes_to_each_lane_s_target) {
  const auto done = run_body(std::string(R"(
    and.b32 %r1, %tid, 3;
    mov.u32 %r0, 0;
    table: .branchtargets ZERO, ONE, TWO, THREE;
    brx.idx %r1, table;
  ZERO:
    mov.u32 %r0, 10; bra.uni JOIN;
  ONE:
    mov.u32 %r0, 11; bra.uni JOIN;
  TWO:
    mov.u32 %r0, 12; bra.uni JOIN;
  THREE:
    mov.u32 %r0, 13;
  JOIN:
  )") + store_r0);
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == 10 + lane % 4);
}

BOOST_AUTO_TEST_CASE(an_indexed_branch_past_its_table_is_a_trap) {
  const auto done = run_body(R"(
    table: .branchtargets END;
    brx.idx %tid, table;
  END:
  )");
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::trap));
  BOOST_TEST(done.result.fault->detail == "brx.idx: index 1 of 1 targets");
}

BOOST_AUTO_TEST_CASE(a_spin_lock_between_lanes_of_one_warp_is_taken_by_each) {
  const auto done = run_body(R"(
  AGAIN:
    atom.global.cas.b32 %r1, [%out], 0, 1;
    setp.ne.u32 %p1, %r1, 0;
    @%p1 bra AGAIN;
    ld.volatile.global.u32 %r2, [%out+4];
    add.u32 %r2, %r2, 1;
    st.volatile.global.u32 [%out+4], %r2;
    atom.global.exch.b32 %r3, [%out], 0;
  )");
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[1] == 32u);
}

BOOST_AUTO_TEST_CASE(a_spin_lock_whose_holder_is_far_ahead_is_released) {
  // The holder's code lies behind the loop, so that the lowest instruction alone would spin for ever.
  const auto done = run_body(R"(
    setp.eq.u32 %p1, %tid, 0;
    @%p1 bra HOLDER;
  SPIN:
    ld.volatile.global.u32 %r1, [%out];
    setp.eq.u32 %p2, %r1, 0;
    @%p2 bra SPIN;
    bra.uni END;
  HOLDER:
    st.volatile.global.u32 [%out], 7;
  END:
  )");
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[0] == 7u);
}

BOOST_AUTO_TEST_CASE(warps_that_spin_for_one_another_take_turns) {
  const auto done = run_body(R"(
    shr.u32 %r1, %tid, 5;
  SPIN:
    ld.volatile.global.u32 %r2, [%out];
    setp.ne.u32 %p1, %r2, %r1;
    @%p1 bra SPIN;
    add.u32 %r2, %r2, 1;
    st.volatile.global.u32 [%out], %r2;
  )",
                             {.threads = 128}, {.sanitize = false, .warp_order_seed = 3});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[0] == 4u);
}

// Lanes 16 to 31 hold %r5 and wait far behind, while the others write 64-bit registers that are dead where %r5 is
// alive.
BOOST_AUTO_TEST_CASE(a_pair_written_by_some_lanes_does_not_reach_a_word_that_others_hold) {
  const auto done = run_body(std::string(R"(
    setp.lt.u32 %p1, %tid, 16;
    @%p1 bra LATE;
    bra.uni EARLY;
  PAIRS:
    mul.wide.u32 %rd1, %tid, 1000000; cvt.u32.u64 %r0, %rd1;
    bra.uni STORE;
  EARLY:
    mul.lo.u32 %r5, %tid, 3;
    bra.uni FAR;
  LATE:
    bra.uni PAIRS;
  FAR:
    add.u32 %r0, %r5, 7;
  STORE:
  )") + store_r0);
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == (lane < 16 ? lane * 1000000 : 3 * lane + 7));
}

BOOST_AUTO_TEST_CASE(counts_of_lanes_are_those_that_were_active_and_not_guarded_off) {
  const auto done = run_body(R"(
    setp.lt.u32 %p1, %tid, 8;
    @%p1 mov.u32 %r0, 1;
    @!%p1 bra END;
    mov.u32 %r0, 2;
    mov.u32 %r0, 3;
  END:
  )");
  // Three instructions of the prologue and ret; setp, mov, bra; two by 8 lanes.
  const auto& counters = done.result.counters;
  BOOST_TEST(counters.warp_instructions == 3u + 3u + 2u + 1u);
  BOOST_TEST(counters.thread_instructions == 3u * 32 + 32 + 8 + 24 + 2 * 8 + 32);
}

BOOST_AUTO_TEST_SUITE_END()
