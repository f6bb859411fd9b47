// What is not known is refused when it is loaded, with the line: unknown opcodes, modifiers that are missing, doubled,
// of another instruction or in an impossible pair; operands too many, too few, of a wrong size, space or kind.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <random>
#include <set>
#include <sstream>

#include "tests/ptx/kernel_run.hpp"

namespace attest::ptx {
namespace {

/// Loads an entry that holds `instruction` on line 9. Empty when it was taken, else the message.
std::string refusal(const std::string& instruction) {
  const std::string text =
      ".version 7.8\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n"
      ".reg .pred %p<4>; .reg .b16 %h<8>; .reg .b32 %r<16>; .reg .b64 %d<8>;\n"
      ".shared .align 16 .b8 tile[64];\n\n" +
      instruction + "\nret;\n}\n";
  emulator::GlobalMemory memory;
  try {
    const emulator::Module module(text, "refused.ptx", memory);
    return "";
  } catch (const emulator::LoadError& error) {
    const std::string what = error.what();
    BOOST_TEST(error.line == 9, instruction << ": line " << error.line << " of: " << what);
    BOOST_TEST(what.starts_with("refused.ptx:9: "), what);
    BOOST_TEST(what.find('\n') == std::string::npos, what);
    return what;
  }
}

const char* const refused[] = {
    // no such instruction
    "frobnicate.b32 %r0, %r1;",
    "add %r0, %r1, %r2;",
    "add.rn.s32 %r0, %r1, %r2;",
    "add.sat.u32 %r0, %r1, %r2;",
    "add.sat.s64 %d0, %d1, %d2;",
    "add.u8 %h0, %h1, %h2;",
    "add.b32 %r0, %r1, %r2;",
    "mul.s32 %r0, %r1, %r2;",
    "mul.wide.u64 %d0, %d1, %d2;",
    "mul.lo.hi.s32 %r0, %r1, %r2;",
    "mad.s32 %r0, %r1, %r2, %r3;",
    "mad.lo.f32 %r0, %r1, %r2, %r3;",
    "mad.hi.sat.u32 %r0, %r1, %r2, %r3;",
    "abs.u32 %r0, %r1;",
    "neg.u32 %r0, %r1;",
    "neg.b16 %h0, %h1;",
    "neg.b32 %r0, %r1;",
    "neg.ftz.bf16 %h0, %h1;",
    "abs.ftz.bf16x2 %r0, %r1;",
    "fma.f32 %r0, %r1, %r2, %r3;",
    "fma.rna.f32 %r0, %r1, %r2, %r3;",
    "fma.rn.rz.f32 %r0, %r1, %r2, %r3;",
    "fma.rn.rn.f32 %r0, %r1, %r2, %r3;",
    "fma.rn.ftz.ftz.f32 %r0, %r1, %r2, %r3;",
    "fma.rn.f32.f32 %r0, %r1, %r2, %r3;",
    "fma.rn.relu.f32 %r0, %r1, %r2, %r3;",
    "fma.rz.f16 %h0, %h1, %h2, %h3;",
    "fma.rn.ftz.bf16 %h0, %h1, %h2, %h3;",
    "fma.rn.sat.bf16x2 %r0, %r1, %r2, %r3;",
    "fma.rn.sat.relu.f16 %h0, %h1, %h2, %h3;",
    "fma.rn.ftz.f64 %d0, %d1, %d2, %d3;",
    "fma.rn.sat.f64 %d0, %d1, %d2, %d3;",
    "add.rz.f16 %h0, %h1, %h2;",
    "div.f32 %r0, %r1, %r2;",
    "div.approx.f64 %d0, %d1, %d2;",
    "div.full.rn.f32 %r0, %r1, %r2;",
    "div.rn.s32 %r0, %r1, %r2;",
    "rcp.f32 %r0, %r1;",
    "rcp.approx.f64 %d0, %d1;",
    "sqrt.approx.f64 %d0, %d1;",
    "rsqrt.rn.f32 %r0, %r1;",
    "sin.f32 %r0, %r1;",
    "sin.approx.f64 %d0, %d1;",
    "ex2.f32 %r0, %r1;",
    "ex2.approx.f64 %d0, %d1;",
    "tanh.approx.ftz.f32 %r0, %r1;",
    "tanh.f32 %r0, %r1;",
    "min.b32 %r0, %r1, %r2;",
    "min.NaN.f64 %d0, %d1, %d2;",
    "min.NaN.s32 %r0, %r1, %r2;",
    "max.ftz.bf16 %h0, %h1, %h2;",
    "and.u32 %r0, %r1, %r2;",
    "not.s32 %r0, %r1;",
    "cnot.pred %p0, %p1;",
    "shl.u32 %r0, %r1, %r2;",
    "shr.f32 %r0, %r1, %r2;",
    "shf.l.b32 %r0, %r1, %r2, %r3;",
    "shf.l.wrap.b64 %d0, %d1, %d2, %r3;",
    "popc.u32 %r0, %r1;",
    "clz.s32 %r0, %r1;",
    "brev.b16 %h0, %h1;",
    "bfe.b32 %r0, %r1, %r2, %r3;",
    "bfi.u32 %r0, %r1, %r2, %r3, %r4;",
    "prmt.b32.f4e.b4e %r0, %r1, %r2, %r3;",
    "prmt.b64 %d0, %d1, %d2, %r3;",
    "lop3.b32 %r0, %r1, %r2, %r3;",
    "lop3.b32 %r0, %r1, %r2, %r3, %r4;",
    "lop3.b64 %d0, %d1, %d2, %d3, 3;",
    "dp4a.u32 %r0, %r1, %r2, %r3;",
    "setp.lt.b32 %p0, %r1, %r2;",
    "setp.lo.s32 %p0, %r1, %r2;",
    "setp.equ.s32 %p0, %r1, %r2;",
    "setp.hi.f32 %p0, %r1, %r2;",
    "setp.lt.ftz.f64 %p0, %d1, %d2;",
    "setp.lt.ftz.s32 %p0, %r1, %r2;",
    "setp.s32 %p0, %r1, %r2;",
    "setp.lt.nand.s32 %p0, %r1, %r2, %p1;",
    "setp.lt.and.s32 %p0, %r1, %r2;",
    "set.lt.s32 %r0, %r1, %r2;",
    "set.lt.u64.s32 %d0, %r1, %r2;",
    "selp.pred %p0, %p1, %p2, %p3;",
    "selp.b8 %h0, %h1, %h2, %p3;",
    "cvt.u32.u32.u32 %r0, %r1;",
    "cvt.u32 %r0, %r1;",
    "cvt.f32.s32 %r0, %r1;",
    "cvt.rni.f32.s32 %r0, %r1;",
    "cvt.rn.s32.f32 %r0, %r1;",
    "cvt.s32.f32 %r0, %r1;",
    "cvt.f16.f32 %h0, %r1;",
    "cvt.rn.f32.f16 %r0, %h1;",
    "cvt.bf16.f32 %h0, %r1;",
    "cvt.rn.bf16x2.f32 %r0, %r1;",
    "cvt.rn.f16.f32 %h0, %r1, %r2;",
    "cvt.rm.f16x2.f32 %r0, %r1, %r2;",
    "cvt.ftz.f64.f16 %d0, %h1;",
    "mov.b8 %h0, %h1;",
    "mov.b128 %d0, %d1;",
    "mov.rn.b32 %r0, %r1;",
    "mov.b64 %d0, {%r0, %r1, %r2};",
    "mov.b64 %d0, {%h0, %h1};",
    "mov.b32 %r0, {%r1, %r2};",
    "mov.b32 {%h0, %h1, %h2, %h3}, %r1;",
    "shfl.idx.b32 %r0, %r1, %r2, %r3;",
    "shfl.sync.b32 %r0, %r1, %r2, %r3, -1;",
    "shfl.sync.idx.b64 %d0, %d1, %r2, %r3, -1;",
    "shfl.sync.idx.b32 %r0, %r1, %r2, -1;",
    "shfl.sync.xor.b32 %r0, %r1, %r2, %r3, -1;",
    "vote.all.pred %p0, %p1;",
    "vote.sync.ballot.pred %p0, %p1, -1;",
    "vote.sync.all.b32 %r0, %p1, -1;",
    "match.all.sync.b16 %r0, %h1, -1;",
    "redux.sync.add.b32 %r0, %r1, -1;",
    "redux.sync.and.u32 %r0, %r1, -1;",
    "redux.sync.add.s64 %d0, %d1, -1;",
    "mma.sync.aligned.m16n8k16.row.row.f32.bf16.bf16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, "
    "{%r0,%r1,%r2,%r3};",
    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.f16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, "
    "{%r0,%r1,%r2,%r3};",
    "mma.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, "
    "{%r0,%r1,%r2,%r3};",
    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5}, {%r8,%r9}, {%r0,%r1,%r2,%r3};",
    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8}, "
    "{%r0,%r1,%r2,%r3};",
    "mma.sync.aligned.m16n8k8.row.col.f32.f32.f32.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, "
    "{%r0,%r1,%r2,%r3};",
    "mma.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, "
    "{%r0,%r1,%r2,%r3};",
    "ldmatrix.sync.aligned.m8n8.x3.shared.b16 {%r0,%r1,%r2}, [%r4];",
    "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0,%r1}, [%r4];",
    "ldmatrix.sync.aligned.m8n8.x1.shared.b32 {%r0}, [%r4];",
    "ldmatrix.sync.aligned.m8n8.x1.global.b16 {%r0}, [%d4];",
    "ldmatrix.sync.aligned.x1.shared.b16 {%r0}, [%r4];",
    "cp.async.ca.shared.global [%r0], [%d0], 12;",
    "cp.async.cg.shared.global [%r0], [%d0], 8;",
    "cp.async.ca.shared.global [%r0], [%d0];",
    "cp.async.ca.global.shared [%d0], [%r0], 16;",
    "cp.async.shared.global [%r0], [%d0], 16;",
    "cp.async.wait_group;",
    "cp.async.wait_group %r0;",
    "cp.async.commit_group 1;",
    "ld.global %r0, [%d0];",
    "ld.global.v3.b32 {%r0, %r1, %r2}, [%d0];",
    "ld.global.v4.b64 {%d0, %d1, %d2, %d3}, [%d4];",
    "ld.global.v2.b32 %r0, [%d0];",
    "ld.global.v2.b32 {%r0}, [%d0];",
    "ld.global.b32 {%r0, %r1}, [%d0];",
    "ld.global.pred %p0, [%d0];",
    "ld.global.b64 %r0, [%d0];",
    "ld.global.f64 %r0, [%d0];",
    "ld.shared.nc.b32 %r0, [%r1];",
    "ld.nowhere.b32 %r0, [%d0];",
    "ld.global.b32 %r0, %d0;",
    "ld.global.b32 [%d0], %r0;",
    "st.global.nc.b32 [%d0], %r0;",
    "st.const.b32 [%d0], %r0;",
    "st.global.b64 [%d0], %r0;",
    "st.global.b32 %r0, [%d0];",
    "st.global.b32 [%d0], %r0, %r1;",
    "atom.global.add.s64 %d0, [%d1], %d2;",
    "atom.global.sub.u32 %r0, [%d1], %r2;",
    "atom.global.add.b32 %r0, [%d1], %r2;",
    "atom.global.cas.b32 %r0, [%d1], %r2;",
    "atom.global.add.f16 %h0, [%d1], %h2;",
    "atom.const.add.u32 %r0, [%d1], %r2;",
    "red.global.exch.b32 [%d1], %r2;",
    "red.global.add.u32 %r0, [%d1], %r2;",
    "cvta.u64 %d0;",
    "cvta.to.u64 %d0, %d1;",
    "cvta.nowhere.u64 %d0, %d1;",
    "bar.sync;",
    "bar.sync 16;",
    "bar.sync -1;",
    "bar.sync 0, 1, 2;",
    "bar.arrive 0;",
    "bar.frob 0;",
    "bra;",
    "bra nowhere;",
    "bra.frob nowhere;",
    "call nowhere;",
    "exit 1;",
    "membar;",
    "membar.nowhere;",
    "fence;",
    // operands of a wrong number, size or kind
    "add.s32 %r0, %r1;",
    "add.s32 %r0, %r1, %r2, %r3;",
    "add.s32 %d0, %r1, %r2;",
    "add.s32 %r0, %d1, %r2;",
    "add.s64 %d0, %d1, %r2;",
    "add.s16 %r0, %h1, %h2;",
    "add.f32 %d0, %r1, %r2;",
    "add.s32 %p0, %r1, %r2;",
    "add.s32 %r0, %p1, %r2;",
    "add.s32 %r0, %r1, 1.5;",
    "add.s32 %r0, %r1, 0f3F800000;",
    "add.s32 5, %r1, %r2;",
    "add.s32 %r0, {%r1}, %r2;",
    "add.s32 %r0, [%r1], %r2;",
    "add.s32 %r0, %r1, !%r2;",
    "add.s32 %r0|%p0, %r1, %r2;",
    "add.s32 %r0, %undeclared, %r2;",
    "add.s32 %r99, %r1, %r2;",
    "add.s32 %tid.x, %r1, %r2;",
    "add.f32 %r0, %r1, 1;",
    "mov.u32 %r0, %d1;",
    "mov.u64 %d0, %r1;",
    "mov.u32 %r0, %tid.w2;",
    "mov.pred %p0, %r1;",
    "setp.eq.s32 %r0, %r1, %r2;",
    "selp.b32 %r0, %r1, %r2, %r3;",
    "not.pred %p0, %r0;",
    "popc.b64 %d0, %d1;",
    "mul.wide.s32 %r0, %r1, %r2;",
    "@%r0 add.s32 %r0, %r1, %r2;",
    "@%p9 add.s32 %r0, %r1, %r2;",
};

