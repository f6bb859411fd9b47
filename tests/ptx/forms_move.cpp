// mov: registers, constants in every notation, halves packed into wholes and taken apart; immediates of arithmetic.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

FormCase of(const std::string& text, const std::vector<Type>& destinations, const std::vector<Type>& sources,
            const LaneOracle& lane) {
  return {.text = text, .destinations = destinations, .sources = sources, .lane = lane, .count = 512};
}

/// An instruction with constants: what it gives for %s0.
FormCase constant(const std::string& text, const Type& type, const std::function<std::uint64_t(std::uint64_t)>& value) {
  return of("{on}" + text + ";", {type}, {type},
            [=](const std::uint64_t* s, Want* d) { d[0] = low_bits(value(s[0]), type.bits); });
}

std::vector<Type> repeated(const Type& type, std::size_t count) {
  return std::vector<Type>(count, type);
}

/// `parts` registers of `part` in one of `whole`, the first lowest.
void add_packs(std::vector<FormCase>& forms, const Type& whole, const Type& part, std::size_t parts) {
  std::string sources;
  std::string destinations;
  for (std::size_t k = 0; k < parts; ++k) {
    sources += (k != 0 ? ", %s" : "%s") + std::to_string(k);
    destinations += (k != 0 ? ", %d" : "%d") + std::to_string(k);
  }
  const std::string opcode = std::string("{on}mov.") + whole.name + " ";
  forms.push_back(
      of(opcode + "%d0, {" + sources + "};", {whole}, repeated(part, parts), [=](const std::uint64_t* s, Want* d) {
        std::uint64_t packed = 0;
        for (std::size_t k = 0; k < parts; ++k)
          packed |= s[k] << (k * static_cast<std::size_t>(part.bits));
        d[0] = packed;
      }));
  forms.push_back(
      of(opcode + "{" + destinations + "}, %s0;", repeated(part, parts), {whole}, [=](const std::uint64_t* s, Want* d) {
        for (std::size_t k = 0; k < parts; ++k)
          d[k] = low_bits(s[0] >> (k * static_cast<std::size_t>(part.bits)), part.bits);
      }));
  if (parts != 2) return;
  // A half that nobody wants, and a half that is a constant: as nvcc writes them.
  forms.push_back(of(opcode + "{_, %d0}, %s0;", {part}, {whole},
                     [=](const std::uint64_t* s, Want* d) { d[0] = s[0] >> part.bits; }));
  forms.push_back(of(opcode + "{%d0, _}, %s0;", {part}, {whole},
                     [=](const std::uint64_t* s, Want* d) { d[0] = low_bits(s[0], part.bits); }));
  forms.push_back(of(opcode + "%d0, {0, %s0};", {whole}, {part},
                     [=](const std::uint64_t* s, Want* d) { d[0] = s[0] << part.bits; }));
  // A register may be taken apart into itself, and packed with itself.
  forms.push_back(of(opcode + "%d0, {%s0, %s0};", {whole}, {part},
                     [=](const std::uint64_t* s, Want* d) { d[0] = s[0] << part.bits | s[0]; }));
  if (whole.bits == 64)
    forms.push_back(of(opcode + "{%d0, %d1}, %s0;\n" + opcode + "%s0, {%d1, %d0};\n" + opcode + "{%d0, %d1}, %s0;",
                       repeated(part, 2), {whole}, [=](const std::uint64_t* s, Want* d) {
                         d[0] = s[0] >> part.bits;
                         d[1] = low_bits(s[0], part.bits);
                       }));
}

/// The same with registers of 8 bits, which cvt fills and empties.
void add_bytes(std::vector<FormCase>& forms, const Type& whole, std::size_t parts) {
  std::string list, narrow, widen;
  for (std::size_t k = 0; k < parts; ++k) {
    const std::string number = std::to_string(k);
    list += (k != 0 ? ", %b" : "%b") + number;
    narrow += "{on}cvt.u8.u16 %b" + number + ", %s" + number + ";\n";
    widen += "\n{on}cvt.u16.u8 %d" + number + ", %b" + number + ";";
  }
  const std::string opcode = std::string("{on}mov.") + whole.name + " ";
  forms.push_back(
      of(narrow + opcode + "%d0, {" + list + "};", {whole}, repeated(b16, parts), [=](const std::uint64_t* s, Want* d) {
        std::uint64_t packed = 0;
        for (std::size_t k = 0; k < parts; ++k)
          packed |= (s[k] & 0xff) << (8 * k);
        d[0] = packed;
      }));
  forms.back().declarations = ".reg .b8 %b<4>;";
  forms.push_back(
      of(opcode + "{" + list + "}, %s0;" + widen, repeated(b16, parts), {whole}, [=](const std::uint64_t* s, Want* d) {
        for (std::size_t k = 0; k < parts; ++k)
          d[k] = s[0] >> (8 * k) & 0xff;
      }));
  forms.back().declarations = ".reg .b8 %b<4>;";
}

}  // namespace

