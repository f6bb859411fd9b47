// What moves control: barriers and their reductions, calls of device functions, divergence that comes together again,
// loops with a count of each lane's own, exits, printf and assert, limits of a launch.
#include "tests/ptx/kernel_run.hpp"

namespace attest::ptx {
namespace {

using emulator::FaultKind;
using emulator::LaunchResult;

std::vector<std::uint32_t> run(const std::string& declarations, const std::string& body, std::uint32_t threads,
                               const std::string& before = {}, std::uint64_t seed = 0) {
  KernelRun kernel(before + simple_entry(declarations, body + "\nst.global.u32 [%mine], %r0;"));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(threads, 0xffffffffu));
  const LaunchResult result = kernel.launch({1, 1, 1}, {threads, 1, 1}, {out}, {.threads = 1, .warp_order_seed = seed});
  BOOST_TEST(is_silent(result), described(result));
  return kernel.get<std::uint32_t>(out, threads);
}

std::vector<std::uint32_t> by_thread(std::uint32_t threads, const std::function<std::uint32_t(std::uint32_t)>& value) {
  std::vector<std::uint32_t> values;
  for (std::uint32_t i = 0; i < threads; ++i)
    values.push_back(value(i));
  return values;
}

// A call with its arguments (type, operand) in parameters of its own; the result, where there is one, goes to %r2.
std::string call_of(const std::string& function, const std::vector<std::pair<std::string, std::string>>& arguments,
                    const std::string& result = "") {
  std::string text = "{\n";
  std::string names;
  for (const auto& [type, operand] : arguments) {
    const std::string name = "argument" + std::to_string(names.size());
    text += ".param ." + type + " " + name + ";\nst.param." + type + " [" + name + "], " + operand + ";\n";
    names += (names.empty() ? "" : ", ") + name;
  }
  if (result.empty()) return text + "call.uni " + function + ", (" + names + ");\n}\n";
  return text + ".param .b32 " + result + ";\ncall.uni (" + result + "), " + function + ", (" + names +
         ");\nld.param.b32 %r2, [" + result + "];\n}\n";
}

#define ATTEST_SAME(got, wanted) BOOST_TEST((got) == (wanted), boost::test_tools::per_element())

}  // namespace

BOOST_AUTO_TEST_SUITE(control)

BOOST_AUTO_TEST_CASE(barriers_of_every_spelling_let_all_or_some_warps_through) {
  const std::string before = "mov.u32 %r1, tile;\nmad.lo.u32 %r1, %tid, 4, %r1;\nst.shared.u32 [%r1], %tid;\n";
  const std::string after =
      "mov.u32 %r1, tile;\nsub.u32 %r2, 127, %tid;\nmad.lo.u32 %r1, %r2, 4, %r1;\nld.shared.u32 %r0, [%r1];\n";
  for (const std::string barrier : {"bar.sync 0;", "bar.sync 5;", "bar.sync 0, 128;", "barrier.sync 0;",
                                    "barrier.sync.aligned 0;", "bar.cta.sync 2;", "barrier.cta.sync 1, 128;",
                                    "mov.u32 %r9, 7;\nbar.sync %r9;", "mov.u32 %r9, 128;\nbar.sync 1, %r9;"})
    for (const std::uint64_t seed : {0u, 9u})
      ATTEST_SAME(run(".shared .align 4 .b8 tile[512];", before + barrier + "\n" + after, 128, "", seed),
                  by_thread(128, [](std::uint32_t i) { return 127 - i; }));
}

BOOST_AUTO_TEST_CASE(warps_arrive_and_others_wait_for_them) {
  const std::string body =
      "mov.u32 %r1, tile;\nmad.lo.u32 %r2, %lane, 4, %r1;\nmov.u32 %r0, 1;\nsetp.eq.u32 %p1, %warp, 0;\n"
      "@%p1 bra PRODUCE;\nbar.sync 3, 64;\nld.shared.u32 %r0, [%r2];\nbra.uni END;\n"
      "PRODUCE:\nadd.u32 %r3, %lane, 1000;\nst.shared.u32 [%r2], %r3;\nbar.arrive 3, 64;\nEND:\n";
  for (const std::uint64_t seed : {0u, 1u, 2u})
    ATTEST_SAME(run(".shared .align 4 .b8 tile[128];", body, 64, "", seed),
                by_thread(64, [](std::uint32_t i) { return i < 32 ? 1 : 1000 + i % 32; }));
}

