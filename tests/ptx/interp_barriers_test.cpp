// Barriers: what is written before is read after; threads that are gone are not waited for; those who can never go on
// are told where they wait.

#include <boost/test/unit_test.hpp>

#include "tests/ptx/interp_support.hpp"

BOOST_AUTO_TEST_SUITE(interp_barriers)

using namespace interp;

namespace {

/// Each thread reads what the thread opposite wrote; `barrier` stands between.
std::string mirrored(const std::string& barrier) {
  return module_of(
      ".shared .align 4 .b8 tile[512];\n"
      "shl.b32 %r1, %tid, 2; mov.u32 %r2, tile; add.u32 %r3, %r2, %r1;\n"
      "st.shared.u32 [%r3], %tid;\n" +
      barrier +
      "\nmov.u32 %r4, 508; sub.u32 %r4, %r4, %r1; add.u32 %r4, %r2, %r4;\n"
      "ld.shared.u32 %r0, [%r4];\n" +
      store_r0);
}

/// Threads below `limit` do `second`, the others `first`.
std::string two_ways(int limit, const std::string& first, const std::string& second) {
  return "setp.lt.u32 %p1, %tid, " + std::to_string(limit) + ";\n@%p1 bra OTHER;\n" + first +
         "\nbra.uni END;\nOTHER:\n" + second + "\nEND:\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_written_before_a_barrier_is_read_after_it_in_any_order_of_warps) {
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    for (const char* const barrier : {"bar.sync 0;", "barrier.sync 3;", "bar.cta.sync 0;", "bar.sync 1, 128;"}) {
      const auto done = run(mirrored(barrier), {.threads = 128}, {.warp_order_seed = seed});
      BOOST_TEST(!done.result.fault);
      BOOST_TEST(done.result.findings.empty());
      for (std::uint32_t thread = 0; thread < 128; ++thread)
        BOOST_TEST(done.words[thread] == 127 - thread);
      BOOST_TEST(done.result.counters.barriers == 4u);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_removed_barrier_is_found_as_a_race) {
  const auto done = run(mirrored(""), {.threads = 128});
  bool has_race = false;
  for (const Finding& finding : done.result.findings)
    has_race |= finding.kind == FaultKind::race || finding.kind == FaultKind::uninitialised_read;
  BOOST_TEST(has_race);
}

BOOST_AUTO_TEST_CASE(threads_that_exited_are_not_waited_for) {
  const auto done = run_body(std::string(R"(
    setp.ge.u32 %p1, %tid, 40;
    @%p1 exit;
    bar.sync 0;
    mov.u32 %r0, 1;
  )") + store_r0,
                             {.threads = 100});
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t thread = 0; thread < 100; ++thread)
    BOOST_TEST(done.words[thread] == (thread < 40 ? 1u : 0u));
}

BOOST_AUTO_TEST_CASE(threads_that_exit_last_open_the_barrier_for_the_others) {
  const auto done = run_body(std::string(R"(
    setp.lt.u32 %p1, %tid, 32;
    @%p1 bra WAIT;
    mov.u32 %r1, 0;
  LONG:
    add.u32 %r1, %r1, 1;
    setp.lt.u32 %p2, %r1, 1000;
    @%p2 bra LONG;
    exit;
  WAIT:
    bar.sync 0;
    mov.u32 %r0, 1;
  )") + store_r0,
                             {.threads = 64});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[5] == 1u);
}