std::vector<FormCase> move_forms() {
  std::vector<FormCase> forms;
  for (const Type& type : {pred, b16, b32, b64, u16, u32, u64, s16, s32, s64, f32, f64}) {
    const Type bits = type.bits == 1 ? pred : type.bits == 16 ? b16 : type.bits == 32 ? b32 : b64;
    forms.push_back(
        of(std::string("mov.") + type.name, {bits}, {bits}, [](const std::uint64_t* s, Want* d) { d[0] = s[0]; }));
  }
  add_packs(forms, b32, b16, 2);
  add_packs(forms, b64, b32, 2);
  add_packs(forms, b64, b16, 4);
  add_bytes(forms, b16, 2);
  add_bytes(forms, b32, 4);

  const auto always = [](std::uint64_t value) { return [value](std::uint64_t) { return value; }; };
  forms.push_back(constant("mov.u32 %d0, 0x1F", b32, always(0x1f)));
  forms.push_back(constant("mov.u32 %d0, 017", b32, always(15)));
  forms.push_back(constant("mov.u32 %d0, 0b101", b32, always(5)));
  forms.push_back(constant("mov.u32 %d0, 4294967295U", b32, always(0xffffffffu)));
  forms.push_back(constant("mov.s32 %d0, -2147483648", b32, always(0x80000000u)));
  forms.push_back(constant("mov.b16 %d0, -1", b16, always(0xffff)));
  forms.push_back(constant("mov.b16 %d0, 0x3C00", b16, always(0x3c00)));
  forms.push_back(constant("mov.u64 %d0, -1", b64, always(~std::uint64_t{0})));
  forms.push_back(constant("mov.b64 %d0, 9223372036854775808", b64, always(0x8000000000000000u)));
  forms.push_back(constant("mov.b64 %d0, 0xFEDCBA9876543210", b64, always(0xfedcba9876543210u)));
  forms.push_back(constant("mov.f32 %d0, 0f3FC00000", b32, always(0x3fc00000)));
  forms.push_back(constant("mov.f32 %d0, 0F7FC00000", b32, always(0x7fc00000)));
  forms.push_back(constant("mov.f32 %d0, 0dBFF8000000000000", b32, always(0xbfc00000)));
  forms.push_back(constant("mov.f32 %d0, 1.5", b32, always(0x3fc00000)));
  forms.push_back(constant("mov.f64 %d0, 0d3FF8000000000000", b64, always(0x3ff8000000000000u)));
  forms.push_back(constant("mov.f64 %d0, 1.5e0", b64, always(0x3ff8000000000000u)));
  forms.push_back(constant("add.s32 %d0, %s0, -7", b32, [](std::uint64_t s) { return s - 7; }));
  forms.push_back(constant("add.s64 %d0, %s0, -7", b64, [](std::uint64_t s) { return s - 7; }));
  forms.push_back(constant("sub.s16 %d0, 3, %s0", b16, [](std::uint64_t s) { return 3 - s; }));
  forms.push_back(constant("and.b64 %d0, %s0, -256", b64, [](std::uint64_t s) { return s & ~std::uint64_t{255}; }));
  forms.push_back(constant("xor.b32 %d0, %s0, -2147483648", b32, [](std::uint64_t s) { return s ^ 0x80000000u; }));
  forms.push_back(constant("mul.lo.s32 %d0, %s0, 3", b32, [](std::uint64_t s) { return s * 3; }));
  forms.push_back(constant("shl.b64 %d0, %s0, 4", b64, [](std::uint64_t s) { return s << 4; }));
  forms.push_back(constant("mov.u32 %d0, %laneid", b32, always(0)));
  forms.back().lane = nullptr;
  forms.back().warp = [](const WarpSources&, std::vector<std::vector<Want>>& d) {
    for (std::size_t lane = 0; lane < 32; ++lane)
      d[lane][0] = lane;
  };
  // A destination that is a source, of every size and with halves that swap.
  forms.push_back(of("{on}mad.lo.s32 %s0, %s0, %s0, %s0;\n{on}mov.b32 %d0, %s0;", {b32}, {b32},
                     [](const std::uint64_t* s, Want* d) { d[0] = low_bits(s[0] * s[0] + s[0], 32); }));
  forms.push_back(of("{on}mul.wide.u32 %t, %s0, %s0;\n{on}add.u64 %t, %t, %t;\n{on}cvt.u32.u64 %d0, %t;", {b32}, {b32},
                     [](const std::uint64_t* s, Want* d) { d[0] = low_bits(s[0] * s[0] * 2, 32); }));
  forms.back().declarations = ".reg .b64 %t;";
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(moves_pack_unpack_and_read_constants) {
  check_forms(move_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