BOOST_AUTO_TEST_CASE(barriers_reduce_predicates_of_the_block) {
  const std::string three = "setp.lt.u32 %p1, %tid, 67;\nsetp.lt.u32 %p2, %tid, 200;\nsetp.gt.u32 %p3, %tid, 200;\n";
  ATTEST_SAME(run("", three + "bar.red.popc.u32 %r0, 0, %p1;", 128), by_thread(128, [](std::uint32_t) { return 67; }));
  ATTEST_SAME(run("", three + "bar.red.popc.u32 %r0, 0, !%p1;", 128), by_thread(128, [](std::uint32_t) { return 61; }));
  for (const std::string operation : {"and", "or"})
    for (const int predicate : {1, 2, 3}) {
      const bool wanted = operation == "and" ? predicate == 2 : predicate != 3;
      ATTEST_SAME(run("",
                      three + "bar.red." + operation + ".pred %p4, 0, %p" + std::to_string(predicate) +
                          ";\nselp.u32 %r0, 1, 0, %p4;",
                      128),
                  by_thread(128, [&](std::uint32_t) { return wanted ? 1 : 0; }));
    }
}

BOOST_AUTO_TEST_CASE(a_block_that_is_no_multiple_of_a_warp_passes_its_barriers) {
  for (const std::uint32_t threads : {1u, 31u, 33u, 100u})
    ATTEST_SAME(run("", "mov.u32 %r0, %tid;\nbar.sync 0;\nvote.sync.ballot.b32 %r1, 1, -1;\nbar.sync 0;", threads),
                by_thread(threads, [](std::uint32_t i) { return i; }));
}

BOOST_AUTO_TEST_CASE(exited_threads_are_not_waited_for) {
  const std::string body =
      "setp.eq.u32 %p1, %warp, 1;\nmov.u32 %r0, 5;\n@%p1 exit;\nbar.sync 0;\nsetp.lt.u32 %p2, %lane, 7;\n"
      "@%p2 ret;\nbar.warp.sync 0xffffff80;\nactivemask.b32 %r0;";
  ATTEST_SAME(run("", body, 96),
              by_thread(96, [](std::uint32_t i) { return i / 32 == 1 || i % 32 < 7 ? 0xffffffffu : 0xffffff80u; }));
}

BOOST_AUTO_TEST_CASE(lanes_loop_as_often_as_each_wants_and_meet_again) {
  const std::string body =
      "mov.u32 %r0, 0;\nand.b32 %r1, %lane, 7;\nOUTER:\nmov.u32 %r2, %r1;\nINNER:\nadd.u32 %r0, %r0, 1;\n"
      "setp.eq.u32 %p1, %r2, 0;\nsub.u32 %r2, %r2, 1;\n@!%p1 bra INNER;\nsetp.eq.u32 %p2, %r1, 0;\n"
      "sub.u32 %r1, %r1, 1;\n@!%p2 bra OUTER;\nactivemask.b32 %r3;\nsetp.ne.u32 %p3, %r3, -1;\n"
      "@%p3 add.u32 %r0, %r0, 100000;";
  ATTEST_SAME(run("", body, 32), by_thread(32, [](std::uint32_t i) { return (i % 8 + 1) * (i % 8 + 2) / 2; }));
}

BOOST_AUTO_TEST_CASE(a_jump_table_sends_each_lane_its_way) {
  const std::string body =
      "and.b32 %r1, %lane, 3;\nmov.u32 %r0, 9;\nT: .branchtargets A, B, C, END;\nbrx.idx %r1, T;\n"
      "A:\nmov.u32 %r0, 10;\nbra.uni END;\nB:\nmov.u32 %r0, 20;\nbra.uni END;\nC:\nmov.u32 %r0, 30;\nEND:\n";
  ATTEST_SAME(run("", body, 64), by_thread(64, [](std::uint32_t i) { return i % 4 == 3 ? 9 : (i % 4 + 1) * 10; }));
}

BOOST_AUTO_TEST_CASE(a_lane_that_spins_for_another_gets_it) {
  const std::string body =
      "mov.u32 %r2, flag;\nsetp.eq.u32 %p1, %lane, 3;\n@%p1 bra SET;\nSPIN:\nld.volatile.shared.u32 %r1, [%r2];\n"
      "setp.ne.u32 %p2, %r1, 42;\n@%p2 bra SPIN;\nbra.uni END;\nSET:\nst.volatile.shared.u32 [%r2], 42;\nEND:\n"
      "mov.u32 %r0, 8;";
  KernelRun kernel(simple_entry(".shared .align 4 .u32 flag;", body + "\nst.global.u32 [%mine], %r0;"));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(32));
  const LaunchResult result =
      kernel.launch({1, 1, 1}, {32, 1, 1}, {out}, {.sanitize = false, .threads = 1, .instruction_budget = 10'000'000});
  BOOST_TEST(is_silent(result), described(result));
  ATTEST_SAME(kernel.get<std::uint32_t>(out, 32), std::vector<std::uint32_t>(32, 8));
}

