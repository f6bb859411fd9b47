// What a checked run must find, each with the smallest kernel that does it, and the kernel beside it that does not:
// addresses, uninitialised reads, races in every order of warps, barriers, lanes that are not there, traps, limits.
#include "tests/ptx/kernel_run.hpp"

namespace attest::ptx {
namespace {

using emulator::FaultKind;
using emulator::LaunchOptions;
using emulator::LaunchResult;
using emulator::Size3;

struct Case {
  std::string name;
  FaultKind kind;
  std::string declarations;
  std::string body;   ///< with FAULT where the fault is put in
  std::string fault;  ///< what makes the fault
  std::string sound;  ///< what stands there in a sound kernel
  std::uint32_t threads = 64;
};

const std::string tile = ".shared .align 16 .b8 tile[512];";
const std::string own_tile = "mov.u32 %r0, tile;\nmad.lo.u32 %r0, %tid, 4, %r0;\n";
/// The word of the thread at the same lane of the other warp.
const std::string read_opposite =
    "xor.b32 %r1, %tid, 32;\nmov.u32 %r2, tile;\nmad.lo.u32 %r2, %r1, 4, %r2;\nld.shared.u32 %r3, [%r2];\n";
/// Each thread writes its word of the tile and reads the opposite one.
const std::string exchange =
    own_tile + "st.shared.u32 [%r0], %tid;\nFAULT\n" + read_opposite + "st.global.u32 [%mine], %r3;\n";

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"a store one past the end", FaultKind::out_of_bounds, "", "st.global.u32 [%mine+FAULT], %tid;", "4", "0"},
      {"a load far away", FaultKind::out_of_bounds, "", "ld.global.u32 %r0, [%mine+FAULT];", "1048576", "0"},
      {"a load before the start", FaultKind::out_of_bounds, "", "ld.global.u32 %r0, [%mine+FAULT];", "-4", "0"},
      {"an address of nothing", FaultKind::out_of_bounds, "", "FAULT\nld.global.u32 %r0, [%mine];",
       "mov.u64 %mine, 64;", ""},
      {"a vector over the end", FaultKind::out_of_bounds, "",
       "setp.eq.u32 %p1, %tid, 0;\n@%p1 ld.global.v2.u32 {%r0, %r1}, [%mine+FAULT];", "248", "240", 63},
      {"shared memory past its size", FaultKind::out_of_bounds, tile, own_tile + "st.shared.u32 [%r0+FAULT], %tid;",
       "512", "0"},
      {"local memory past its size", FaultKind::out_of_bounds, ".local .align 8 .b8 depot[16];",
       "mov.u32 %r0, depot;\nst.local.u32 [%r0+FAULT], %tid;", "4096", "8"},
      {"a misaligned load", FaultKind::misaligned, "", "and.b64 %rd0, %mine, -16;\nld.global.FAULT [%rd0+8];",
       "v4.u32 {%r0, %r1, %r2, %r3},", "v2.u32 {%r0, %r1},"},
      {"a misaligned shared store", FaultKind::misaligned, tile, own_tile + "st.shared.u32 [%r0+FAULT], %tid;", "2",
       "4"},
      {"a generic address in no space", FaultKind::out_of_bounds, "", "FAULT\nld.u32 %r0, [%mine];",
       "mov.u64 %mine, 0x010000001000;", ""},
      {"an uninitialised shared read", FaultKind::uninitialised_read, tile,
       own_tile + "FAULT\nld.shared.u32 %r1, [%r0];\nst.global.u32 [%mine], %r1;", "", "st.shared.u32 [%r0], %tid;"},
      {"half of a shared word written", FaultKind::uninitialised_read, tile,
       own_tile + "st.shared.FAULT;\nld.shared.u32 %r1, [%r0];\nst.global.u32 [%mine], %r1;", "b16 [%r0], 1",
       "b32 [%r0], 1"},
      {"an uninitialised local read", FaultKind::uninitialised_read, ".local .align 8 .b8 depot[16];",
       "mov.u32 %r0, depot;\nFAULT\nld.local.u32 %r1, [%r0];\nst.global.u32 [%mine], %r1;", "",
       "st.local.u32 [%r0], 1;"},
      {"a copy that nobody waited for", FaultKind::race, tile,
       own_tile +
           "cp.async.ca.shared.global [%r0], [%mine], 4;\ncp.async.commit_group;\nFAULT\nld.shared.u32 %r1, [%r0];\n",
       "", "cp.async.wait_group 0;"},
      {"a wait for too few copies", FaultKind::race, tile,
       own_tile +
           "cp.async.ca.shared.global [%r0], [%mine], 4;\ncp.async.commit_group;\ncp.async.ca.shared.global "
           "[%r0+256], [%mine], 4;\ncp.async.commit_group;\ncp.async.wait_group FAULT;\nld.shared.u32 %r1, [%r0];\n",
       "2", "1"},
      {"a race of a write and a read", FaultKind::race, tile, exchange, "", "bar.sync 0;"},
      {"a race under a barrier of another name", FaultKind::race, tile, exchange, "@%p0 bra A;\nA:\nbar.warp.sync -1;",
       "bar.sync 3;"},
      {"a race of two writes", FaultKind::race, tile,
       "mov.u32 %r0, tile;\nsetp.FAULT.u32 %p1, %tid, 40;\nsetp.eq.u32 %p2, %lane, 8;\nand.pred %p1, %p1, %p2;\n"
       "@%p1 st.shared.u32 [%r0], %tid;\n",
       "le", "eq"},
      {"a race of a read and a later write", FaultKind::race, tile,
       own_tile + "st.shared.u32 [%r0], %tid;\nbar.sync 0;\n" + read_opposite + "FAULT\nst.shared.u32 [%r0], %r3;\n",
       "", "bar.sync 0;"},
      {"a race of a copy and a read", FaultKind::race, tile,
       own_tile + "cp.async.ca.shared.global [%r0], [%mine], 4;\ncp.async.wait_all;\nFAULT\n" + read_opposite, "",
       "bar.sync 0;"},
      {"a race within a warp", FaultKind::race, tile,
       own_tile + "setp.lt.u32 %p1, %lane, 16;\n@%p1 bra LOW;\nst.shared.u32 [%r0], %tid;\nbra.uni END;\nLOW:\n"
                  "add.u32 %r1, %r0, FAULT;\nst.shared.u32 [%r1], %tid;\nEND:\n",
       "64", "0"},
      {"two lanes of one store at one word", FaultKind::shared_write_conflict, tile,
       "mov.u32 %r0, tile;\nmad.lo.u32 %r0, FAULT, 4, %r0;\nst.shared.u32 [%r0], %tid;\n", "%warp", "%tid"},
      {"a barrier that half of the block skips", FaultKind::deadlock, tile,
       "setp.FAULT.u32 %p1, %warp, 0;\n@%p1 bra SKIP;\nbar.sync 0, 64;\nSKIP:\nbar.sync 1, 64;\n", "eq", "lt"},
      {"a shuffle that reads a lane that left", FaultKind::inactive_lane_read, "",
       "setp.eq.u32 %p1, %lane, 5;\n@%p1 bra END;\nshfl.sync.idx.b32 %r0, %tid, FAULT, 31, 0xffffffdf;\nEND:\n", "5",
       "6"},
      {"a trap", FaultKind::trap, "", "setp.FAULT.u32 %p1, %tid, 33;\n@%p1 trap;\n", "eq", "gt", 33 + 1},
  };
  return all;
}

