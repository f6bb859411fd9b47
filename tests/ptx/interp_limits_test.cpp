// Launches that end badly: endless loops, traps, assertions, calls that make no sense; and figures that must not depend
// on how many host threads there are.

#include <boost/test/unit_test.hpp>

#include "tests/ptx/interp_support.hpp"

BOOST_AUTO_TEST_SUITE(interp_limits)

using namespace interp;

namespace {

const char* const endless = "FOREVER:\n add.u32 %r1, %r1, 1;\n bra FOREVER;\n";

std::string refusal(const std::string& ptx, const Shape& shape, const Size3& grid, const Size3& block,
                    std::size_t parameter_bytes = 12, const char* entry = "k") {
  GlobalMemory memory;
  const Module module(ptx, "test.ptx", memory);
  try {
    module.launch(entry, grid, block, shape.dynamic_shared_bytes, std::vector<std::byte>(parameter_bytes));
  } catch (const LaunchError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_endless_loop_uses_up_its_budget_of_instructions) {
  for (const int threads : {1, 2}) {
    const auto done = run_body(endless, {.blocks = 3, .threads = 64}, {.threads = threads, .instruction_budget = 5000});
    BOOST_REQUIRE(done.result.fault);
    BOOST_TEST((done.result.fault->kind == FaultKind::instruction_budget));
    // Which warp had run is the scheduler's affair; that the text names lanes of warp 0 in the loop is not.
    BOOST_TEST(done.result.fault->detail.starts_with(
                   "more than 5000 warp instructions; warp 0: lanes 0xffffffff are at test.ptx:"),
               done.result.fault->detail);
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_within_its_budget_is_left_alone) {
  const auto free_run = run_body(store_r0, {.threads = 64});
  const std::uint64_t needed = free_run.result.counters.warp_instructions;
  BOOST_TEST(!run_body(store_r0, {.threads = 64}, {.instruction_budget = needed + 2}).result.fault);
  BOOST_TEST(run_body(store_r0, {.threads = 64}, {.instruction_budget = needed - 1}).result.fault.has_value());
}

BOOST_AUTO_TEST_CASE(an_endless_loop_ends_at_its_deadline) {
  const auto done = run_body(endless, {}, {.deadline_seconds = 0.05});
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::deadline));
}

BOOST_AUTO_TEST_CASE(a_trap_names_its_line_block_and_thread) {
  const auto done = run_body("setp.eq.u32 %p1, %tid, 37;\n@%p1 trap;\n", {.threads = 64});
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST(done.result.fault->message() ==
             "trap: k at test.ptx:13: block (0,0,0) thread (37,0,0): the kernel trapped");
  // A breakpoint that no debugger waits for.
  const auto broken = run_body("setp.eq.u32 %p1, %tid, 3;\n@%p1 brkpt;\n");
  BOOST_REQUIRE(broken.result.fault);
  BOOST_TEST((broken.result.fault->kind == FaultKind::trap));
  BOOST_TEST(broken.result.fault->thread[0] == 3u);
}

BOOST_AUTO_TEST_CASE(of_several_blocks_that_fail_the_lowest_is_named_for_any_number_of_host_threads) {
  const std::string body = "mov.u32 %r1, %ctaid.x;\nsetp.ge.u32 %p1, %r1, 11;\n@%p1 trap;\n";
  for (const int threads : {1, 2, 5}) {
    for (int repeat = 0; repeat < 5; ++repeat) {
      const auto done = run_body(body, {.blocks = 64}, {.threads = threads});
      BOOST_REQUIRE(done.result.fault);
      BOOST_TEST(done.result.fault->block[0] == 11u);
      BOOST_TEST((done.result.counters == Counters{}));
    }
  }
}

BOOST_AUTO_TEST_CASE(counters_printed_text_and_memory_are_the_same_for_any_number_of_host_threads) {
  const std::string before = R"(
    .extern .func (.param .b32 r) vprintf (.param .b64 f, .param .b64 a);
    .global .align 1 .b8 text[10] = {98, 108, 111, 99, 107, 32, 37, 117, 10, 0};
  )";
  const std::string body = R"(
    .local .align 8 .b8 depot[8];
    mov.u32 %r1, %ctaid.x;
    mov.u64 %rd1, depot; cvta.local.u64 %rd2, %rd1;
    st.local.u32 [%rd1], %r1;
    mov.u64 %rd3, text; cvta.global.u64 %rd3, %rd3;
    setp.ne.u32 %p1, %tid, 3;
    @%p1 bra QUIET;
    {
    .param .b64 param0; st.param.b64 [param0], %rd3;
    .param .b64 param1; st.param.b64 [param1], %rd2;
    .param .b32 retval0;
    call.uni (retval0), vprintf, (param0, param1);
    ld.param.b32 %r2, [retval0];
    }
  QUIET:
    mad.lo.u32 %r3, %r1, 32, %tid;
    mul.wide.u32 %rd4, %r3, 4; add.u64 %rd4, %out, %rd4;
    mul.lo.u32 %r4, %r3, %r3;
    st.global.u32 [%rd4], %r4;
  )";
  const std::string ptx = module_of(body, before);
  const auto one = run(ptx, {.blocks = 40, .words = 40 * 32}, {.threads = 1});
  BOOST_REQUIRE(!one.result.fault);
  std::string expected;
  for (int block = 0; block < 40; ++block)
    expected += "block " + std::to_string(block) + "\n";
  BOOST_TEST(one.result.printed == expected);
  BOOST_TEST(one.words[1000] == 1000000u);
  for (const int threads : {2, 3, 8}) {
    const auto many = run(ptx, {.blocks = 40, .words = 40 * 32}, {.threads = threads});
    BOOST_TEST((many.result.counters == one.result.counters));
    BOOST_TEST(many.result.printed == one.result.printed);
    BOOST_TEST(many.words == one.words);
  }
}