BOOST_AUTO_TEST_CASE(warps_take_a_lock_in_turn) {
  KernelRun kernel(simple_entry(".shared .align 4 .u32 lock;\n.shared .align 4 .u32 total;",
                                "mov.u32 %r1, lock;\nmov.u32 %r2, total;\nsetp.eq.u32 %p1, %tid, 0;\n@%p1 "
                                "st.shared.u32 [%r1], 0;\n@%p1 st.shared.u32 [%r2], 0;\n"
                                "bar.sync 0;\nsetp.ne.u32 %p2, %lane, 0;\n@%p2 bra DONE;\nTRY:\natom.shared.cas.b32 "
                                "%r3, [%r1], 0, 1;\nsetp.ne.u32 %p3, %r3, 0;\n"
                                "@%p3 bra TRY;\nld.volatile.shared.u32 %r4, [%r2];\nadd.u32 %r4, %r4, "
                                "1;\nst.volatile.shared.u32 [%r2], %r4;\nmembar.cta;\n"
                                "atom.shared.exch.b32 %r3, [%r1], 0;\nDONE:\nbar.sync 0;\nld.shared.u32 %r0, "
                                "[%r2];\nst.global.u32 [%mine], %r0;"));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(256));
  const LaunchResult result =
      kernel.launch({1, 1, 1}, {256, 1, 1}, {out}, {.sanitize = false, .threads = 1, .instruction_budget = 10'000'000});
  BOOST_TEST(is_silent(result), described(result));
  ATTEST_SAME(kernel.get<std::uint32_t>(out, 256), std::vector<std::uint32_t>(256, 8));
}

const char* const functions =
    ".visible .func (.param .b32 ret) square(.param .b32 a)\n{\n.reg .b32 %r<4>;\nld.param.u32 %r1, [a];\nmul.lo.u32 "
    "%r1, %r1, "
    "%r1;\nst.param.b32 [ret], %r1;\nret;\n}\n"
    ".func (.param .b32 ret) cube(.param .b32 a)\n{\n.reg .b32 %a, %t;\nld.param.u32 %a, [a];\n{\n.param .b32 p;\n"
    ".param .b32 q;\nst.param.b32 [p], %a;\ncall.uni (q), square, (p);\nld.param.b32 %t, [q];\n}\n"
    "mul.lo.u32 %t, %t, %a;\nst.param.b32 [ret], %t;\nret;\n}\n"
    ".func (.param .align 8 .b8 ret[16]) swap(.param .align 8 .b8 a[16])\n{\n.reg .b64 %d<3>;\nld.param.b64 %d1, "
    "[a];\nld.param.b64 "
    "%d2, [a+8];\nst.param.b64 [ret], %d2;\nst.param.b64 [ret+8], %d1;\nret;\n}\n"
    ".func early(.param .b64 where, .param .b32 x)\n{\n.reg .b32 %r<3>;\n.reg .b64 %d;\n.reg .pred %p;\nld.param.u64 "
    "%d, "
    "[where];\nld.param.u32 %r1, [x];\nsetp.lt.u32 %p, %r1, 10;\n@%p ret;\nst.global.u32 [%d], %r1;\nret;\n}\n";

BOOST_AUTO_TEST_CASE(device_functions_are_called_with_values_and_arrays) {
  ATTEST_SAME(
      run("",
          "{\n.param .b32 p;\n.param .b32 q;\nst.param.b32 [p+0], %tid;\ncall.uni (q), square, (p);\nld.param.b32 %r0, "
          "[q+0];\n}",
          64, functions),
      by_thread(64, [](std::uint32_t i) { return i * i; }));
  ATTEST_SAME(
      run("",
          "{\n.param .b32 p;\n.param .b32 q;\nst.param.b32 [p], %tid;\ncall (q), cube, (p);\nld.param.b32 %r0, [q];\n}",
          64, functions),
      by_thread(64, [](std::uint32_t i) { return i * i * i; }));
  ATTEST_SAME(
      run("",
          "{\n.param .align 8 .b8 p[16];\n.param .align 8 .b8 q[16];\ncvt.u64.u32 %rd1, %tid;\nmov.u64 %rd2, 77;\n"
          "st.param.b64 [p], %rd1;\nst.param.b64 [p+8], %rd2;\ncall.uni (q), swap, (p);\nld.param.b64 %rd3, [q+8];\n"
          "ld.param.b32 %r1, [q];\n}\ncvt.u32.u64 %r0, %rd3;\nadd.u32 %r0, %r0, %r1;",
          64, functions),
      by_thread(64, [](std::uint32_t i) { return i + 77; }));
}

