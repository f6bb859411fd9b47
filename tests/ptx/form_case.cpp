#include "tests/ptx/form_case.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fmt/format.h>
#include <sstream>

namespace attest::ptx {
namespace {

constexpr std::size_t block_threads = 128;
constexpr std::uint64_t untouched = 0xdeadbeefcafe1234u;  // what destinations hold before the instruction

const char* register_type(const Type& type) {
  if (type.kind == Kind::predicate) return "pred";
  return type.bits == 64 ? "b64" : type.bits == 32 ? "b32" : "b16";
}

std::size_t bytes_of(const Type& type) {
  return type.kind == Kind::predicate ? 4 : static_cast<std::size_t>(type.bits) / 8;
}

std::string line(const std::string& text) {
  return "  " + text + "\n";
}

/// Puts element %i of the array of parameter `index` into `name`.
std::string load(const Type& type, const std::string& name, std::size_t index, const std::string& entry) {
  std::string text = line(fmt::format("ld.param.u64 %at, [{}_param_{}];", entry, index));
  text += line("cvta.to.global.u64 %at, %at;");
  text += line(fmt::format("mul.wide.u32 %offset, %i, {};", bytes_of(type)));
  text += line("add.s64 %at, %at, %offset;");
  if (type.kind == Kind::predicate)
    return text + line("ld.global.b32 %word, [%at];") + line(fmt::format("setp.ne.s32 {}, %word, 0;", name));
  return text + line(fmt::format("ld.global.{} {}, [%at];", register_type(type), name));
}

std::string store(const Type& type, const std::string& name, std::size_t index, const std::string& entry) {
  std::string text = line(fmt::format("ld.param.u64 %at, [{}_param_{}];", entry, index));
  text += line("cvta.to.global.u64 %at, %at;");
  text += line(fmt::format("mul.wide.u32 %offset, %i, {};", bytes_of(type)));
  text += line("add.s64 %at, %at, %offset;");
  if (type.kind == Kind::predicate)
    return text + line(fmt::format("selp.b32 %word, 1, 0, {};", name)) + line("st.global.b32 [%at], %word;");
  return text + line(fmt::format("st.global.{} [%at], {};", register_type(type), name));
}

std::string body_text(const FormCase& form, bool guarded) {
  const std::string guard = guarded ? "@%on " : "";
  if (form.text.find(';') == std::string::npos) {
    std::string operands = form.operands;
    if (operands.empty()) {
      for (std::size_t k = 0; k < form.destinations.size(); ++k)
        operands += fmt::format("{}%d{}", k ? ", " : "", k);
      for (std::size_t k = 0; k < form.sources.size(); ++k)
        operands += fmt::format("{}%s{}", operands.empty() ? "" : ", ", k);
    }
    return line(guard + form.text + " " + operands + ";");
  }
  std::string text;
  for (std::size_t at = 0; at < form.text.size();) {
    if (form.text.compare(at, 4, "{on}") == 0) {
      text += guard;
      at += 4;
    } else {
      text += form.text[at++];
    }
  }
  return text + "\n";
}

bool fits(const Type& type, const Part& want, std::uint64_t got) {
  const bool floating = type.kind == Kind::floating || type.kind == Kind::floating_pair;
  if (want.anything) return true;
  if (want.bounded) {
    const double value = static_cast<double>(value_of(got, type.format));
    return value >= want.low && value <= want.high;
  }
  if (got == want.bits || got == want.also) return true;
  return floating && is_nan(want.bits, type.format) && is_nan(got, type.format);
}

bool fits(const Type& type, const Want& want, std::uint64_t got) {
  if (type.kind != Kind::floating_pair) return fits(type, want.part[0], got);
  return fits(type, want.part[0], got & 0xffff) && fits(type, want.part[1], got >> 16);
}

std::string shown(const Type& type, const Part& part) {
  if (part.anything) return "anything";
  if (part.bounded) return fmt::format("[{:.9g}, {:.9g}]", part.low, part.high);
  std::string text = fmt::format("0x{:x}", part.bits);
  if (type.kind == Kind::floating)
    text += fmt::format(" ({:.9g})", static_cast<double>(value_of(part.bits, type.format)));
  if (part.also != part.bits) text += fmt::format(" or 0x{:x}", part.also);
  return text;
}

std::string shown(const Type& type, const Want& want) {
  std::string text = shown(type, want.part[0]);
  if (type.kind == Kind::floating_pair) text += " low, " + shown(type, want.part[1]) + " high";
  return text;
}

std::uint32_t mask_of_warp(std::size_t warp, std::mt19937_64& random) {
  const auto drawn = static_cast<std::uint32_t>(random());
  switch (warp % 5) {
    case 0:
      return 0xffffffffu;
    case 1:
      return drawn;
    case 2:
      return 1u << (drawn % 32);
    case 3:
      return drawn & 0xffffu;
    default:
      return drawn | 0x80000000u;
  }
}

struct Arrays {
  emulator::GlobalMemory memory;
  std::vector<std::uint64_t> addresses;

