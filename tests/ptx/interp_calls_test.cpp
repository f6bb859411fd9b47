// Calls whose parameters are registers or constants, by either side's choice; functions with a second name.

#include <boost/test/unit_test.hpp>

#include "tests/ptx/interp_support.hpp"

BOOST_AUTO_TEST_SUITE(interp_calls)

using interp::load_error;
using interp::module_of;
using interp::run;
using interp::store_r0;
using namespace attest::emulator;

namespace {

void check_words(const std::string& body, const std::string& before, std::uint32_t first, std::uint32_t step) {
  const auto done = run(module_of(body + store_r0, before));
  BOOST_TEST(!done.result.fault, (done.result.fault ? done.result.fault->message() : ""));
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == first + step * lane);
}

// Returns early in some lanes; counts its own calls in no register of the caller.
const std::string in_registers = R"(
  .func (.reg .u32 result) scaled (.reg .u32 value, .reg .f32 factor)
  {
    .reg .f32 %f<3>; .reg .pred %p<2>;
    mov.u32 result, 0;
    setp.eq.u32 %p1, value, 0;
    @%p1 ret;
    cvt.rn.f32.u32 %f1, value;
    mul.f32 %f2, %f1, factor;
    cvt.rzi.u32.f32 result, %f2;
    mov.u32 value, 77;
    ret;
  }
)";
const std::string in_variables = R"(
  .func (.param .b32 result) plus (.param .b32 value, .param .b64 more)
  {
    .reg .b32 %r<4>; .reg .b64 %rd<2>;
    ld.param.u32 %r1, [value];
    ld.param.u64 %rd1, [more];
    cvt.u32.u64 %r2, %rd1;
    add.u32 %r3, %r1, %r2;
    st.param.b32 [result], %r3;
    ret;
  }
  .func (.param .b32 result) indirect (.param .align 8 .b32 value)
  {
    .reg .b32 %r<4>; .reg .b64 %rd<2>;
    mov.u64 %rd1, value;
    ld.param.u32 %r1, [%rd1];
    st.param.b32 [result], %r1;
    ret;
  }
)";

}  // namespace

BOOST_AUTO_TEST_CASE(a_function_takes_and_gives_registers) {
  check_words("call (%r0), scaled, (%tid, 0f40000000);", in_registers, 0, 2);
  // The caller's register is its own, whatever the function does to its parameter; a result may be thrown away.
  check_words(
      "mov.f32 %f1, 0f40400000; call.uni (%r5), scaled, (%tid, %f1); call (_), scaled, (9, 2.0);"
      "call (%r5), scaled, (%r5, %f1); add.u32 %r0, %r5, %tid;",
      in_registers, 0, 10);
}

BOOST_AUTO_TEST_CASE(lanes_that_a_guard_keeps_from_a_call_keep_their_registers) {
  const auto done = run(module_of(std::string("mov.u32 %r0, 5; setp.lt.u32 %p1, %tid, 8;"
                                              "@%p1 call (%r0), scaled, (%tid, 2.0);") +
                                      store_r0,
                                  in_registers));
  BOOST_TEST(!done.result.fault);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    BOOST_TEST(done.words[lane] == (lane < 8 ? 2 * lane : 5));
}

BOOST_AUTO_TEST_CASE(registers_and_constants_stand_for_param_variables) {
  check_words("mov.u64 %rd1, 100; call (%r0), plus, (%tid, %rd1);", in_variables, 100, 1);
  check_words("call (%r1), plus, (5, 6); call (%r0), indirect, (%r1);", in_variables, 11, 0);
}

BOOST_AUTO_TEST_CASE(param_variables_stand_for_registers) {
  check_words(
      "{ .param .b32 a; st.param.b32 [a], %tid; .param .b32 r; call (r), scaled, (a, 2.0);"
      "ld.param.b32 %r0, [r]; }",
      in_registers, 0, 2);
  // Its address is taken, so that it lies in local memory.
  check_words(
      "{ .param .b32 a; st.param.b32 [a], %tid; .param .b32 r; mov.u64 %rd1, a;"
      "call (r), scaled, (a, 2.0); ld.param.b32 %r0, [r]; }",
      in_registers, 0, 2);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_a_parameter_in_a_register_is_refused) {
  const auto check = [](const std::string& body, const std::string& before, const std::string& expected) {
    const std::string error = load_error(body, before);
    BOOST_TEST(error.find(expected) != std::string::npos, error << " lacks " << expected);
  };
  check("call (%r0), scaled, (%rd1, 2.0);", in_registers, "%rd1 has 64 bits, this form takes 32");
  check("call (%rd0), scaled, (%r1, 2.0);", in_registers, "%rd0 has 64 bits, this form writes 32");
  check("call (%r0), scaled, (%r1);", in_registers, "scaled takes 2 arguments and gives 1 results");
  check("call (%r0), plus, (%rd1, %rd1);", in_variables, "%rd1 has 64 bits, this form takes 32");
  // ptxas takes no such parameters in registers either.
  check("call f, (%rs1);", ".func f (.reg .b16 a) { ret; }", "a: a parameter in a register has 32 or 64 bits");
  check("call f, (%p1);", ".func f (.reg .pred a) { ret; }", "a: a parameter in a register has 32 or 64 bits");
  // A function that nobody calls is read all the same.
  check("", ".func f (.reg .b32 a) { frobnicate.b32 a, a; }", "no form of 'frobnicate' is known");
  check("", ".func (.reg .b32 a) f (.reg .b32 a) { ret; }", "a is declared twice");
}

BOOST_AUTO_TEST_CASE(an_alias_is_another_name_of_a_function) {
  const std::string before = in_variables +
                             ".visible .func (.param .b32 r) also (.param .b32 v, .param .b64 m);\n"
                             ".alias also, plus;\n";
  check_words("call (%r0), also, (%tid, 7);", before, 7, 1);
  BOOST_TEST(load_error("", in_variables + ".alias also, nobody;").find("no function of the module is named nobody") !=
             std::string::npos);
  BOOST_TEST(load_error("", ".func b(); .func a() { call b; ret; } .alias b, a;").find("recursion is not supported") !=
             std::string::npos);
  BOOST_TEST(load_error("", ".alias also;").find("expected ','") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