BOOST_AUTO_TEST_CASE(a_function_that_some_lanes_leave_early_or_never_enter_comes_back_whole) {
  const std::string call =
      "{\n.param .b64 p;\n.param .b32 q;\nst.param.b64 [p], %mine;\nst.param.b32 [q], %tid;\n@%p1 call early, (p, "
      "q);\n}\n";
  KernelRun kernel(
      std::string(functions) +
      simple_entry("", "setp.lt.u32 %p1, %lane, 20;\n" + call +
                           "activemask.b32 %r0;\nsetp.eq.u32 %p2, %lane, 31;\n@%p2 st.global.u32 [%mine], %r0;"));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(32, 3));
  const LaunchResult result = kernel.launch({1, 1, 1}, {32, 1, 1}, {out});
  BOOST_TEST(is_silent(result), described(result));
  ATTEST_SAME(kernel.get<std::uint32_t>(out, 32), by_thread(32, [](std::uint32_t i) {
                return i == 31 ? 0xffffffffu : i >= 10 && i < 20 ? i : 3;
              }));
}

BOOST_AUTO_TEST_CASE(printf_and_assert_are_heard) {
  const std::string text =
      ".extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b);\n"
      ".extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c, .param .b64 d, .param .b64 e);\n"
      ".global .align 1 .b8 format[20] = {110, 61, 37, 100, 32, 120, 61, 37, 46, 50, 102, 32, 37, 115, 10, 0};\n"
      ".global .align 1 .b8 word[4] = {97, 98, 99, 0};\n";
  const std::string only_thread_3 = "setp.ne.u32 %p1, %tid, 3;\n@%p1 bra END;\n";
  const std::string print =
      only_thread_3 +
      "mov.u32 %r1, -7;\nst.local.u32 [depot], %r1;\nmov.f64 %rd5, 0d3FF8000000000000;\nst.local.f64 [depot+8], %rd5;\n"
      "mov.u64 %rd1, word;\ncvta.global.u64 %rd1, %rd1;\nst.local.u64 [depot+16], %rd1;\nmov.u64 %rd1, format;\n"
      "cvta.global.u64 %rd2, %rd1;\nmov.u64 %rd3, depot;\ncvta.local.u64 %rd3, %rd3;\n" +
      call_of("vprintf", {{"b64", "%rd2"}, {"b64", "%rd3"}}, "r") + "END:\n";
  KernelRun printing(text + simple_entry(".local .align 8 .b8 depot[24];", print));
  const LaunchResult printed = printing.launch({1, 1, 1}, {32, 1, 1}, {printing.put(std::vector<std::uint32_t>(32))});
  BOOST_TEST(is_silent(printed), described(printed));
  BOOST_TEST(printed.printed == "n=-7 x=1.50 abc\n");

  const std::string fail =
      only_thread_3 + "mov.u64 %rd1, word;\ncvta.global.u64 %rd2, %rd1;\n" +
      call_of("__assertfail", {{"b64", "%rd2"}, {"b64", "%rd2"}, {"b32", "17"}, {"b64", "%rd2"}, {"b64", "1"}}) +
      "END:\n";
  KernelRun failing(text + simple_entry("", fail));
  const LaunchResult failed = failing.launch({1, 1, 1}, {32, 1, 1}, {failing.put(std::vector<std::uint32_t>(32))});
  BOOST_TEST(found(failed, FaultKind::assertion), described(failed));
  BOOST_TEST((described(failed) + failed.printed).find("abc") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(special_registers_say_where_a_thread_is) {
  KernelRun kernel(
      ".visible .entry k(.param .u64 k_param_0)\n{\n.reg .b32 %r<20>;\n.reg .b64 %rd<4>;\nld.param.u64 %rd0, "
      "[k_param_0];\n"
      "mov.u32 %r0, %tid.x;\nmov.u32 %r1, %tid.y;\nmov.u32 %r2, %tid.z;\nmov.u32 %r3, %ctaid.x;\nmov.u32 %r4, "
      "%ctaid.y;\nmov.u32 %r5, "
      "%ctaid.z;\nmov.u32 %r6, %ntid.x;\nmov.u32 %r7, %ntid.y;\nmov.u32 %r8, %ntid.z;\nmov.u32 %r9, "
      "%nctaid.x;\nmov.u32 %r10, "
      "%nctaid.y;\nmov.u32 %r11, %nctaid.z;\nmov.u32 %r12, %laneid;\nmov.u32 %r13, %lanemask_lt;\nmov.u32 %r14, "
      "%lanemask_ge;\n"
      "mov.u32 %r15, %dynamic_smem_size;\nmad.lo.u32 %r16, %r2, %r7, %r1;\nmad.lo.u32 %r16, %r16, %r6, "
      "%r0;\nmad.lo.u32 %r17, %r5, %r10, "
      "%r4;\nmad.lo.u32 %r17, %r17, %r9, %r3;\nmul.lo.u32 %r18, %r6, %r7;\nmul.lo.u32 %r18, %r18, %r8;\nmad.lo.u32 "
      "%r16, %r17, %r18, "
      "%r16;\nmad.wide.u32 %rd0, %r16, 64, %rd0;\nst.global.v4.u32 [%rd0], {%r0, %r1, %r2, %r3};\nst.global.v4.u32 "
      "[%rd0+16], {%r4, %r5, "
      "%r6, %r7};\nst.global.v4.u32 [%rd0+32], {%r8, %r9, %r10, %r11};\nst.global.v4.u32 [%rd0+48], {%r12, %r13, %r14, "
      "%r15};\nret;\n}\n");
  const emulator::Size3 grid{2, 3, 2};
  const emulator::Size3 block{5, 3, 4};
  const std::size_t threads = 12 * 60;
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(threads * 16));
  const LaunchResult result = kernel.launch(grid, block, {out}, {.threads = 2}, 48);
  BOOST_TEST(is_silent(result), described(result));
  const std::vector<std::uint32_t> got = kernel.get<std::uint32_t>(out, threads * 16);
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t b = 0; b < 12; ++b)
    for (std::uint32_t t = 0; t < 60; ++t)
      for (const std::uint32_t value : {t % 5, t / 5 % 3, t / 15, b % 2, b / 2 % 3, b / 6, 5u, 3u, 4u, 2u, 3u, 2u,
                                        t % 32, (1u << (t % 32)) - 1, 0xffffffffu << (t % 32), 48u})
        wanted.push_back(value);
  ATTEST_SAME(got, wanted);
}

