// From text to instructions: scopes, shared and local variables, calls, widths of operands; and what is refused.

#include <boost/test/unit_test.hpp>

#include "tests/ptx/interp_support.hpp"

BOOST_AUTO_TEST_SUITE(interp_lowering)

using namespace interp;

namespace {

void check_error(const std::string& body, const std::string& expected, const std::string& before = "") {
  const std::string error = load_error(body, before);
  BOOST_TEST(error.find(expected) != std::string::npos, error << " lacks " << expected);
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_unknown_form_is_refused_with_line_text_and_what_is_known) {
  check_error("add.bogus.u32 %r0, %r1, %r2;", "test.ptx:12: the form 'add.bogus.u32' is unknown; known are add.");
  check_error("add.bogus.u32 %r0, %r1, %r2;", "in 'add.bogus.u32 %r0, %r1, %r2'");
  check_error("frobnicate.b32 %r0, %r1;", "test.ptx:12: no form of 'frobnicate' is known");
}

BOOST_AUTO_TEST_CASE(a_label_is_defined_once_in_its_scope) {
  check_error("HERE:\nadd.u32 %r0, %r1, %r2;\nHERE:\nbra HERE;", "test.ptx:14: label HERE is defined twice");
  BOOST_TEST(!run_body("HERE:\n{\nHERE:\nmov.u32 %r0, 1;\n}").result.fault);
}

BOOST_AUTO_TEST_CASE(operands_that_do_not_fit_their_form_are_refused) {
  check_error("add.u32 %r0, %r1;", "it has 2 operands, this form takes 3");
  check_error("add.u32 %r0, %r1, %r2, %r3;", "it has 4 operands, this form takes 3");
  check_error("add.u32 %r0, %r1, %rd2;", "%rd2 has 64 bits, this form takes 32");
  check_error("add.u64 %rd0, %rd1, %r2;", "%r2 has 32 bits, this form takes 64");
  check_error("add.u32 %r0, %r1, %p2;", "%p2 is a predicate");
  check_error("add.u32 %r0, %r1, %r99;", "nothing is named %r99");
  check_error("add.u32 5, %r1, %r2;", "a destination must be a register");
  check_error("add.f32 %f0, %f1, 3;", "an integer constant stands where this form takes a floating one");
  check_error("add.u32 %r0, %r1, 5000000000;", "the constant 5000000000 does not fit in 32 bits");
  check_error("add.u32 %r0, %r1, 0f3F800000;", "a floating constant stands where this form takes none");
  check_error("selp.u32 %r0, %r1, %r2, %r3;", "%r3 is no predicate");
  check_error("@%r1 add.u32 %r0, %r1, %r2;", "%r1 is no predicate");
  check_error("ld.global.v4.u32 {%r0, %r1}, [%out];", "it has 3 operands, this form takes 5");
  check_error("ld.global.u32 {%r0, %r1};", "a group of 2 operands stands where this form has 1");
  check_error("ld.global.u32 %r0, %out;", "an address in brackets must stand here");
  check_error("bra NOWHERE;", "no label is named NOWHERE");
  check_error("{ INSIDE: } bra INSIDE;", "no label is named INSIDE");
  check_error(".shared .b32 word; ld.global.u32 %r0, [word];", "word lies in .shared");
  check_error("mov.u32 %r0, %cluster_ctaid.x;", "nothing is named %cluster_ctaid.x");
}

BOOST_AUTO_TEST_CASE(calls_that_cannot_be_inlined_are_refused_by_name) {
  const std::string recursive = R"(
    .func a (.param .b32 x);
    .func b (.param .b32 x) { .reg .b32 %r<2>; .param .b32 y; st.param.b32 [y], 1; call a, (y); ret; }
    .func a (.param .b32 x) { .reg .b32 %r<2>; .param .b32 y; st.param.b32 [y], 1; call b, (y); ret; }
  )";
  check_error("{ .param .b32 y; st.param.b32 [y], 1; call a, (y); }", "recursion is not supported: ", recursive);
  check_error("call.uni malloc;", "function malloc has no body here; external functions known are vprintf");
  check_error("{ .param .b32 y; call f, (y); }", "f takes 0 arguments and gives 0 results", ".func f { ret; }");
}

