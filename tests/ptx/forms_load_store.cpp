// ld and st: through every space, by its own and by generic addresses, of every type and vector, into registers of the
// type's size and wider; cache and order modifiers; what is stored comes back, extended as the type says.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

/// Where a round trip goes: how the address %a is made and what the accesses name.
struct Path {
  std::string space;    ///< of ld and st: "global", or empty for generic addresses
  std::string address;  ///< instructions that make %a for the thread; BYTES is the size of an access
  std::string variables;
  std::string declarations;
};

const std::string shared_array = ".shared .align 16 .b8 tile[2048];";
const std::string global_array = ".global .align 16 .b8 scratch[16384];\n";
const std::string local_array = ".local .align 16 .b8 depot[32];";
const std::string thread_offset = "mov.u32 %t, %tid.x;\nmad.wide.u32 %a, %t, BYTES, %a;\n";

std::vector<Path> paths() {
  return {{"global", "mov.u64 %a, scratch;\nmad.wide.u32 %a, %i, BYTES, %a;\n", global_array, ""},
          {"shared", "mov.u64 %a, tile;\n" + thread_offset, "", shared_array},
          {"local", "mov.u64 %a, depot;\nadd.s64 %a, %a, 16;\n", "", local_array},
          {"", "mov.u64 %a, scratch;\ncvta.global.u64 %a, %a;\nmad.wide.u32 %a, %i, BYTES, %a;\n", global_array, ""},
          {"", "mov.u64 %a, tile;\ncvta.shared.u64 %a, %a;\n" + thread_offset, "", shared_array},
          {"", "mov.u64 %a, depot;\ncvta.local.u64 %a, %a;\n", "", local_array}};
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from))
    text.replace(at, from.size(), to);
}

std::string registers(char name, int vector) {
  if (vector == 1) return std::string("%") + name + "0";
  std::string text = "{";
  for (int k = 0; k < vector; ++k)
    text += (k != 0 ? ", %" : "%") + std::string(1, name) + std::to_string(k);
  return text + "}";
}

FormCase round_trip(const Path& path, const Type& type, int vector, int width, const std::string& load_modifiers = {},
                    const std::string& store_modifiers = {}) {
  const Type holder = width == 16 ? b16 : width == 32 ? b32 : b64;
  const std::string shape = (vector == 1 ? "." : ".v" + std::to_string(vector) + ".") + type.name;
  const std::string space = path.space.empty() ? "" : "." + path.space;
  std::string address = path.address;
  replace(address, "BYTES", std::to_string(type.bits / 8 * vector));
  return {.text = address + "{on}st" + store_modifiers + space + shape + " [%a], " + registers('s', vector) +
                  ";\n{on}ld" + load_modifiers + space + shape + " " + registers('d', vector) + ", [%a];",
          .destinations = std::vector<Type>(static_cast<std::size_t>(vector), holder),
          .sources = std::vector<Type>(static_cast<std::size_t>(vector), holder),
          .lane =
              [=](const std::uint64_t* s, Want* d) {
                for (int k = 0; k < vector; ++k)
                  d[k] = low_bits(static_cast<std::uint64_t>(integer_value(s[k], type)), width);
              },
          .declarations = ".reg .b64 %a;\n  .reg .b32 %t;\n  " + path.declarations,
          .count = 256,
          .variables = path.variables};
}

/// ld and st whose modifiers change nothing that a program without other threads sees.
void add_modified(std::vector<FormCase>& forms) {
  const Path global = paths()[0];
  const Path shared = paths()[1];
  const auto loads = [&](const Path& path, const std::string& before, const std::string& after) {
    FormCase form = round_trip(path, b32, 1, 32);
    replace(form.text, "{on}ld." + path.space, "{on}LD" + before + "." + path.space + after);
    replace(form.text, "LD", "ld");
    forms.push_back(form);
  };
  const auto stores = [&](const Path& path, const std::string& before, const std::string& after) {
    FormCase form = round_trip(path, b32, 1, 32);
    replace(form.text, "{on}st." + path.space, "{on}ST" + before + "." + path.space + after);
    replace(form.text, "ST", "st");
    forms.push_back(form);
  };
  for (const std::string modifier : {".ca", ".cg", ".cs", ".lu", ".cv"})
    loads(global, "", modifier);
  for (const std::string modifier : {".L1::no_allocate", ".L1::evict_last", ".L2::64B", ".L2::128B", ".L2::256B"})
    loads(global, "", modifier);
  for (const std::string modifier : {".wb", ".cg", ".cs", ".wt", ".L1::no_allocate"})
    stores(global, "", modifier);
  for (const Path& path : {global, shared}) {
    for (const std::string modifier : {".volatile", ".weak"}) {
      loads(path, modifier, "");
      stores(path, modifier, "");
    }
    for (const std::string scope : {".cta", ".gpu", ".sys"}) {
      loads(path, ".relaxed" + scope, "");
      loads(path, ".acquire" + scope, "");
      stores(path, ".relaxed" + scope, "");
      stores(path, ".release" + scope, "");
    }
  }
}

