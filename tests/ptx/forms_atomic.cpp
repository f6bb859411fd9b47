// atom and red: the old value comes back and the new one stays, by every operation, type and space; many lanes at one
// address add up.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {
namespace {

struct Operation {
  std::string text;  ///< after atom.<space>: "add.u32"
  Type type;
  std::function<Want(std::uint64_t old, std::uint64_t b, std::uint64_t c)> result;
  int operands = 1;
};

Want from(Wide value, const Type& type) {
  return low_bits(static_cast<std::uint64_t>(value), type.bits);
}

Operation integer(const std::string& name, const Type& type, const std::function<Wide(Wide, Wide)>& combine) {
  return {name + "." + type.name, type, [=](std::uint64_t old, std::uint64_t b, std::uint64_t) {
            return from(combine(integer_value(old, type), integer_value(b, type)), type);
          }};
}

Operation floating_sum(const std::string& text, const Type& type, bool flush) {
  return {text, type, [=](std::uint64_t old, std::uint64_t b, std::uint64_t) {
            const FloatOptions options{.flush = flush};
            if (type.kind != Kind::floating_pair) return Want(sum(old, b, type.format, options));
            return Want(sum(old & 0xffff, b & 0xffff, type.format, options),
                        sum(old >> 16, b >> 16, type.format, options));
          }};
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  for (const Type& type : {u32, s32, u64})
    all.push_back(integer("add", type, [](Wide a, Wide b) { return a + b; }));
  for (const Type& type : {u32, s32, u64, s64}) {
    all.push_back(integer("min", type, [](Wide a, Wide b) { return a < b ? a : b; }));
    all.push_back(integer("max", type, [](Wide a, Wide b) { return a > b ? a : b; }));
  }
  for (const Type& type : {b16, b32, b64})
    all.push_back({"cas." + std::string(type.name), type,
                   [](std::uint64_t old, std::uint64_t b, std::uint64_t c) { return Want(old == b ? c : old); }, 2});
  for (const Type& type : {b32, b64}) {
    all.push_back(integer("and", type, [](Wide a, Wide b) { return a & b; }));
    all.push_back(integer("or", type, [](Wide a, Wide b) { return a | b; }));
    all.push_back(integer("xor", type, [](Wide a, Wide b) { return a ^ b; }));
    all.push_back(integer("exch", type, [](Wide, Wide b) { return b; }));
  }
  all.push_back(integer("inc", u32, [](Wide a, Wide b) { return a >= b ? 0 : a + 1; }));
  all.push_back(integer("dec", u32, [](Wide a, Wide b) { return a == 0 || a > b ? b : a - 1; }));
  // atom.add.f32 on global memory flushes subnormals to zero, on shared memory it does not: see atomic_forms().
  all.push_back(floating_sum("add.f32", f32, false));
  all.push_back(floating_sum("add.f64", f64, false));
  all.push_back(floating_sum("add.noftz.f16", f16, false));
  all.push_back(floating_sum("add.noftz.f16x2", f16x2, false));
  all.push_back(floating_sum("add.noftz.bf16", bf16, false));
  all.push_back(floating_sum("add.noftz.bf16x2", bf16x2, false));
  return all;
}

bool has_reduction(const Operation& operation) {
  return !operation.text.starts_with("exch") && !operation.text.starts_with("cas");
}

/// Every thread has an element of its own: its old value is source 0.
FormCase of(const Operation& operation, const std::string& space, bool reduction, const std::string& order) {
  const Type& type = operation.type;
  const bool shared = space == "shared";
  const std::string width = type.bits == 64 ? "b64" : type.bits == 32 ? "b32" : "b16";
  const std::string bytes = std::to_string(type.bits / 8);
  const std::string dot_space = space.empty() ? "" : "." + space;
  std::string text = shared ? "mov.u64 %a, tile;\nmov.u32 %t, %tid.x;\nmad.wide.u32 %a, %t, " + bytes + ", %a;\n"
                            : "mov.u64 %a, scratch;\nmad.wide.u32 %a, %i, " + bytes + ", %a;\n";
  text += "st" + dot_space + "." + width + " [%a], %s0;\n";
  const std::string operands = operation.operands == 2 ? ", %s1, %s2" : ", %s1";
  text += reduction ? "{on}red" + order + dot_space + "." + operation.text + " [%a]" + operands + ";\n"
                    : "{on}atom" + order + dot_space + "." + operation.text + " %d0, [%a]" + operands + ";\n";
  text += "{on}ld" + dot_space + "." + width + " %d" + (reduction ? "0" : "1") + ", [%a];";
  FormCase form{.text = text,
                .destinations = std::vector<Type>(reduction ? 1 : 2, type),
                .sources = std::vector<Type>(operation.operands == 2 ? 3 : 2, type),
                .lane =
                    [=](const std::uint64_t* s, Want* d) {
                      if (!reduction)
                        d[0] = type.kind == Kind::floating_pair ? Want(exactly(s[0] & 0xffff), exactly(s[0] >> 16))
                                                                : Want(s[0]);
                      d[reduction ? 0 : 1] = operation.result(s[0], s[1], operation.operands == 2 ? s[2] : 0);
                    },
                .declarations = ".reg .b64 %a;\n  .reg .b32 %t;" +
                                std::string(shared ? "\n  .shared .align 16 .b8 tile[2048];" : ""),
                .count = 1024,
                .prepare =
                    [](std::vector<std::vector<std::uint64_t>>& tuples) {
                      for (std::size_t i = 0; i < tuples.size(); i += 2)  // a compare that succeeds is rare by chance
                        if (tuples[i].size() == 3) tuples[i][1] = tuples[i][0];
                    }};
  if (!shared) form.variables = ".global .align 16 .b8 scratch[16384];\n";
  // Whether a subnormal operand or sum of f32 in global memory is flushed differs between atom's definition and its
  // description of generic addresses: both are taken.
  if (operation.text == "add.f32" && !shared) {
    const LaneOracle kept = form.lane;
    form.lane = [=](const std::uint64_t* s, Want* d) {
      kept(s, d);
      Part& part = d[reduction ? 0 : 1].part[0];
      part.also = sum(s[0], s[1], single_format, {.flush = true}).bits;
    };
  }
  return form;
}

/// All active lanes of a warp at one address.
FormCase contended(const std::string& space) {
  const bool shared = space == "shared";
  std::string text = shared ? "mov.u64 %a, tile;\nmov.u32 %t, %tid.x;\n" : "mov.u64 %a, scratch;\nmov.u32 %t, %i;\n";
  text += "shr.u32 %t, %t, 5;\nmad.wide.u32 %a, %t, 4, %a;\n";
  text += "mov.u32 %t, 100;\nst." + space + ".u32 [%a], %t;\nbar.warp.sync -1;\n{on}atom." + space +
          ".add.u32 %d0, [%a], %s0;\nbar.warp.sync -1;\n{on}ld." + space + ".u32 %d1, [%a];";
  FormCase form{.text = text,
                .destinations = {u32, u32},
                .sources = {u32},
                .lane = {},
                .warp =
                    [](const WarpSources& warp, std::vector<std::vector<Want>>& d) {
                      // Any order will do; lanes in order is what a deterministic emulator may promise.
                      std::uint64_t sum = 100;
                      for (std::size_t lane = 0; lane < 32; ++lane)
                        if ((warp.active >> lane & 1) != 0) {
                          d[lane][0] = low_bits(sum, 32);
                          sum += warp.lanes[lane][0];
                        }
                      for (auto& lane : d)
                        lane[1] = low_bits(sum, 32);
                    },
                .declarations = ".reg .b64 %a;\n  .reg .b32 %t;" +
                                std::string(shared ? "\n  .shared .align 16 .b8 tile[128];" : ""),
                .count = 1024};
  if (!shared) form.variables = ".global .align 16 .b8 scratch[1024];\n";
  return form;
}

}  // namespace

std::vector<FormCase> atomic_forms() {
  std::vector<FormCase> forms;
  for (const Operation& operation : operations())
    for (const std::string space : {"global", "shared", ""}) {
      forms.push_back(of(operation, space, false, ""));
      if (has_reduction(operation)) forms.push_back(of(operation, space, true, ""));
    }
  const Operation add = operations()[0];
  for (const std::string order : {".relaxed.gpu", ".relaxed.cta", ".relaxed.sys"}) {
    forms.push_back(of(add, "global", false, order));
    forms.push_back(of(add, "global", true, order));
  }
  for (const std::string order : {".acquire.gpu", ".release.gpu", ".acq_rel.gpu", ".acq_rel.sys"})
    forms.push_back(of(add, "global", false, order));
  // A scope without an order, as atomicAdd_block and its kin are compiled.
  for (const std::string order : {".cta", ".gpu", ".sys"})
    for (const std::string space : {"global", "shared", ""}) {
      forms.push_back(of(add, space, false, order));
      forms.push_back(of(add, space, true, order));
    }
  forms.push_back(contended("global"));
  forms.push_back(contended("shared"));
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(atomics_return_the_old_value_and_leave_the_new) {
  check_forms(atomic_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