BOOST_AUTO_TEST_CASE(names_of_an_inner_scope_hide_those_outside_and_labels_may_recur) {
  const auto done = run_body(std::string(R"(
    mov.u32 %r0, 1;
    {
      .reg .b32 %r<4>; .reg .pred %p<2>;
      mov.u32 %r0, 50; mov.u32 %r1, 0;
    AGAIN:
      add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 3; @%p1 bra AGAIN;
    }
    {
      mov.u32 %r1, 0;
    AGAIN:
      add.u32 %r0, %r0, 1; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 4; @%p1 bra AGAIN;
    }
  )") + store_r0);
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[9] == 5u);
}

BOOST_AUTO_TEST_CASE(shared_variables_lie_one_after_the_other_and_dynamic_memory_behind_them) {
  const std::string ptx =
      module_of(std::string(R"(
    .shared .align 16 .b8 tile[20];
    .shared .align 8 .b64 wide;
    mov.u32 %r1, tile; mov.u32 %r2, wide; mov.u32 %r3, unused_dynamic; mov.u32 %r4, module_wide;
    mul.lo.u32 %r0, %r1, 1000; add.u32 %r0, %r0, %r2;
    mad.lo.u32 %r0, %r0, 1000, %r3;
    mad.lo.u32 %r0, %r0, 100, %r4;
  )") + store_r0,
                ".extern .shared .align 64 .b8 unused_dynamic[];\n.shared .align 4 .b8 not_used[64];\n"
                ".shared .align 4 .b32 module_wide;\n");
  const auto done = run(ptx, {.dynamic_shared_bytes = 256});
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[0] == (24 * 1000 + 64) * 100 + 32u);
  GlobalMemory memory;
  BOOST_TEST(Module(ptx, "test.ptx", memory).entry("k").static_shared_bytes == 36u);
}

BOOST_AUTO_TEST_CASE(functions_get_their_arguments_and_give_results_wherever_they_live) {
  // sum reads a struct piece by piece; through takes its address, so that it lies in local memory.
  const std::string before = R"(
    .func (.param .b32 res) sum (.param .align 8 .b8 s[16], .param .b32 k)
    {
      .reg .b32 %r<8>; .reg .pred %p<2>;
      ld.param.v2.b32 {%r1, %r2}, [s]; ld.param.b32 %r3, [s+8]; ld.param.u32 %r4, [k];
      setp.eq.u32 %p1, %r4, 0;
      add.u32 %r5, %r1, %r2; add.u32 %r5, %r5, %r3;
      st.param.b32 [res], %r5;
      @%p1 ret;
      mul.lo.u32 %r5, %r5, %r4;
      st.param.b32 [res], %r5;
      ret;
    }
    .func (.param .b32 res) through (.param .align 4 .b8 s[8])
    {
      .reg .b32 %r<4>; .reg .b64 %rd<4>;
      mov.b64 %rd1, s; add.u64 %rd1, %rd1, 4;
      ld.param.u32 %r1, [%rd1];
      st.param.b32 [res], %r1;
      ret;
    }
  )";
  const auto done = run(module_of(std::string(R"(
    and.b32 %r9, %tid, 3;
    {
      .param .align 8 .b8 p0[16]; st.param.v2.b32 [p0], {%tid, 10}; st.param.b32 [p0+8], 100;
      .param .b32 p1; st.param.b32 [p1], %r9;
      .param .b32 r0;
      call.uni (r0), sum, (p0, p1);
      ld.param.b32 %r0, [r0];
    }
    {
      .param .align 4 .b8 p0[8]; st.param.b32 [p0], 5; st.param.b32 [p0+4], %r0;
      .param .b32 r0;
      call.uni (r0), through, (p0);
      ld.param.b32 %r0, [r0];
    }
  )") + store_r0,
                                  before));
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == (lane + 110) * (lane % 4 == 0 ? 1 : lane % 4));
}

