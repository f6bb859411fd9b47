// Comparison and selection: ordered and unordered, NaN, signed zeros, flushed subnormals; combined with a predicate.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {
namespace {

/// Of two values that are ordered: -1, 0, 1.
bool holds(const std::string& comparison, int order) {
  if (comparison == "eq") return order == 0;
  if (comparison == "ne") return order != 0;
  if (comparison == "lt" || comparison == "lo") return order < 0;
  if (comparison == "le" || comparison == "ls") return order <= 0;
  if (comparison == "gt" || comparison == "hi") return order > 0;
  return order >= 0;  // ge, hs
}

bool compared(const std::string& comparison, std::uint64_t a, std::uint64_t b, const Type& type, bool flush) {
  if (type.kind != Kind::floating && type.kind != Kind::floating_pair) {
    const Wide x = integer_value(a, type);
    const Wide y = integer_value(b, type);
    return holds(comparison, x < y ? -1 : x > y ? 1 : 0);
  }
  const bool unordered = is_nan(a, type.format) || is_nan(b, type.format);
  if (comparison == "num") return !unordered;
  if (comparison == "nan") return unordered;
  const bool or_unordered = comparison.size() == 3;
  if (unordered) return or_unordered;
  const Quad x = value_of(flushed(a, type.format, flush), type.format);
  const Quad y = value_of(flushed(b, type.format, flush), type.format);
  return holds(comparison.substr(0, 2), x < y ? -1 : x > y ? 1 : 0);
}

bool combined(const std::string& operation, bool a, bool b) {
  return operation == "and" ? a && b : operation == "or" ? a || b : operation == "xor" ? a != b : a;
}

std::vector<std::string> comparisons_of(const Type& type) {
  switch (type.kind) {
    case Kind::bits:
      return {"eq", "ne"};
    case Kind::integer:
      if (type.is_signed) return {"eq", "ne", "lt", "le", "gt", "ge"};
      return {"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs"};
    default:
      return {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
  }
}

/// setp: p, and q = the negated comparison, each combined with c. A pair of halves gives p of the low one and q of the
/// high one.
void add_setp(std::vector<FormCase>& forms, const Type& type, bool flush) {
  const std::string suffix = std::string(flush ? ".ftz." : ".") + type.name;
  const bool pair = type.kind == Kind::floating_pair;
  for (const std::string& comparison : comparisons_of(type))
    for (const std::string operation : {"", "and", "or", "xor"})
      for (const bool second : {false, true}) {
        if (pair && !second) continue;
        if (second && type.kind == Kind::floating && type.bits == 16) continue;
        // Every operation once with one comparison and every comparison plain: the rest are the same code.
        if (!operation.empty() && second && !pair && comparison != "lt" && comparison != "ne") continue;
        for (const bool negated : {false, true}) {
          if (negated && operation.empty()) continue;
          std::vector<Type> sources{type, type};
          std::string operands = second ? "%d0|%d1, %s0, %s1" : "%d0, %s0, %s1";
          if (!operation.empty()) {
            sources.push_back(pred);
            operands += negated ? ", !%s2" : ", %s2";
          }
          forms.push_back({.text = "setp." + comparison + (operation.empty() ? "" : "." + operation) + suffix,
                           .destinations = second ? std::vector<Type>{pred, pred} : std::vector<Type>{pred},
                           .sources = sources,
                           .lane =
                               [=](const std::uint64_t* s, Want* d) {
                                 const bool c = !operation.empty() && (s[2] != 0) != negated;
                                 const std::uint64_t low = pair ? 0xffff : ~std::uint64_t{0};
                                 const bool result = compared(comparison, s[0] & low, s[1] & low, type, flush);
                                 d[0] = std::uint64_t{combined(operation, result, c)};
                                 if (!second) return;
                                 const bool other =
                                     pair ? compared(comparison, s[0] >> 16, s[1] >> 16, type, flush) : !result;
                                 d[1] = std::uint64_t{combined(operation, other, c)};
                               },
                           .operands = operands,
                           .count = type.kind == Kind::floating ? 4096u : 2048u});
        }
      }
}

/// What set writes for true: all ones of an integer, 1.0 of a float.
std::uint64_t truth(const Type& type, bool value) {
  if (!value) return 0;
  if (type.kind == Kind::floating || type.kind == Kind::floating_pair)
    return round_to(1, type.format, Rounding::nearest);
  return low_bits(~std::uint64_t{0}, type.bits);
}

void add_set(std::vector<FormCase>& forms, const Type& destination, const Type& type, bool flush) {
  const std::string suffix = std::string(flush ? ".ftz." : ".") + destination.name + "." + type.name;
  const bool pair = type.kind == Kind::floating_pair;
  for (const std::string& comparison : comparisons_of(type))
    for (const std::string operation : {"", "and", "or", "xor"}) {
      // Every operation long with two comparisons, and every comparison plain: the rest are the same code.
      const bool brief = !operation.empty() && comparison != "le" && comparison != "ne";
      std::vector<Type> sources{type, type};
      if (!operation.empty()) sources.push_back(pred);
      forms.push_back({.text = "set." + comparison + (operation.empty() ? "" : "." + operation) + suffix,
                       .destinations = {destination},
                       .sources = sources,
                       .lane =
                           [=](const std::uint64_t* s, Want* d) {
                             const bool c = !operation.empty() && s[2] != 0;
                             const auto result = [&](std::uint64_t a, std::uint64_t b) {
                               return combined(operation, compared(comparison, a, b, type, flush), c);
                             };
                             if (!pair) {
                               d[0] = truth(destination, result(s[0], s[1]));
                               return;
                             }
                             const Type half = destination.kind == Kind::floating_pair ? destination : u16;
                             const std::uint64_t low = truth(half, result(s[0] & 0xffff, s[1] & 0xffff));
                             const std::uint64_t high = truth(half, result(s[0] >> 16, s[1] >> 16));
                             d[0] = destination.kind == Kind::floating_pair ? Want(exactly(low), exactly(high))
                                                                            : high << 16 | low;
                           },
                       .count = brief ? 256u : 2048u});
    }
}

}  // namespace

std::vector<FormCase> compare_forms() {
  std::vector<FormCase> forms;
  for (const Type& type : {b16, b32, b64, u16, u32, u64, s16, s32, s64, f16, f16x2, bf16, bf16x2, f32, f64}) {
    add_setp(forms, type, false);
    if (type.bits != 64 && type.format != bfloat_format &&
        (type.kind == Kind::floating || type.kind == Kind::floating_pair))
      add_setp(forms, type, true);
  }
  for (const Type& destination : {u32, s32, f32})
    for (const Type& type : {b16, b32, b64, u16, u32, u64, s16, s32, s64, f32, f64}) {
      add_set(forms, destination, type, false);
      if (type.bits == 32 && type.kind == Kind::floating) add_set(forms, destination, type, true);
    }
  for (const Type& destination : {u16, s16, u32, s32, f16})
    for (const bool flush : {false, true})
      add_set(forms, destination, f16, flush);
  for (const Type& destination : {u16, s16, u32, s32, bf16})
    add_set(forms, destination, bf16, false);
  for (const Type& destination : {u32, s32, bf16x2})
    add_set(forms, destination, bf16x2, false);
  for (const Type& destination : {u32, s32, f16x2})
    for (const bool flush : {false, true})
      add_set(forms, destination, f16x2, flush);
  for (const Type& type : {b16, b32, b64, u16, u32, u64, s16, s32, s64, f32, f64}) {
    const std::string suffix = std::string(".") + type.name;
    // Bits are carried unchanged, those of a NaN too.
    const Type bits = type.bits == 16 ? b16 : type.bits == 32 ? b32 : b64;
    forms.push_back({.text = "selp" + suffix,
                     .destinations = {bits},
                     .sources = {type, type, pred},
                     .lane = [](const std::uint64_t* s, Want* d) { d[0] = s[2] != 0 ? s[0] : s[1]; }});
    forms.push_back(
        {.text = "slct" + suffix + ".s32",
         .destinations = {bits},
         .sources = {type, type, s32},
         .lane = [](const std::uint64_t* s, Want* d) { d[0] = integer_value(s[2], s32) >= 0 ? s[0] : s[1]; }});
    for (const bool flush : {false, true})
      forms.push_back({.text = std::string("slct") + (flush ? ".ftz" : "") + suffix + ".f32",
                       .destinations = {bits},
                       .sources = {type, type, f32},
                       .lane = [=](const std::uint64_t* s, Want* d) {
                         const std::uint64_t c = flushed(s[2], single_format, flush);
                         d[0] = !is_nan(c, single_format) && value_of(c, single_format) >= 0 ? s[0] : s[1];
                       }});
  }
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(comparisons_are_ordered_or_not_and_select) {
  check_forms(compare_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