BOOST_AUTO_TEST_CASE(blocks_with_global_atomics_run_in_order) {
  const auto done = run_body(R"(
    setp.ne.u32 %p1, %tid, 0;
    @%p1 bra END;
    atom.global.add.u32 %r1, [%out], 1;
    mov.u32 %r2, %ctaid.x;
    setp.eq.u32 %p2, %r1, %r2;
    @!%p2 trap;
  END:
  )",
                             {.blocks = 100}, {.threads = 4});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[0] == 100u);
}

BOOST_AUTO_TEST_CASE(launches_that_make_no_sense_are_refused_with_the_reason) {
  const std::string plain = module_of("");
  const auto starts = [](const std::string& text, const std::string& start) {
    BOOST_TEST(text.substr(0, start.size()) == start);
  };
  starts(refusal(plain, {}, {0, 1, 1}, {32, 1, 1}), "launch of k: grid (0, 1, 1): each size must be at least 1");
  starts(refusal(plain, {}, {1, 65536, 1}, {32, 1, 1}), "launch of k: grid (1, 65536, 1)");
  starts(refusal(plain, {}, {1, 1, 1}, {32, 0, 1}), "launch of k: block (32, 0, 1)");
  starts(refusal(plain, {}, {1, 1, 1}, {1, 1, 65}), "launch of k: block (1, 1, 65)");
  starts(refusal(plain, {}, {1, 1, 1}, {32, 33, 1}), "launch of k: block (32, 33, 1) has 1056 threads; at most 1024");
  starts(refusal(plain, {}, {1, 1, 1}, {32, 1, 1}, 8), "launch of k: 8 bytes of parameters; the entry takes 12");
  starts(refusal(plain, {.dynamic_shared_bytes = 163 * 1024 + 1}, {1, 1, 1}, {32, 1, 1}),
         "launch of k: 166913 bytes of shared memory");
  starts(refusal(plain, {}, {1, 1, 1}, {32, 1, 1}, 12, "other"), "test.ptx has no entry other; it has k");
  starts(refusal(module_of("", "", ".reqntid 64, 1, 1\n"), {}, {1, 1, 1}, {32, 1, 1}),
         "launch of k: block (32, 1, 1); the entry requires (64, 1, 1)");
  starts(refusal(module_of("", "", ".maxntid 64, 1, 1\n"), {}, {1, 1, 1}, {65, 1, 1}),
         "launch of k: block (65, 1, 1); the entry takes at most 64 threads");
  starts(refusal(plain, {}, {1, 1, 1}, {32, 1, 1}), "accepted");
}

BOOST_AUTO_TEST_CASE(special_registers_say_where_a_thread_is) {
  const std::string body = R"(
    mov.u32 %r1, %laneid; mov.u32 %r2, %warpid; mov.u32 %r3, %lanemask_lt; popc.b32 %r3, %r3;
    setp.ne.u32 %p1, %r1, %r3; @%p1 trap;
    mad.lo.u32 %r4, %r2, 32, %r1; setp.ne.u32 %p1, %r4, %tid; @%p1 trap;
    mov.u32 %r5, %ntid.x; mov.u32 %r6, %nctaid.x; mad.lo.u32 %r0, %r5, 100, %r6;
    mov.u64 %rd1, %clock64; mov.u64 %rd2, %clock64; setp.ge.u64 %p2, %rd1, %rd2; @%p2 trap;
    mov.u32 %r7, %dynamic_smem_size; add.u32 %r0, %r0, %r7;
  )";
  const auto done = run_body(body + store_r0, {.blocks = 3, .threads = 64, .dynamic_shared_bytes = 10000});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[63] == 16403u);
}

BOOST_AUTO_TEST_SUITE_END()