LaunchResult run(const Case& one, bool planted, const LaunchOptions& options) {
  std::string body = one.body;
  const std::string put = planted ? one.fault : one.sound;
  body.replace(body.find("FAULT"), 5, put);
  KernelRun kernel(simple_entry(one.declarations, body));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(one.threads, 7));
  return kernel.launch({1, 1, 1}, {one.threads, 1, 1}, {out}, options);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(findings)

BOOST_AUTO_TEST_CASE(every_fault_is_found_in_any_order_of_warps_and_its_absence_is_silent) {
  for (const Case& one : cases())
    for (const std::uint64_t seed : {0u, 1u, 2u, 3u, 77u}) {
      const LaunchOptions options{.threads = 1, .warp_order_seed = seed};
      const LaunchResult planted = run(one, true, options);
      BOOST_TEST(found(planted, one.kind), one.name << ", seed " << seed << ": " << described(planted));
      const LaunchResult sound = run(one, false, options);
      BOOST_TEST(is_silent(sound), one.name << " not planted, seed " << seed << ": " << described(sound));
    }
}

BOOST_AUTO_TEST_CASE(a_finding_names_kernel_line_block_thread_and_address) {
  KernelRun kernel(
      ".file 1 \"kernels/store.cu\"\n.visible .entry k(.param .u64 k_param_0)\n{\n.reg .b32 %r<4>;\n.reg .b64 %rd<4>;\n"
      ".reg .pred %p;\n.loc 1 41 3\nld.param.u64 %rd0, [k_param_0];\nmov.u32 %r0, %tid.y;\nmov.u32 %r1, %ctaid.x;\n"
      "setp.ne.u32 %p, %r1, 2;\n@%p ret;\n.loc 1 42 5\nsetp.ne.u32 %p, %r0, 3;\n@%p ret;\nst.global.u32 [%rd0+4], "
      "%r0;\nret;\n}\n");
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(1));
  const LaunchResult result = kernel.launch({3, 1, 1}, {4, 4, 1}, {out});
  BOOST_TEST_REQUIRE(result.fault.has_value());
  const emulator::Finding& fault = *result.fault;
  BOOST_TEST((fault.kind == FaultKind::out_of_bounds));
  BOOST_TEST(fault.entry == "k");
  BOOST_TEST(fault.source == "kernels/store.cu:42");
  BOOST_TEST((fault.block == Size3{2, 0, 0}));
  BOOST_TEST((fault.thread == Size3{0, 3, 0}));
  BOOST_TEST(fault.address == out + 4);
  const std::string message = fault.message();
  for (const char* part : {"k", "store.cu:42", "(2,0,0)", "(0,3,0)"})
    BOOST_TEST(message.find(part) != std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(freed_memory_is_told_from_memory_that_never_was) {
  KernelRun kernel(simple_entry("", "ld.global.u32 %r0, [%mine];"));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(32));
  BOOST_TEST(kernel.memory().free(out));
  BOOST_TEST(found(kernel.launch({1, 1, 1}, {32, 1, 1}, {out}), FaultKind::use_after_free));
  BOOST_TEST(found(kernel.launch({1, 1, 1}, {32, 1, 1}, {out + (1u << 20)}), FaultKind::out_of_bounds));
}