/// A form's text with its modifiers changed: what the emulator may know nonetheless is another known form.
struct Mutation {
  std::string text;
  std::string name;
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);)
    parts.push_back(part);
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : ".") + part;
  return text;
}

std::vector<std::string> mutated_names(const std::string& name) {
  const std::vector<std::string> parts = split(name, '.');
  std::vector<std::string> names;
  for (std::size_t k = 1; k < parts.size(); ++k) {
    std::vector<std::string> dropped = parts;
    dropped.erase(dropped.begin() + static_cast<std::ptrdiff_t>(k));
    std::vector<std::string> doubled = parts;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(k), parts[k]);
    names.push_back(joined(dropped));
    names.push_back(joined(doubled));
    for (const char* type : {"b16", "b32", "b64", "u16", "s32", "u64", "f16", "bf16", "f16x2", "f32", "f64", "pred",
                             "b8", "b128", "e4m3", "frob", ""}) {
      std::vector<std::string> changed = parts;
      changed[k] = type;
      names.push_back(joined(changed));
    }
  }
  names.push_back("x" + name);
  names.push_back(name + "x");
  names.push_back(name + ".");
  return names;
}

bool is_loaded(const std::string& text) {
  emulator::GlobalMemory memory;
  try {
    const emulator::Module module(text, "mutated", memory);
    return true;
  } catch (const emulator::LoadError&) {
    return false;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refused_forms)

BOOST_AUTO_TEST_CASE(what_is_not_known_is_refused_with_its_line) {
  BOOST_TEST(refusal("add.s32 %r0, %r1, %r2;").empty());
  for (const char* instruction : refused)
    BOOST_TEST(!refusal(instruction).empty(), "taken: " << instruction);
}

BOOST_AUTO_TEST_CASE(a_form_with_a_changed_modifier_is_refused_unless_it_is_another_known_form) {
  const std::vector<std::string> list = emulator::known_forms();
  const std::set<std::string> known(list.begin(), list.end());
  std::set<std::string> tried;
  for (const FormCase& form : all_forms()) {
    const std::string name = form_names(form).back();
    if (form.text.find(';') != std::string::npos || known.count(name) == 0 || !tried.insert(name).second) continue;
    // Each form once in 5 with all its mutations: every opcode and modifier comes many times over.
    if (tried.size() % 5 != 0) continue;
    const std::string text = module_header() + form.variables + entry_text(form, "form", false);
    for (const std::string& other : mutated_names(name)) {
      if (other == name || known.count(other) != 0) continue;
      std::string changed = text;
      changed.replace(changed.find("  " + name + " ") + 2, name.size(), other);
      BOOST_TEST(!is_loaded(changed), "taken: " << other << ", a mutation of " << name);
    }
  }
  BOOST_TEST(tried.size() > 500u);
}

BOOST_AUTO_TEST_CASE(a_form_with_changed_operands_is_refused) {
  std::set<std::string> tried;
  for (const FormCase& form : all_forms()) {
    const std::string name = form_names(form).back();
    if (!form.operands.empty() || form.text.find(';') != std::string::npos || !form.required) continue;
    if (form.sources.empty() || !tried.insert(name).second || tried.size() % 5 != 0) continue;
    const std::string text = module_header() + form.variables + entry_text(form, "form", false);
    const std::size_t start = text.find("  " + name + " ") + 2;
    const std::size_t end = text.find(';', start);
    const std::string instruction = text.substr(start, end - start);
    const std::string last = fmt::format(", %s{}", form.sources.size() - 1);
    // A destination of another size; that of cvt may be wider than its type, so it gets a predicate.
    const unsigned bits = form.destinations[0].bits;
    const bool may_be_64 = form.sources.back().bits == 64 || bits == 64 || name.rfind("cvt", 0) == 0;
    const std::string wrong = bits != 1 && may_be_64 ? "%on" : "%at";
    for (const std::string& changed : {instruction.substr(0, instruction.rfind(',')), instruction + last,
                                       name + " " + wrong + instruction.substr(instruction.find(',')),
                                       instruction.substr(0, instruction.rfind(',')) + ", [%at]",
                                       instruction.substr(0, instruction.rfind(',')) + ", {%s0, %s0}",
                                       instruction.substr(0, instruction.rfind(',')) + ", %nobody"}) {
      std::string mutated = text;
      mutated.replace(start, end - start, changed);
      BOOST_TEST(!is_loaded(mutated), "taken: " << changed);
    }
  }
  BOOST_TEST(tried.size() > 300u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