BOOST_AUTO_TEST_CASE(a_launch_that_makes_no_sense_is_refused) {
  KernelRun kernel(
      ".visible .entry k(.param .u64 a, .param .u32 b)\n{\nret;\n}\n.visible .entry fixed()\n.reqntid 64, 1, "
      "1\n{\nret;\n}\n");
  const auto refused = [&](const emulator::Size3& grid, const emulator::Size3& block, std::size_t bytes,
                           std::uint32_t shared, const char* entry) {
    const std::vector<std::byte> parameters(bytes);
    BOOST_CHECK_THROW(kernel.module().launch(entry, grid, block, shared, parameters), emulator::LaunchError);
  };
  refused({0, 1, 1}, {32, 1, 1}, 12, 0, "k");
  refused({1, 1, 1}, {32, 0, 1}, 12, 0, "k");
  refused({1, 1, 1}, {1025, 1, 1}, 12, 0, "k");
  refused({1, 1, 1}, {1, 1, 65}, 12, 0, "k");
  refused({1, 1, 1}, {64, 32, 1}, 12, 0, "k");
  refused({1, 65536, 1}, {32, 1, 1}, 12, 0, "k");
  refused({0x80000000u, 1, 1}, {32, 1, 1}, 12, 0, "k");
  refused({1, 1, 1}, {32, 1, 1}, 8, 0, "k");
  refused({1, 1, 1}, {32, 1, 1}, 24, 0, "k");
  refused({1, 1, 1}, {32, 1, 1}, 12, 163 * 1024 + 1, "k");
  refused({1, 1, 1}, {32, 1, 1}, 0, 0, "absent");
  refused({1, 1, 1}, {32, 1, 1}, 0, 0, "fixed");
  BOOST_TEST(is_silent(kernel.module().launch("fixed", {1, 1, 1}, {64, 1, 1}, 0, {})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
