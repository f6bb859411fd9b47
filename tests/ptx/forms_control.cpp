// What steers warps and orders memory: barriers of the block in every spelling, branches, calls; and what changes no
// value: fences, prefetches, cache policies, sleep. What was stored before a barrier is read behind it.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

/// The four warps of a block hold the same values, so that a lane knows what its like in another warp has.
void repeat_by_warp(std::vector<std::vector<std::uint64_t>>& tuples) {
  for (std::size_t i = 0; i < tuples.size(); ++i)
    tuples[i] = tuples[i / 128 * 128 + i % 32];
}

FormCase block_wide(const std::string& text, const std::vector<Type>& destinations, const std::vector<Type>& sources) {
  return {.text = text,
          .destinations = destinations,
          .sources = sources,
          .lane = [](const std::uint64_t* s, Want* d) { d[0] = s[0]; },
          .declarations = ".reg .b64 %a, %b;\n  .reg .b32 %t;\n  .reg .pred %p;\n  .shared .align 16 .b8 tile[512];",
          .count = 512,
          .prepare = repeat_by_warp,
          .under_guard = false};
}

const std::string own_place = "mov.u64 %a, tile;\nmov.u32 %t, %tid.x;\nmad.wide.u32 %b, %t, 4, %a;\n";
const std::string place_in_next_warp = "add.u32 %t, %t, 32;\nand.b32 %t, %t, 127;\nmad.wide.u32 %b, %t, 4, %a;\n";

/// Every thread stores, and reads what the next warp has stored.
FormCase meets(const std::string& barrier) {
  return block_wide(
      own_place + "st.shared.b32 [%b], %s0;\n" + barrier + ";\n" + place_in_next_warp + "ld.shared.b32 %d0, [%b];",
      {b32}, {b32});
}

/// The first warp stores and goes on, the others wait and read.
FormCase arrives(const std::string& arrive, const std::string& sync) {
  return block_wide(own_place + "mov.b32 %d0, %s0;\nsetp.lt.u32 %p, %t, 32;\n@%p bra FIRST;\n" + sync +
                        " 1, 128;\nand.b32 %t, %t, 31;\nmad.wide.u32 %b, %t, 4, %a;\nld.shared.b32 %d0, [%b];\n"
                        "bra DONE;\nFIRST:\nst.shared.b32 [%b], %s0;\n" +
                        arrive + " 1, 128;\nDONE:",
                    {b32}, {b32});
}

/// A vote of the block: `of_warp` from the mask of a warp's lanes with a true predicate.
FormCase votes(const std::string& barrier, const Type& type,
               const std::function<std::uint64_t(std::uint32_t yes)>& of_warp) {
  FormCase form = block_wide(barrier + " %d0, 0, %s0;\n" + barrier + " %d1, 3, 128, !%s0;", {type, type}, {pred});
  form.lane = {};
  form.warp = [=](const WarpSources& warp, std::vector<std::vector<Want>>& d) {
    std::uint32_t yes = 0;
    for (std::size_t lane = 0; lane < 32; ++lane)
      yes |= warp.lanes[lane][0] != 0 ? 1u << lane : 0u;
    for (auto& lane : d) {
      lane[0] = of_warp(yes);
      lane[1] = of_warp(~yes);
    }
  };
  form.prepare = [](std::vector<std::vector<std::uint64_t>>& tuples) {
    repeat_by_warp(tuples);
    for (std::size_t i = 0; i < tuples.size(); ++i)  // mixed, none, all
      if (i / 128 % 3 != 0) tuples[i][0] = i / 128 % 3 - 1;
  };
  return form;
}

void add_barriers(std::vector<FormCase>& forms) {
  struct Spelling {
    std::string opcode;
    std::string aligned;
  };
  for (const Spelling& spelling : std::vector<Spelling>{{"bar", ""},
                                                        {"bar.cta", ""},
                                                        {"barrier", ""},
                                                        {"barrier", ".aligned"},
                                                        {"barrier.cta", ""},
                                                        {"barrier.cta", ".aligned"}}) {
    const std::string sync = spelling.opcode + ".sync" + spelling.aligned;
    forms.push_back(meets(sync + " 0"));
    forms.push_back(meets(sync + " 5, 128"));
    forms.push_back(arrives(spelling.opcode + ".arrive" + spelling.aligned, sync));
    const std::string vote = spelling.opcode + ".red.";
    forms.push_back(votes(vote + "popc" + spelling.aligned + ".u32", u32,
                          [](std::uint32_t yes) { return static_cast<std::uint64_t>(4 * std::popcount(yes)); }));
    forms.push_back(votes(vote + "and" + spelling.aligned + ".pred", pred,
                          [](std::uint32_t yes) { return std::uint64_t{yes == 0xffffffffu}; }));
    forms.push_back(votes(vote + "or" + spelling.aligned + ".pred", pred,
                          [](std::uint32_t yes) { return std::uint64_t{yes != 0}; }));
  }
}