BOOST_AUTO_TEST_CASE(global_memory_that_nobody_wrote_is_found) {
  KernelRun kernel(simple_entry("", "ld.global.u32 %r0, [%mine];\nst.global.u32 [%mine], %r0;"));
  const std::uint64_t fresh = kernel.memory().allocate(128);
  BOOST_TEST(found(kernel.launch({1, 1, 1}, {32, 1, 1}, {fresh}), FaultKind::uninitialised_read));
  BOOST_TEST(is_silent(kernel.launch({1, 1, 1}, {32, 1, 1}, {kernel.put(std::vector<std::uint32_t>(32))})));
}

BOOST_AUTO_TEST_CASE(a_barrier_that_some_lanes_of_a_warp_skip_is_found) {
  for (const bool planted : {false, true}) {
    KernelRun kernel(
        simple_entry("", std::string("setp.") + (planted ? "lt" : "ge") +
                             ".u32 %p1, %lane, 16;\nsetp.ge.u32 %p2, %lane, 0;\nand.pred %p1, %p1, %p2;\n" +
                             (planted ? "" : "setp.ge.u32 %p1, %lane, 32;\n") +
                             "@%p1 bra SKIP;\nbar.sync 0;\nbra.uni END;\nSKIP:\nbar.sync 1;\nEND:\n"));
    const LaunchResult result = kernel.launch({1, 1, 1}, {64, 1, 1}, {kernel.put(std::vector<std::uint32_t>(64))});
    const bool known = found(result, FaultKind::divergent_barrier) || found(result, FaultKind::deadlock);
    BOOST_TEST(known == planted, described(result));
  }
}

BOOST_AUTO_TEST_CASE(an_endless_loop_ends_by_budget_and_by_deadline) {
  KernelRun kernel(simple_entry("", "L:\nbra.uni L;"));
  const std::uint64_t out = kernel.put(std::vector<std::uint32_t>(32));
  const LaunchResult budget = kernel.launch({1, 1, 1}, {32, 1, 1}, {out}, {.threads = 1, .instruction_budget = 10000});
  BOOST_TEST(found(budget, FaultKind::instruction_budget), described(budget));
  const LaunchResult deadline = kernel.launch({1, 1, 1}, {32, 1, 1}, {out}, {.threads = 1, .deadline_seconds = 0.1});
  BOOST_TEST(found(deadline, FaultKind::deadline), described(deadline));
}

BOOST_AUTO_TEST_CASE(faults_without_the_sanitizer_end_the_launch_too) {
  for (const Case& one : cases()) {
    if (one.kind >= FaultKind::uninitialised_read) continue;
    const LaunchResult result = run(one, true, {.sanitize = false, .threads = 1});
    BOOST_TEST(found(result, one.kind), one.name << ": " << described(result));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
