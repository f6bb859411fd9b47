// PTX text as a tree: everything that nvcc, FlashAttention-2 and Triton write; and ten megabytes of it.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <string_view>
#include <time.h>
#include <vector>

#include "harness/backends/emulator/syntax.hpp"

namespace {

using namespace attest::emulator;
using Kind = SyntaxStatement::Kind;

const std::string header = ".version 8.0\n.target sm_80\n.address_size 64\n";  // three lines

Syntax parse_module(const std::string& text) {
  return parse(header + text, "module.ptx");
}

SyntaxFunction parse_body(const std::string& body) {
  // The function's views point into text that the module owns; the tests keep the last one.
  static Syntax module;
  module = parse_module(".visible .entry kernel()\n{\n" + body + "\n}\n");
  return module.functions.at(0);
}

SyntaxInstruction parse_instruction(const std::string& text) {
  return parse_body(text).instructions.at(0);
}

template <class T>
T value_at(const SyntaxVariable& variable, std::size_t offset) {
  T value{};
  BOOST_TEST_REQUIRE(offset + sizeof(T) <= variable.initial.size());
  std::memcpy(&value, variable.initial.data() + offset, sizeof(T));
  return value;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ptx_parser)

BOOST_AUTO_TEST_CASE(a_module_has_version_target_and_files) {
  const Syntax module = parse(
      "//\n// Generated\n//\n.version 9.0\r\n.target sm_80, debug /* two\nlines */\n.address_size 64\n"
      "\t.file\t1 \"/tmp/a b.cu\"\n.file 3 \"c.cuh\", 1700000000, 123\n",
      "module.ptx");
  BOOST_TEST(module.version == "9.0");
  BOOST_TEST(module.target == "sm_80");
  BOOST_TEST(module.address_bits == 64);
  const std::vector<std::string> files{"", "/tmp/a b.cu", "", "c.cuh"};
  BOOST_TEST(module.files == files, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(variables_keep_their_shape_and_initial_bytes) {
  const Syntax module = parse_module(R"(
.extern .shared .align 16 .b8 smem[];
.const .align 4 .b8 table[32] = {0, 0, 128, 63, 0xFF};
.global .align 4 .u32 counter = 7, other;
.global .align 8 .u64 names[3] = {generic($str), $str$1+4, 4611686018427387905};
.global .f32 floats[2] = {1.5, 0fBF800000};
.global .f64 doubles[] = {-2.5, 0d3FF0000000000000, 0f40000000};
.visible .global .attribute(.managed) .s16 grid[2][3] = {{1}, {2, -3}};
.global .v4 .u32 quad = {1, 2, 3, 4};
.weak .global .b16 bits = -1;
)");
  const auto& all = module.variables;
  BOOST_TEST_REQUIRE(all.size() == 10u);
  BOOST_TEST(all[0].name == "smem");
  BOOST_TEST(all[0].external);
  BOOST_TEST((all[0].space == Space::shared));
  BOOST_TEST(all[0].alignment == 16u);
  BOOST_TEST(all[0].dimensions == std::vector<std::int64_t>{0}, boost::test_tools::per_element());
  BOOST_TEST((all[1].space == Space::constant));
  BOOST_TEST(all[1].initial.size() == 5u);
  BOOST_TEST(value_at<float>(all[1], 0) == 1.0f);
  BOOST_TEST(value_at<std::uint32_t>(all[2], 0) == 7u);
  BOOST_TEST(all[3].name == "other");
  BOOST_TEST(all[3].alignment == 4u);
  BOOST_TEST(all[3].initial.empty());
  BOOST_TEST_REQUIRE(all[4].relocations.size() == 2u);
  BOOST_TEST(all[4].relocations[0].symbol == "$str");
  BOOST_TEST(all[4].relocations[0].generic);
  BOOST_TEST(all[4].relocations[1].symbol == "$str$1");
  BOOST_TEST(!all[4].relocations[1].generic);
  BOOST_TEST(all[4].relocations[1].offset == 8u);
  BOOST_TEST(all[4].relocations[1].addend == 4);
  BOOST_TEST(value_at<std::uint64_t>(all[4], 16) == 4611686018427387905u);
  BOOST_TEST(value_at<float>(all[5], 4) == -1.0f);
  BOOST_TEST(all[6].dimensions == std::vector<std::int64_t>{3}, boost::test_tools::per_element());
  BOOST_TEST(value_at<double>(all[6], 0) == -2.5);
  BOOST_TEST(value_at<double>(all[6], 8) == 1.0);
  BOOST_TEST(value_at<double>(all[6], 16) == 2.0);
  BOOST_TEST(value_at<std::int16_t>(all[7], 6) == 2);
  BOOST_TEST(value_at<std::int16_t>(all[7], 8) == -3);
  BOOST_TEST(value_at<std::int16_t>(all[7], 2) == 0);
  BOOST_TEST(all[8].vector == 4u);
  BOOST_TEST(all[8].dimensions.empty());
  BOOST_TEST(value_at<std::uint32_t>(all[8], 12) == 4u);
  BOOST_TEST(value_at<std::uint16_t>(all[9], 0) == 0xffff);
  BOOST_TEST(all[9].line == 13);
}

BOOST_AUTO_TEST_CASE(functions_keep_parameters_and_limits) {
  const std::string long_name(240, 'n');
  const Syntax module = parse_module(R"(
.extern .func  (.param .b32 func_retval0) vprintf
(
	.param .b64 vprintf_param_0,
	.param .b64 vprintf_param_1
)
;
.extern .func __assertfail (.param .b64 a) .noreturn;
.func (.reg .b32 result) helper(.reg .b32 x) { ret; }
.visible .entry )" + long_name + R"((
	.param .align 8 .b8 blob[472],
	.param .u64 .ptr .global .align 16 pointer
)
.maxntid 128, 2, 1
.minnctapersm 2
.maxnreg 64
.pragma "x";
{ ret; }
.weak .entry bare .reqntid 32 { ret; }
)");
  BOOST_TEST_REQUIRE(module.functions.size() == 5u);
  BOOST_TEST(module.functions[0].name == "vprintf");
  BOOST_TEST(!module.functions[0].has_body);
  BOOST_TEST(module.functions[0].returns.size() == 1u);
  BOOST_TEST(module.functions[0].parameters.size() == 2u);
  BOOST_TEST(module.functions[1].no_return);
  BOOST_TEST((module.functions[2].parameters[0].space == Space::reg));
  const SyntaxFunction& entry = module.functions[3];
  BOOST_TEST(entry.is_entry);
  BOOST_TEST(entry.name == long_name);
  BOOST_TEST(entry.parameters[0].dimensions[0] == 472);
  BOOST_TEST(entry.parameters[0].alignment == 8u);
  BOOST_TEST(entry.parameters[1].name == "pointer");
  BOOST_TEST(entry.parameters[1].alignment == 0u);  // 16 is that of what it points to
  BOOST_TEST((entry.maximum_block == std::array<std::uint32_t, 3>{128, 2, 1}));
  BOOST_TEST((module.functions[4].required_block == std::array<std::uint32_t, 3>{32, 1, 1}));
}

BOOST_AUTO_TEST_CASE(scopes_labels_and_declarations_stand_in_order) {
  const SyntaxFunction function = parse_body(R"(	.local .align 16 .b8 	__local_depot4[288];
	.reg .pred %p<3>;
	{ // callseq 0, 0
	.reg .b32 temp_param_reg, other;
	.param .b32 param0;
	}
	.pragma "nounroll";
$L__BB0_1:
L2: bra.uni L2;
	{.reg .f16 low; { mov.b32 {low, _}, %r1; }}
targets: .branchtargets $L__BB0_1, L2;
callees:
	.calltargets f, g;
prototype_0 : .callprototype (.param .b32 _) _ (.param .b32 _, .param .align 4 .b8 _[8]);)");
  const std::vector<Kind> expected{
      Kind::variable,    Kind::variable,       Kind::open_scope,   Kind::variable,       Kind::variable,
      Kind::variable,    Kind::close_scope,    Kind::label,        Kind::label,          Kind::instruction,
      Kind::open_scope,  Kind::variable,       Kind::open_scope,   Kind::instruction,    Kind::close_scope,
      Kind::close_scope, Kind::branch_targets, Kind::call_targets, Kind::call_prototype,
  };
  std::vector<Kind> found;
  for (const SyntaxStatement& statement : function.statements)
    found.push_back(statement.kind);
  BOOST_TEST((found == expected));
  BOOST_TEST(function.variables[0].name == "__local_depot4");
  BOOST_TEST(function.variables[1].name == "%p");
  BOOST_TEST(function.variables[1].count == 3u);
  BOOST_TEST(function.variables[1].type.bits == 1);
  BOOST_TEST(function.statements[7].label == "$L__BB0_1");
  BOOST_TEST(function.statements[7].line == 13);
  BOOST_TEST(function.statements[16].label == "targets");
  BOOST_TEST(function.statements[16].targets.at(1) == "L2");
  BOOST_TEST(function.statements[17].targets.at(0) == "f");
  BOOST_TEST(function.prototypes.at(0).parameters.at(1).dimensions.at(0) == 8);
}

BOOST_AUTO_TEST_CASE(an_instruction_has_guard_form_and_modifiers_as_written) {
  const SyntaxInstruction copy =
      parse_instruction("@!%p12 cp.async.cg.shared::cta.global.L2::128B [%r1], [%rd2+-8], 16, %r3;");
  BOOST_TEST(copy.guard == "%p12");
  BOOST_TEST(copy.guard_negated);
  BOOST_TEST(copy.opcode == "cp");
  BOOST_TEST(copy.form == "cp.async.cg.shared::cta.global.L2::128B");
  const std::vector<std::string_view> modifiers{"async", "cg", "shared::cta", "global", "L2::128B"};
  BOOST_TEST(copy.modifiers == modifiers, boost::test_tools::per_element());
  BOOST_TEST_REQUIRE(copy.operands.size() == 4u);
  BOOST_TEST((copy.operands[1].kind == OperandKind::address));
  BOOST_TEST(copy.operands[1].name == "%rd2");
  BOOST_TEST(copy.operands[1].integer == -8);
  BOOST_TEST((copy.operands[2].kind == OperandKind::integer));
  BOOST_TEST(copy.line == 6);

  const SyntaxInstruction matrix =
      parse_instruction("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r1,%r2,%r3,%r4}, [%r5];");
  BOOST_TEST(matrix.modifiers.at(3) == "x4");
  BOOST_TEST(matrix.operands.at(0).elements.size() == 4u);
  BOOST_TEST(parse_instruction("ret;").operands.empty());
}

BOOST_AUTO_TEST_CASE(operands_of_every_kind) {
  const auto operands = [](const std::string& text) { return parse_instruction(text).operands; };
  const auto set = operands("setp.lt.and.s32 %p1|_, %tid.x, -4, !%p2;");
  BOOST_TEST((set[0].kind == OperandKind::pair));
  BOOST_TEST(set[0].elements[0].name == "%p1");
  BOOST_TEST((set[0].elements[1].kind == OperandKind::sink));
  BOOST_TEST(set[1].name == "%tid.x");
  BOOST_TEST(set[2].integer == -4);
  BOOST_TEST(set[3].negated);
  BOOST_TEST(set[3].name == "%p2");

  const auto pack = operands("mov.b32 %r1, {0,%rs1};");
  BOOST_TEST((pack[1].kind == OperandKind::vector));
  BOOST_TEST((pack[1].elements[0].kind == OperandKind::integer));
  BOOST_TEST(pack[1].elements[1].name == "%rs1");

  const auto load = operands("@%p1 ld.global.b16 { %rs1 }, [ %rd39 + 0 ];");
  BOOST_TEST(load[0].elements.size() == 1u);
  BOOST_TEST(load[1].integer == 0);
  BOOST_TEST(operands("ld.param.u32 %r1, [param_0+4];")[1].integer == 4);
  BOOST_TEST(operands("ld.u32 %r1, [%SP+0x10];")[1].integer == 16);
  BOOST_TEST(operands("ld.u32 %r1, [table-8];")[1].integer == -8);
  const auto absolute = operands("ld.local.u32 %r1, [256];");
  BOOST_TEST(absolute[1].name.empty());
  BOOST_TEST(absolute[1].integer == 256);

  BOOST_TEST(operands("mov.u64 %rd1, table+12;")[1].integer == 12);
  BOOST_TEST(operands("mov.u32 %r1, WARP_SZ;")[1].integer == 32);
  BOOST_TEST(operands("mov.u32 %r1, 0xFFFFFFFFFFFFFFFF;")[1].integer == -1);
  BOOST_TEST(operands("mov.u32 %r1, 0b101U;")[1].integer == 5);
  BOOST_TEST(operands("mov.u32 %r1, 017;")[1].integer == 15);
  BOOST_TEST(operands("mov.f32 %f1, v.y;")[1].name == "v.y");

  const auto single = operands("mov.f32 %f1, 0f3F800000;")[1];
  BOOST_TEST((single.kind == OperandKind::floating));
  BOOST_TEST(single.single);
  BOOST_TEST(single.bits == 0x3f800000u);
  BOOST_TEST(operands("mov.f64 %fd1, 0D3ff0000000000000;")[1].bits == 0x3ff0000000000000u);
  BOOST_TEST(operands("mov.f64 %fd1, -1.0;")[1].bits == 0xbff0000000000000u);
  BOOST_TEST(operands("mov.f64 %fd1, 1e0;")[1].bits == 0x3ff0000000000000u);

  const auto call = operands("call (retval0), \n%rd11, \n(\nparam0, \nparam1\n)\n, prototype_0;");
  BOOST_TEST_REQUIRE(call.size() == 4u);
  BOOST_TEST((call[0].kind == OperandKind::list));
  BOOST_TEST(call[2].elements[1].name == "param1");
  BOOST_TEST(call[3].name == "prototype_0");
  BOOST_TEST(operands("call.uni f;").size() == 1u);
  BOOST_TEST(operands("call.uni f, ();")[1].elements.empty());
}

BOOST_AUTO_TEST_CASE(source_lines_follow_loc_and_inlining) {
  const Syntax module = parse_module(R"(.entry a()
{
	mov.u32 %r0, 0;
	.loc	2 10 3
	mov.u32 %r1, 1;
	.loc	1 5 9, function_name $L__info_string0, inlined_at 2 12 4
	mov.u32 %r2, 2;
	.loc	1 6 9, function_name $L__info_string0+15, inlined_at 2 13 4
	mov.u32 %r3, 3;
}
.entry b() { ret; }
	.file	1 "inner.cuh"
	.file	2 "kernel.cu"
	.section	.debug_str
	{
$L__info_string0:
.b8 95,90 // }
.b8 0 /* } */
	}
	.section	.debug_macinfo	{	}
)");
  const auto& instructions = module.functions.at(0).instructions;
  BOOST_TEST(instructions[0].source_line == 0);
  BOOST_TEST(instructions[1].source_file == 2);
  BOOST_TEST(instructions[1].source_line == 10);
  BOOST_TEST(instructions[1].caller_line == 0);
  BOOST_TEST(instructions[2].source_file == 1);
  BOOST_TEST(instructions[2].caller_file == 2);
  BOOST_TEST(instructions[2].caller_line == 12);
  BOOST_TEST(instructions[3].caller_line == 13);
  BOOST_TEST(instructions[3].line == 12);
  BOOST_TEST(module.functions.at(1).instructions[0].source_line == 0);
}

BOOST_AUTO_TEST_CASE(ten_megabytes_are_read_in_a_fraction_of_a_second) {
  std::string text = header + ".entry k()\n{\n\t.reg .f32 %f<9>;\n";
  while (text.size() < 10'000'000)
    text +=
        "\t.loc\t1 97 13\n\tmma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32\n"
        "\t\t{%f1, %f2, %f3, %f4}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%f1, %f2, %f3, %f4};\n"
        "\tfma.rn.f32 \t%f5, %f1, 0f3FB8AA3B, %f4;\n\t@%p1 ld.global.v4.f32 \t{%f1, %f2, %f3, %f4}, [%rd1+512];\n";
  text += "}\n.file 1 \"x\"\n";
  // The best of three, of the thread's own time, so that a busy machine does not fail it.
  const auto thread_seconds = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  };
  double best = 1e9;
  for (int repetition = 0; repetition < 3; ++repetition) {
    std::string copy = text;
    const double start = thread_seconds();
    const Syntax module = parse(std::move(copy), "module.ptx");
    best = std::min(best, thread_seconds() - start);
    BOOST_TEST(module.functions.at(0).instructions.size() > 100'000u);
  }
  BOOST_TEST_MESSAGE("10 MB of PTX parsed in " << best << " s");
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  BOOST_TEST(best < 0.4);
#endif
}

BOOST_AUTO_TEST_SUITE_END()