  void add(const Type& type, const std::vector<std::uint64_t>& values) {
    const std::size_t width = bytes_of(type);
    std::vector<std::byte> bytes(values.size() * width);
    for (std::size_t i = 0; i < values.size(); ++i)
      std::memcpy(bytes.data() + i * width, &values[i], width);
    addresses.push_back(memory.allocate(bytes.size()));
    BOOST_REQUIRE(memory.write(addresses.back(), bytes.data(), bytes.size()));
  }
  std::vector<std::uint64_t> get(const Type& type, std::size_t index, std::size_t count) const {
    const std::size_t width = bytes_of(type);
    std::vector<std::byte> bytes(count * width);
    BOOST_REQUIRE(memory.read(addresses[index], bytes.data(), bytes.size()));
    std::vector<std::uint64_t> values(count, 0);
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(&values[i], bytes.data() + i * width, width);
    return values;
  }
};

std::uint64_t fresh(const Type& type) {
  return type.kind == Kind::predicate ? 1 : low_bits(untouched, type.bits);
}

/// What every lane of every warp must hold.
std::vector<std::vector<Want>> wanted(const FormCase& form, const std::vector<std::vector<std::uint64_t>>& tuples,
                                      const std::vector<std::uint32_t>& masks) {
  std::vector<std::vector<Want>> wants(tuples.size(), std::vector<Want>(form.destinations.size()));
  for (std::size_t warp = 0; warp < masks.size(); ++warp) {
    if (form.warp && masks[warp] != 0) {
      std::vector<std::vector<Want>> of_warp(32, std::vector<Want>(form.destinations.size()));
      form.warp({std::span(tuples).subspan(warp * 32, 32), masks[warp]}, of_warp);
      for (std::size_t lane = 0; lane < 32; ++lane)
        wants[warp * 32 + lane] = of_warp[lane];
    }
    for (std::size_t lane = 0; lane < 32; ++lane) {
      const std::size_t i = warp * 32 + lane;
      if (((masks[warp] >> lane) & 1) == 0) {
        for (std::size_t k = 0; k < form.destinations.size(); ++k) {
          const std::uint64_t before = fresh(form.destinations[k]);
          const bool pair = form.destinations[k].kind == Kind::floating_pair;
          wants[i][k] = pair ? Want(exactly(before & 0xffff), exactly(before >> 16)) : Want(before);
        }
      } else if (form.lane) {
        form.lane(tuples[i].data(), wants[i].data());
      }
    }
  }
  return wants;
}

void run_form(const FormCase& form, bool guarded, const std::vector<std::vector<std::uint64_t>>& tuples) {
  std::mt19937_64 random(7);
  std::vector<std::uint32_t> masks(tuples.size() / 32, 0xffffffffu);
  if (guarded)
    for (std::size_t warp = 0; warp < masks.size(); ++warp)
      masks[warp] = mask_of_warp(warp, random);
  const std::vector<std::vector<Want>> wants = wanted(form, tuples, masks);
  const std::string text = module_header() + form.variables + entry_text(form, "form", guarded);

  for (const emulator::Isa isa : available_isas()) {
    const std::string place =
        fmt::format("{} ({}{})", form_names(form).front(), name_of(isa), guarded ? ", guarded" : "");
    Arrays arrays;
    for (const Type& type : form.destinations)
      arrays.add(type, std::vector<std::uint64_t>(tuples.size(), fresh(type)));
    for (std::size_t k = 0; k < form.sources.size(); ++k) {
      std::vector<std::uint64_t> column;
      for (const auto& tuple : tuples)
        column.push_back(tuple[k]);
      arrays.add(form.sources[k], column);
    }
    std::vector<std::uint64_t> masked;
    for (std::size_t i = 0; i < tuples.size(); ++i)
      masked.push_back(masks[i / 32]);
    arrays.add(b32, masked);
    try {
      const emulator::Module module(text, "form", arrays.memory, form.model, isa);
      const emulator::LaunchResult result =
          module.launch("form", {static_cast<std::uint32_t>(tuples.size() / block_threads), 1, 1},
                        {block_threads, 1, 1}, 0, std::as_bytes(std::span(arrays.addresses)), {.threads = 1});
      if (result.fault) BOOST_ERROR(place + ": " + result.fault->message());
      for (const emulator::Finding& finding : result.findings)
        BOOST_ERROR(place + ": " + finding.message());
      if (result.fault) continue;
    } catch (const std::runtime_error& error) {
      BOOST_ERROR(place + ": " + error.what());
      return;
    }
    int wrong = 0;
    for (std::size_t k = 0; k < form.destinations.size(); ++k) {
      const std::vector<std::uint64_t> got = arrays.get(form.destinations[k], k, tuples.size());
      for (std::size_t i = 0; i < tuples.size(); ++i) {
        if (fits(form.destinations[k], wants[i][k], got[i])) continue;
        if (++wrong > 2) continue;
        std::string sources;
        for (std::size_t s = 0; s < form.sources.size(); ++s)
          sources += fmt::format("{}0x{:x}", s ? ", " : "", tuples[i][s]);
        BOOST_ERROR(fmt::format("{}: lane {} of ({}): destination {} is 0x{:x}, not {}", place, i % 32, sources, k,
                                got[i], shown(form.destinations[k], wants[i][k])));
      }
    }
    if (wrong > 2) BOOST_TEST_MESSAGE(fmt::format("{}: {} values differ", place, wrong));
  }
}

bool is_known(const FormCase& form) {
  static const std::vector<std::string> known = emulator::known_forms();
  for (const std::string& name : form_names(form))
    if (std::find(known.begin(), known.end(), name) == known.end()) return false;
  return true;
}

}  // namespace

Part exactly(std::uint64_t bits) {
  return {.bits = bits, .also = bits};
}
Part one_of(std::uint64_t bits, std::uint64_t also) {
  return {.bits = bits, .also = also};
}
Part anything() {
  return {.anything = true};
}
Part within(double value, double error) {
  return {.bounded = true, .low = value - error, .high = value + error};
}

std::string module_header() {
  return ".version 7.8\n.target sm_80\n.address_size 64\n\n";
}

std::string entry_text(const FormCase& form, const std::string& name, bool guarded) {
  const std::size_t parameters = form.destinations.size() + form.sources.size() + 1;
  std::string text = fmt::format(".visible .entry {}(\n", name);
  for (std::size_t k = 0; k < parameters; ++k)
    text += fmt::format("  .param .u64 {}_param_{}{}\n", name, k, k + 1 < parameters ? "," : "");
  text += ")\n{\n";
  for (std::size_t k = 0; k < form.destinations.size(); ++k)
    text += line(fmt::format(".reg .{} %d{};", register_type(form.destinations[k]), k));
  for (std::size_t k = 0; k < form.sources.size(); ++k)
    text += line(fmt::format(".reg .{} %s{};", register_type(form.sources[k]), k));
  text += line(".reg .pred %on;") + line(".reg .b32 %i, %word, %members, %lane;") + line(".reg .b64 %at, %offset;");
  text += form.declarations.empty() ? "" : line(form.declarations);
  text += line("mov.u32 %i, %ctaid.x;") + line("mov.u32 %word, %ntid.x;") + line("mov.u32 %lane, %tid.x;") +
          line("mad.lo.s32 %i, %i, %word, %lane;");
  for (std::size_t k = 0; k < form.destinations.size(); ++k)
    text += load(form.destinations[k], fmt::format("%d{}", k), k, name);
  for (std::size_t k = 0; k < form.sources.size(); ++k)
    text += load(form.sources[k], fmt::format("%s{}", k), form.destinations.size() + k, name);
  text += load(b32, "%members", parameters - 1, name);
  text += line("and.b32 %lane, %lane, 31;") + line("shr.u32 %word, %members, %lane;") +
          line("and.b32 %word, %word, 1;") + line("setp.ne.s32 %on, %word, 0;");
  text += body_text(form, guarded);
  for (std::size_t k = 0; k < form.destinations.size(); ++k)
    text += store(form.destinations[k], fmt::format("%d{}", k), k, name);
  return text + "  ret;\n}\n";
}

std::vector<std::string> form_names(const FormCase& form) {
  std::vector<std::string> names;
  std::istringstream lines(form.text);
  for (std::string one; std::getline(lines, one);) {
    if (const std::size_t guard = one.find("{on}"); guard != std::string::npos) one = one.substr(guard + 4);
    const std::size_t start = one.find_first_not_of(" ");
    if (start == std::string::npos) continue;
    names.push_back(one.substr(start, one.find_first_of(" ;", start) - start));
  }
  return names;
}

std::vector<emulator::Isa> available_isas() {
  std::vector<emulator::Isa> isas{emulator::Isa::portable};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    isas.push_back(emulator::Isa::avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    isas.push_back(emulator::Isa::avx512);
#endif
  return isas;
}

void check_form(const FormCase& form) {
  if (!form.required && !is_known(form)) return;
  const std::size_t count = (form.count + block_threads - 1) / block_threads * block_threads;
  std::vector<std::vector<std::uint64_t>> tuples = tuples_of(form.sources, count, 1);
  if (form.prepare) form.prepare(tuples);
  run_form(form, false, tuples);
  if (form.under_guard) run_form(form, true, tuples);
}

void check_forms(const std::vector<FormCase>& forms) {
  for (const FormCase& form : forms)
    check_form(form);
  BOOST_TEST(!forms.empty());
}

std::vector<FormCase> all_forms() {
  std::vector<FormCase> all;
  for (const auto& table :
       {integer_forms, bit_forms, compare_forms, float_forms, half_forms, approximate_forms, convert_forms, move_forms,
        warp_forms, mma_forms, exact_mma_forms, load_store_forms, atomic_forms, shared_forms, control_forms}) {
    const std::vector<FormCase> forms = table();
    all.insert(all.end(), forms.begin(), forms.end());
  }
  return all;
}

}  // namespace attest::ptx