FormCase steps(const std::string& text, const LaneOracle& lane, const std::string& variables = {}) {
  return {
      .text = text,
      .destinations = {u32},
      .sources = {u32},
      .lane = lane,
      .declarations = ".reg .b64 %a, %policy;\n  .reg .b32 %t;\n  .reg .pred %p;\n  .local .align 16 .b8 depot[16];",
      .count = 512,
      .variables = variables};
}

void add_branches(std::vector<FormCase>& forms) {
  for (const std::string uniform : {"", ".uni"}) {
    forms.push_back(steps("mov.b32 %t, %s0;\nbra" + uniform + " OVER;\nadd.u32 %t, %t, 1;\nOVER:\n{on}mov.b32 %d0, %t;",
                          [](const std::uint64_t* s, Want* d) { d[0] = s[0]; }));
    // By lane, or by a value that all lanes share.
    const std::string index = uniform.empty() ? "and.b32 %t, %s0, 3;\n" : "and.b32 %t, %ctaid.x, 3;\n";
    FormCase table = steps(index + "jumps: .branchtargets ONE, TWO, ONE, THREE;\nbrx.idx" + uniform +
                               " %t, jumps;\nONE:\nmov.b32 %t, 1;\nbra DONE;\nTWO:\nmov.b32 %t, 2;\nbra DONE;\n"
                               "THREE:\nmov.b32 %t, 3;\nDONE:\n{on}mov.b32 %d0, %t;",
                           {});
    table.lane = [](const std::uint64_t* s, Want* d) { d[0] = (s[0] & 1) == 0 ? 1 : (s[0] & 3) == 1 ? 2 : 3; };
    // In block b, where b is taken as the value of every source.
    if (!uniform.empty())
      table.prepare = [](std::vector<std::vector<std::uint64_t>>& tuples) {
        for (std::size_t i = 0; i < tuples.size(); ++i)
          tuples[i][0] = i / 128;
      };
    forms.push_back(table);
    const std::string function =
        ".func (.reg .u32 result) changed (.reg .u32 value)\n{\n  .reg .pred %q;\n"
        "  setp.gt.u32 %q, value, 7;\n  mov.u32 result, value;\n  @%q bra BIG;\n  ret" +
        uniform + ";\nBIG:\n  xor.b32 result, value, 5;\n  ret;\n}\n";
    forms.push_back(steps(
        "{on}call" + uniform + " (%d0), changed, (%s0);",
        [](const std::uint64_t* s, Want* d) { d[0] = s[0] > 7 ? s[0] ^ 5 : s[0]; }, function));
  }
  forms.back().under_guard = false;
}

/// Instructions after which everything is as before.
void add_without_effect(std::vector<FormCase>& forms) {
  const LaneOracle same = [](const std::uint64_t* s, Want* d) { d[0] = s[0]; };
  const std::string scratch = ".global .align 16 .b8 scratch[4096];\n";
  const std::string start = "mov.u64 %a, scratch;\nmad.wide.u32 %a, %i, 4, %a;\nst.global.b32 [%a], %s0;\n";
  const auto add = [&](const std::string& instruction, const std::string& load = "ld.global.b32 %d0, [%a];") {
    forms.push_back(steps(start + "{on}" + instruction + ";\n{on}" + load, same, scratch));
  };
  for (const std::string level : {"cta", "gl", "sys", "proxy.alias"})
    add("membar." + level);
  for (const std::string order : {"acq_rel", "sc"})
    for (const std::string scope : {"cta", "cluster", "gpu", "sys"})
      add("fence." + order + "." + scope);
  for (const std::string fence :
       {"cta", "gpu", "sys", "acquire.cta", "acquire.gpu", "release.cta", "release.gpu", "proxy.alias"})
    add("fence." + fence);
  add("nanosleep.u32 20");
  add("nanosleep.u32 %i");
  for (const std::string level :
       {"L1", "L2", "global.L1", "global.L2", "global.L2::evict_last", "global.L2::evict_normal"})
    add("prefetch." + level + " [%a]");
  add("prefetch.local.L1 [depot]");
  add("prefetch.local.L2 [depot+4]");
  add("prefetchu.L1 [%a]");
  const std::string hinted = "ld.global.L2::cache_hint.b32 %d0, [%a], %policy;";
  for (const std::string first : {"evict_first", "evict_last", "evict_normal", "evict_unchanged"})
    for (const std::string other : {"", "L2::evict_first.", "L2::evict_unchanged."}) {
      const std::string priorities = "L2::" + first + "." + other + "b64 %policy";
      add("createpolicy.fractional." + priorities + ", 0.5", hinted);
      add("createpolicy.fractional." + priorities, hinted);
      add("createpolicy.range." + priorities + ", [%a], 64, 128", hinted);
      add("createpolicy.range.global." + priorities + ", [%a], %i, 4096", hinted);
    }
  add("createpolicy.cvt.L2.b64 %policy, %a", hinted);
}

}  // namespace

std::vector<FormCase> control_forms() {
  std::vector<FormCase> forms;
  add_barriers(forms);
  add_branches(forms);
  add_without_effect(forms);
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(barriers_branches_and_fences_keep_values_in_order) {
  check_forms(control_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