/// ld.global.nc of what the host wrote: every lane its element of source 0's array, which parameter 1 points to.
void add_read_only(std::vector<FormCase>& forms) {
  for (const std::string cache : {"", ".ca", ".L1::no_allocate", ".L2::128B", ".L1::no_allocate.L2::128B"})
    for (const Type& type : {b32, u32, s32, f32}) {
      if (!cache.empty() && type.kind != Kind::bits) continue;
      forms.push_back({.text = "ld.param.u64 %a, [form_param_1];\ncvta.to.global.u64 %a, %a;\nmad.wide.u32 %a, %i, 4, "
                               "%a;\n{on}ld.global" +
                               (cache == ".ca" ? ".ca.nc" : ".nc" + cache) + "." + type.name + " %d0, [%a];",
                       .destinations = {b32},
                       .sources = {b32},
                       .lane = [](const std::uint64_t* s, Want* d) { d[0] = s[0]; },
                       .declarations = ".reg .b64 %a;",
                       .count = 256});
    }
}

const std::vector<Type>& memory_types() {
  static const std::vector<Type> types = {b8, u8, s8, b16, u16, s16, b32, u32, s32, f32, b64, u64, s64, f64};
  return types;
}

/// f(type, length of a vector) for all that fit in 16 bytes.
template <class F>
void each_access(F f) {
  for (const Type& type : memory_types())
    for (const int vector : {1, 2, 4})
      if (type.bits * vector <= 128) f(type, vector);
}

std::string shape_of(const Type& type, int vector) {
  return (vector == 1 ? "." : ".v" + std::to_string(vector) + ".") + type.name;
}

/// A register that holds a type, and a value in it.
Type holder_of(const Type& type) {
  return type.bits <= 16 ? b16 : type.bits == 32 ? b32 : b64;
}
std::uint64_t held(std::uint64_t bits, const Type& type) {
  return low_bits(static_cast<std::uint64_t>(integer_value(bits, type)), std::max(type.bits, 16));
}

/// Element `index` of `type` in bytes.
std::uint64_t element_of(const std::vector<std::uint8_t>& bytes, std::size_t index, const Type& type) {
  std::uint64_t bits = 0;
  const auto width = static_cast<std::size_t>(type.bits / 8);
  for (std::size_t byte = 0; byte < width; ++byte)
    bits |= std::uint64_t{bytes[index * width + byte]} << (8 * byte);
  return held(bits, type);
}

/// Loads of what the host wrote: every lane one of eight places in its warp's 128 bytes of source 0's array.
FormCase host_written(const std::string& opening, const Type& type, int vector) {
  const auto count = static_cast<std::size_t>(vector);
  return {.text = "ld.param.u64 %a, [form_param_" + std::to_string(vector) +
                  "];\ncvta.to.global.u64 %a, %a;\nand.b32 %t, %i, -32;\nmad.wide.u32 %a, %t, 4, %a;\n"
                  "and.b32 %t, %i, 7;\nmad.wide.u32 %a, %t, " +
                  std::to_string(type.bits / 8 * vector) + ", %a;\n{on}" + opening + shape_of(type, vector) + " " +
                  registers('d', vector) + ", [%a];",
          .destinations = std::vector<Type>(count, holder_of(type)),
          .sources = {b32},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, std::vector<std::vector<Want>>& d) {
                std::vector<std::uint8_t> bytes;
                for (const auto& sources : warp.lanes)
                  for (int byte = 0; byte < 4; ++byte)
                    bytes.push_back(static_cast<std::uint8_t>(sources[0] >> (8 * byte)));
                for (std::size_t lane = 0; lane < 32; ++lane)
                  for (std::size_t k = 0; k < count; ++k)
                    d[lane][k] = element_of(bytes, lane % 8 * count + k, type);
              },
          .declarations = ".reg .b64 %a;\n  .reg .b32 %t;",
          .count = 256};
}