BOOST_AUTO_TEST_CASE(loads_and_stores_convert_between_their_type_and_a_wider_register) {
  const auto done = run_body(std::string(R"(
    .local .align 8 .b8 depot[16];
    mov.u64 %rd1, depot;
    st.local.u32 [%rd1], 0x80FF7F81;
    ld.local.s8 %r1, [%rd1]; ld.local.u8 %r2, [%rd1+2]; ld.local.s16 %rd2, [%rd1+2]; ld.local.s32 %rd3, [%rd1];
    ld.local.s8 %rs1, [%rd1]; cvt.u32.u16 %r7, %rs1;
    cvt.u32.u64 %r3, %rd2; shr.u64 %rd4, %rd3, 32; cvt.u32.u64 %r4, %rd4;
    mov.u64 %rd5, 0x1234567890; st.local.u32 [%rd1+8], %rd5; ld.local.u32 %r5, [%rd1+8];
    st.local.u8 [%rd1+12], %r5; ld.local.u8 %r6, [%rd1+12];
    setp.ne.u32 %p1, %r1, 0xFFFFFF81; @%p1 trap;
    setp.ne.u32 %p1, %r2, 0xFF; @%p1 trap;
    setp.ne.u32 %p1, %r3, 0xFFFF80FF; @%p1 trap;
    setp.ne.u32 %p1, %r4, 0xFFFFFFFF; @%p1 trap;
    setp.ne.u32 %p1, %r5, 0x34567890; @%p1 trap;
    setp.ne.u32 %p1, %r6, 0x90; @%p1 trap;
    setp.ne.u32 %p1, %r7, 0xFF81; @%p1 trap;
    mov.u32 %r0, 1;
  )") + store_r0);
  BOOST_TEST(!done.result.fault, (done.result.fault ? done.result.fault->message() : ""));
  BOOST_TEST(done.words[31] == 1u);
}

BOOST_AUTO_TEST_CASE(variables_of_the_module_hold_their_values_and_each_other_s_addresses) {
  const auto done = run(module_of(std::string(R"(
    ld.const.u64 %rd1, [pointer];
    ld.global.u32 %r0, [%rd1+4];
    mov.u64 %rd2, table+8;
    ld.global.u32 %r1, [%rd2];
    add.u32 %r0, %r0, %r1;
  )") + store_r0,
                                  ".global .align 4 .u32 table[3] = {1, 20, 300};\n"
                                  ".const .align 8 .u64 pointer = table;\n"));
  BOOST_TEST(!done.result.fault);
  BOOST_TEST(done.words[0] == 320u);
}

BOOST_AUTO_TEST_CASE(registers_whose_lives_do_not_overlap_share_slots) {
  std::string body = "mov.u32 %r0, 0;\n";
  for (int index = 0; index < 500; ++index)
    body += "add.u32 %v" + std::to_string(index) + ", %tid, " + std::to_string(index) + "; add.u32 %r0, %r0, %v" +
            std::to_string(index) + ";\n";
  const std::string ptx = module_of(".reg .b32 %v<500>;\n" + body + store_r0);
  GlobalMemory memory;
  const Module module(ptx, "test.ptx", memory);
  BOOST_TEST(module.entry("k").virtual_registers > 500u);
  BOOST_TEST(module.entry("k").slots < 12u);
  BOOST_TEST(run(ptx).words[2] == 500u * 2 + 499 * 500 / 2);
}

BOOST_AUTO_TEST_CASE(a_failed_assertion_ends_the_launch_with_its_text) {
  const std::string before = R"(
    .extern .func __assertfail (.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 c);
    .global .align 1 .b8 message[6] = {110, 32, 62, 32, 48, 0};
    .global .align 1 .b8 file[5] = {97, 46, 99, 117, 0};
    .global .align 1 .b8 name[4] = {107, 40, 41, 0};
  )";
  const auto done = run(module_of(R"(
    mov.u64 %rd1, message; mov.u64 %rd2, file; mov.u64 %rd3, name;
    setp.ne.u32 %p1, %tid, 7; @%p1 bra END;
    {
    .param .b64 a; st.param.b64 [a], %rd1; .param .b64 b; st.param.b64 [b], %rd2;
    .param .b32 c; st.param.b32 [c], 14; .param .b64 d; st.param.b64 [d], %rd3; .param .b64 e; st.param.b64 [e], 1;
    call.uni __assertfail, (a, b, c, d, e);
    }
  END:
  )",
                                  before));
  BOOST_REQUIRE(done.result.fault);
  BOOST_TEST((done.result.fault->kind == FaultKind::assertion));
  BOOST_TEST(done.result.fault->detail == "a.cu:14: k(): assertion `n > 0` failed");
  BOOST_TEST(done.result.fault->thread[0] == 7u);
  BOOST_TEST(done.result.printed == "a.cu:14: k(): assertion `n > 0` failed\n");
}

BOOST_AUTO_TEST_SUITE_END()
