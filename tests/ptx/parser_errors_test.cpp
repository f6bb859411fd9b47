// Text that is not PTX: each mistake is named with its line and what would be right.
#include <boost/test/unit_test.hpp>
#include <string>
#include <string_view>

#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/syntax.hpp"

namespace {

using namespace attest::emulator;

const std::string header = ".version 8.0\n.target sm_80\n.address_size 64\n";  // three lines

std::string error_of(const std::string& text) {
  try {
    parse(text, "module.ptx");
  } catch (const LoadError& error) {
    BOOST_TEST(std::string_view(error.what()).starts_with("module.ptx:" + std::to_string(error.line) + ": "));
    return error.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ptx_parser_errors)

BOOST_AUTO_TEST_CASE(what_is_malformed_is_named_with_its_line) {
  const struct {
    std::string text;
    std::string expected;  // "line: part of the message"
  } cases[] = {
      {"", "1: the text ends here; expected '.version'"},
      {"hello", "1: found 'hello'; expected '.version'"},
      {".version 2.3\n.target sm_80", "1: .version is '2.3'; expected 3.0 or later"},
      {".version x\n", "1: .version is 'x'"},
      {".version 8.0\n.entry", "2: found 'entry'; expected '.target'"},
      {".version 8.0\n.target gpu\n", "2: .target is 'gpu'; expected an architecture"},
      {".version 8.0\n.target sm_80\n.address_size 32\n", "3: addresses of 32 bits"},
      {header + ".globl .u32 x;", "4: found 'globl'; expected a directive"},
      {header + "\n\n.global .u33 x;", "6: found 'u33'; expected a type"},
      {header + ".global .u32 x\n.global .u32 y;", "5: found 'global'; expected ';' after the declaration"},
      {header + ".global .align 3 .u32 x;", "4: the alignment is 3; expected a power of two"},
      {header + ".global .u32 x[];", "4: 'x' has no size"},
      {header + ".global .u32 x[0];", "4: the extent of an array is '0'"},
      {header + ".global .u32 x[99999999][99999999];", "4: 'x' is larger than"},
      {header + ".global .u32 x[2] = {1, 2,\n3};", "5: 'x' has more initial values than its 2 elements"},
      {header + ".global .u32 x[2] = 1;", "4: found '1'; expected '{'"},
      {header + ".global .f32 x = 1;", "4: the integer '1' in 'x' of type .f32"},
      {header + ".global .u32 x = 1.5;", "4: the floating constant '1.5'"},
      {header + ".global .u32 x = y;", "4: an address in 'x' of 32 bits"},
      {header + ".global .u8 x[8] = {0xff(y)};", "4: a masked address"},
      {header + ".shared .u32 x = 1;", "4: 'x' has an initialiser"},
      {header + ".global .pred p;", "4: a .pred variable in memory"},
      {header + ".global .u32 %r<4>;", "4: '%r<...>' is not in the space .reg"},
      {header + ".entry k(.param .u32 x, ) { ret; }", "4: found ')'; expected '.param'"},
      {header + ".entry k() .maxntid 0 { ret; }", "4: a number of threads of .maxntid is '0'"},
      {header + ".entry k() .maxntid 3\n.reqntid 3 { ret; }", "4: 'k' has .reqntid and .maxntid"},
      {header + ".entry k() .fast { ret; }", "4: unknown directive '.fast' of 'k'"},
      {header + ".extern .func f() { ret; }", "4: 'f' is .extern and has a body"},
      {header + ".entry k()\n{\n{\nret;\n}\n", "9: the text ends in the body of 'k' that begins in line 5"},
      {header + ".entry k() { ret; } }", "4: found '}'; expected a directive"},
      {header + ".entry k() {\nadd.s32 %r1, %r2, %r3\nret;\n}", "5: 'add.s32' has no end; expected ';'"},
      {header + ".entry k() {\nadd.s32 %r1 %r2;\n}", "5: found '%r2'; expected ',' or ';'"},
      {header + ".entry k() {\nadd.s32 %r1, ;\n}", "5: found ';'; expected an operand"},
      {header + ".entry k() {\n;\n}", "5: found ';'; expected an instruction"},
      {header + ".entry k() {\n@%p1\n}", "6: found '}'; expected an instruction after its guard"},
      {header + ".entry k() {\n%r1 = 3;\n}", "5: found '%r1'; expected an instruction"},
      {header + ".entry k() {\nld.u32 %r1, [%rd1;\n}", "5: found ';'; expected ']'"},
      {header + ".entry k() {\nld.u32 %r1, [%rd1+%r2];\n}", "5: found '%r2'; expected the offset"},
      {header + ".entry k() {\nmov.b32 {%r1, %r2;\n}", "5: found ';'; expected '}'"},
      {header + ".entry k() {\nmov.b32 %r1, {};\n}", "5: found '}'; expected an operand"},
      {header + ".entry k() {\nmov.b32 %r1, !4;\n}", "5: found '4'; expected a predicate"},
      {header + ".entry k() {\nmov.f32 %f1, 0f3F8;\n}", "5: '0f3F8' is no floating constant; expected 0f and 8"},
      {header + ".entry k() {\nmov.u32 %r1, 12monkeys;\n}", "5: '12monkeys' is no number"},
      {header + ".entry k() {\nmov.u32 %r1, 08;\n}", "5: '08' is no number of base 8"},
      {header + ".entry k() {\nmov.u32 %r1, 99999999999999999999;\n}", "5: '99999999999999999999' does not fit"},
      {header + ".entry k() {\nmov.f64 %fd1, 1e999;\n}", "5: this floating constant is beyond"},
      {header + ".entry k() {\nmov. u32 %r1, 0;\n}", "5: '.' without a name"},
      {header + ".entry k() {\nmov.u32 %r1, #3;\n}", "5: the character '#' has no place"},
      {header + std::string("\0", 1), "4: the character '\\x00' has no place"},
      {header + "\xc3\xa9", "4: the character '\\xc3' has no place"},
      {header + "/* open\n\n", "4: this comment has no end"},
      {header + ".file 1 \"open\n", "4: this string has no end"},
      {header + ".file 0 \"a\"\n.file 0 \"b\"", "5: .file 0 is 'a' already"},
      {header + ".file 1 \"a\"\n.file 1 \"b\"", "5: .file 1 is 'a' already"},
      {header + ".section .debug_str\n{\n.b8 1\n", "5: this section has no end"},
      {header + ".section .debug_str\n{\n{ }", "6: '{' inside a section"},
      {header + ".entry k() {\n.loc 7 1 1\nret; }", "5: .loc names file 7; expected a '.file 7"},
      {header + ".entry k() {\n.loc 1 1 1, inlined 2 3 4\nret; }", "5: found 'inlined' in .loc"},
      {header + ".entry k() {\n.tex .u32 t;\n}", "5: unknown directive '.tex' in the body of 'k'"},
      {header + ".entry k() {\n.reg .b32 %r<0>;\n}", "5: the number of registers is '0'"},
      {header + ".entry k() {\n.reg .b32 r[3];\n}", "5: 'r' is an array of registers"},
      {header + ".entry k() {\nP: .callprototype f;\n}", "5: the prototype names a function"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string error = error_of(text);
    BOOST_TEST(error.find("module.ptx:" + expected) == 0u, "'" << error << "' should begin with " << expected);
  }
}

BOOST_AUTO_TEST_CASE(a_long_token_is_cut_in_its_message) {
  const std::string error = error_of(header + std::string(5000, 'x'));
  BOOST_TEST(error.size() < 200u);
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_refused) {
  const std::string error = error_of(header + ".entry k() {\n" + std::string(100000, '{'));
  BOOST_TEST(error.find("more than 256 scopes") != std::string::npos, error);
}

BOOST_AUTO_TEST_CASE(every_prefix_of_a_module_is_either_read_or_refused) {
  const std::string text = header +
                           ".global .b8 t[4] = {1, 2};\n.func (.param .b32 r) f(.param .b32 a) .noreturn;\n"
                           ".entry k(.param .align 8 .b8 p[16]) .maxntid 32\n{ .reg .b32 %r<3>; /* c */ L: @!%p1 "
                           "ld.global.v2.f32 {%r1,_}, [%rd1+-8]; .loc 1 2 3\n call (r), f, (a); "
                           "mov.f32 %f1, 0f3F800000; P: .branchtargets L; }\n.file 1 \"x\"\n.section .d { .b8 1 }\n";
  BOOST_TEST(error_of(text) == "no error");
  for (std::size_t length = 0; length < text.size(); ++length)
    error_of(text.substr(0, length));
}

BOOST_AUTO_TEST_SUITE_END()