FormCase constant_load(const Type& type, int vector) {
  const std::vector<std::uint8_t> bytes = {0x81, 2, 0xfe, 4, 5, 0x96, 7, 0xf8, 9, 0x8a, 11, 0, 0xff, 14, 0, 0x80};
  std::string list;
  for (const std::uint8_t byte : bytes)
    list += (list.empty() ? "" : ", ") + std::to_string(byte);
  const auto count = static_cast<std::size_t>(vector);
  return {.text = "{on}ld.const" + shape_of(type, vector) + " " + registers('d', vector) + ", [table];",
          .destinations = std::vector<Type>(count, holder_of(type)),
          .sources = {},
          .lane =
              [=](const std::uint64_t*, Want* d) {
                for (std::size_t k = 0; k < count; ++k)
                  d[k] = element_of(bytes, k, type);
              },
          .count = 128,
          .variables = ".const .align 16 .b8 table[16] = {" + list + "};\n"};
}

/// Parameters hold addresses that the host does not tell: loads of them are held against loads of a copy in local
/// memory. The result counts the elements that agree.
FormCase parameter_load(const Type& type, int vector) {
  const std::string width = type.bits == 64 ? "b64" : type.bits == 32 ? "b32" : "b16";
  std::string text =
      "ld.param.u64 %a, [form_param_0];\nst.local.u64 [depot], %a;\nld.param.u64 %a, [form_param_1];\n"
      "st.local.u64 [depot+8], %a;\nld.local" +
      shape_of(type, vector) + " " + registers('x', vector) + ", [depot];\nld.param" + shape_of(type, vector) + " " +
      registers('y', vector) + ", [form_param_0];\nmov.u32 %t, 0;\n";
  for (int k = 0; k < vector; ++k)
    text +=
        "setp.eq." + width + " %p, %x" + std::to_string(k) + ", %y" + std::to_string(k) + ";\n@%p add.u32 %t, %t, 1;\n";
  return {.text = text + "{on}mov.b32 %d0, %t;",
          .destinations = {b32},
          .sources = {},
          .lane = [=](const std::uint64_t*, Want* d) { d[0] = static_cast<std::uint64_t>(vector); },
          .declarations = ".reg .b64 %a;\n  .reg .b32 %t;\n  .reg .pred %p;\n  .reg ." + width +
                          " %x<4>, %y<4>;\n"
                          "  .local .align 16 .b8 depot[16];",
          .count = 128};
}

/// Constants and a parameter that is an array of bytes are read as they were written.
void add_constants(std::vector<FormCase>& forms) {
  const auto reads = [&](const std::string& text, const std::vector<std::uint64_t>& values) {
    FormCase form{.text = text,
                  .destinations = std::vector<Type>(values.size(), b32),
                  .sources = {},
                  .lane =
                      [=](const std::uint64_t*, Want* d) {
                        for (std::size_t k = 0; k < values.size(); ++k)
                          d[k] = values[k];
                      },
                  .count = 128};
    form.variables =
        ".const .align 16 .b32 table[4] = {1, -1, 0x12345678, 4};\n.global .align 8 .u64 pointer = table;\n";
    forms.push_back(form);
  };
  reads("{on}ld.const.b32 %d0, [table+8];", {0x12345678});
  reads("{on}ld.const.v2.u32 {%d0, %d1}, [table];", {1, 0xffffffff});
  reads("{on}ld.const.v4.u32 {%d0, %d1, %d2, %d3}, [table];", {1, 0xffffffff, 0x12345678, 4});
  reads("{on}ld.const.u8 %d0, [table+9];", {0x56});
  reads("{on}ld.const.s8 %d0, [table+7];", {0xffffffff});
  reads("{on}ld.const.u16 %d0, [table+8];", {0x5678});
}

}  // namespace

std::vector<FormCase> load_store_forms() {
  std::vector<FormCase> forms;
  for (const Path& path : paths())
    each_access([&](const Type& type, int vector) {
      const int natural = std::max(type.bits, 16);
      forms.push_back(round_trip(path, type, vector, natural));
      // Loads may fill a wider register, of integers and of untyped bits.
      if (type.kind != Kind::floating && natural < 64) forms.push_back(round_trip(path, type, vector, natural * 2));
      if (type.kind != Kind::floating && natural < 32) forms.push_back(round_trip(path, type, vector, 64));
    });
  each_access([&](const Type& type, int vector) {
    const int natural = std::max(type.bits, 16);
    forms.push_back(round_trip(paths()[0], type, vector, natural, ".volatile", ".volatile"));
    forms.push_back(round_trip(paths()[0], type, vector, natural, ".acquire.gpu", ".release.gpu"));
    forms.push_back(round_trip(paths()[1], type, vector, natural, ".volatile", ".volatile"));
    for (const std::string opening : {"ld.global.nc", "ldu.global"})
      forms.push_back(host_written(opening, type, vector));
    forms.push_back(constant_load(type, vector));
    forms.push_back(parameter_load(type, vector));
  });
  add_modified(forms);
  add_read_only(forms);
  add_constants(forms);
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(what_is_stored_is_loaded_from_every_space) {
  check_forms(load_store_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