BOOST_AUTO_TEST_CASE(a_producer_arrives_and_a_consumer_waits_at_named_barriers) {
  // Warp 0 fills, warp 1 reads, four times over: barrier 1 says full, barrier 2 says empty.
  const auto done = run(module_of(R"(
    .shared .align 4 .b8 slot[128];
    and.b32 %r1, %tid, 31; shl.b32 %r2, %r1, 2; mov.u32 %r3, slot; add.u32 %r3, %r3, %r2;
    mov.u32 %r4, 0; mov.u32 %r0, 0;
    setp.ge.u32 %p1, %tid, 32;
    @%p1 bra CONSUMER;
  PRODUCER:
    bar.sync 2, 64;
    add.u32 %r5, %r4, %r1;
    st.shared.u32 [%r3], %r5;
    bar.arrive 1, 64;
    add.u32 %r4, %r4, 1;
    setp.lt.u32 %p2, %r4, 4;
    @%p2 bra PRODUCER;
    bra.uni STORE;
  CONSUMER:
    bar.arrive 2, 64;
    bar.sync 1, 64;
    ld.shared.u32 %r6, [%r3];
    add.u32 %r0, %r0, %r6;
    add.u32 %r4, %r4, 1;
    setp.lt.u32 %p2, %r4, 4;
    @%p2 bra CONSUMER;
  STORE:
  )" + std::string(store_r0)),
                        {.threads = 64});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.result.findings.empty());
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[32 + lane] == 4 * lane + 6);
}

BOOST_AUTO_TEST_CASE(a_reduction_gives_every_thread_the_vote_of_the_block) {
  const auto done = run_body(std::string(R"(
    setp.lt.u32 %p1, %tid, %n;
    bar.red.popc.u32 %r1, 0, %p1;
    barrier.red.and.pred %p2, 1, 96, %p1;
    barrier.cta.red.or.pred %p3, 2, !%p1;
    selp.u32 %r2, 1000, 0, %p2;
    selp.u32 %r3, 2000, 0, %p3;
    add.u32 %r0, %r1, %r2;
    add.u32 %r0, %r0, %r3;
  )") + store_r0,
                             {.threads = 96, .n = 70});
  BOOST_TEST(!done.result.fault);
  for (const std::uint32_t word : done.words)
    BOOST_TEST(word == 2070u);
}

BOOST_AUTO_TEST_CASE(bar_sync_that_half_a_warp_skips_is_divergent) {
  const auto done = run_body(two_ways(16, "bar.sync 0;", "bar.sync 1;"));
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::divergent_barrier));
  BOOST_TEST(done.result.fault->message().find("divergent barrier: k at test.ptx:") == 0u);
}

BOOST_AUTO_TEST_CASE(bar_sync_under_a_guard_that_is_true_for_some_lanes_is_divergent) {
  const auto done = run_body("setp.lt.u32 %p1, %tid, 16;\n@%p1 bar.sync 0;\n");
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::divergent_barrier));
}

BOOST_AUTO_TEST_CASE(an_unaligned_barrier_lets_lanes_of_one_warp_arrive_one_after_the_other) {
  const auto done = run_body(
      two_ways(16, "mov.u32 %r0, 1;\nbarrier.sync 0;", "mov.u32 %r0, 2;\nbarrier.sync 0;") + store_r0, {.threads = 64});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[3] == 2u);
  BOOST_TEST(done.words[40] == 1u);
}

BOOST_AUTO_TEST_CASE(warps_at_different_barriers_are_a_deadlock_that_names_both) {
  const auto done = run_body(two_ways(32, "bar.sync 1;", "bar.sync 2;"), {.threads = 64});
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::deadlock));
  BOOST_TEST(done.result.fault->detail.find("warp 0: lanes 0xffffffff wait at barrier 2 at test.ptx:") !=
             std::string::npos);
  BOOST_TEST(done.result.fault->detail.find("warp 1: lanes 0xffffffff wait at barrier 1 at test.ptx:") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_barrier_that_is_not_there_or_of_a_wrong_count_is_refused) {
  BOOST_CHECK_THROW(run_body("bar.sync 16;"), LoadError);
  for (const char* const barrier : {"mov.u32 %r1, 16; bar.sync %r1;", "bar.sync 0, 33;", "bar.sync 0, 0;"}) {
    const auto done = run_body(barrier);
    BOOST_REQUIRE(done.result.fault);
    BOOST_TEST((done.result.fault->kind == FaultKind::trap));
  }
}

BOOST_AUTO_TEST_SUITE_END()
