// Short random programs out of all forms that the emulator knows: each loads, or is refused with LoadError or
// LaunchError; it ends, or is ended by a fault or its budget; and it leaves the same memory and counts with every
// instruction set that the handlers are compiled for.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/device.hpp"

namespace {

using namespace attest::emulator;

struct KnownForm {
  std::string text;
  Form form;
};

const std::vector<KnownForm>& forms() {
  static const std::vector<KnownForm> all = [] {
    std::vector<KnownForm> list;
    for (const std::string& text : known_forms()) {
      std::vector<std::string_view> parts;
      for (std::string_view rest = text; !rest.empty();) {
        const std::size_t dot = rest.find('.');
        parts.push_back(rest.substr(0, dot));
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
      }
      auto form = find_form(parts[0], std::span(parts).subspan(1), Isa::portable, {});
      if (!form) {
        std::fprintf(stderr, "known_forms() has %s, which find_form() does not know\n", text.c_str());
        std::abort();
      }
      list.push_back({text, *std::move(form)});
    }
    return list;
  }();
  return all;
}

// Turns bytes into the text of a kernel. Bytes that have run out are zeros.
class Generator {
 public:
  explicit Generator(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint32_t next(std::uint32_t below) {
    const std::uint32_t low = byte();
    return (below > 256 ? low | byte() << 8 : low) % below;
  }

  std::string kernel() {
    std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n"
        ".global .align 16 .b8 data[256];\n.const .align 4 .b32 table[4] = {1, 2, 3, 4};\n"
        ".entry k(.param .u64 buffer, .param .u32 number)\n{\n"
        ".reg .pred %p<4>; .reg .b16 %h<6>; .reg .b32 %r<8>; .reg .b64 %d<8>;\n"
        ".shared .align 16 .b8 tile[512]; .local .align 8 .b8 stack[64];\n"
        "ld.param.u64 %d0, [buffer]; ld.param.u32 %r0, [number]; mov.u32 %r1, %tid.x; mov.u32 %r2, tile;\n"
        "shl.b32 %r3, %r1, 4; cvt.u64.u32 %d1, %r3; add.s64 %d1, %d1, %d0; mov.u64 %d2, tile; cvta.shared.u64 %d3, "
        "%d2;\n"
        "add.s32 %r4, %r2, %r3; setp.lt.u32 %p0, %r1, 20; setp.eq.u32 %p1, %r1, 3; mov.u32 %r5, -1;\n"
        "mov.b32 {%h0, %h1}, %r3; mov.u64 %d4, 0;\n";
    const std::uint32_t count = 1 + next(24);
    for (std::uint32_t index = 0; index < count; ++index) {
      if (next(8) == 0) text += fmt::format("L{}:\n", labels_++);
      text += statement();
    }
    for (; labels_ < label_count; ++labels_)
      text += fmt::format("L{}:\n", labels_);
    return text + "ret;\n}\n";
  }

 private:
  static constexpr std::uint32_t label_count = 30;

  std::uint32_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint32_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }

  std::string guard() {
    switch (next(4)) {
      case 0:
        return fmt::format("@%p{} ", next(4));
      case 1:
        return fmt::format("@!%p{} ", next(4));
      default:
        return "";
    }
  }

  std::string statement() {
    if (next(12) == 0) return fmt::format("{}bra{} L{};\n", guard(), next(4) == 0 ? ".uni" : "", next(label_count));
    const KnownForm& known = forms()[next(static_cast<std::uint32_t>(forms().size()))];
    if (known.form.flow == Flow::branch || known.form.flow == Flow::call) return "";
    return fmt::format("{}{} {};\n", guard(), known.text, operands(known.form));
  }

  std::string operands(const Form& form) {
    std::string text;
    std::uint8_t open_group = 0;
    for (std::size_t index = 0; index < form.operands.size(); ++index) {
      const OperandForm& operand = form.operands[index];
      if (operand.optional && !operand.destination && next(2) == 0) break;
      if (operand.optional && operand.destination) {
        if (next(2) == 0) text += "|" + (next(4) == 0 ? std::string("_") : one(operand));
        continue;
      }
      if (open_group != 0 && operand.group != open_group) {
        text += '}';
        open_group = 0;
      }
      if (!text.empty()) text += ", ";
      if (operand.group != 0 && open_group == 0) {
        text += '{';
        open_group = operand.group;
      }
      text += one(operand);
    }
    if (open_group != 0) text += '}';
    return text;
  }

  std::string number() {
    static constexpr const char* numbers[] = {"0",  "1",  "2",   "3",    "4",      "7",          "8",          "16",
                                              "31", "32", "255", "4096", "0x7FFF", "0x7FFFFFFF", "0x80000000", "-1"};
    return numbers[next(16)];
  }

  std::string floating(int bits) {
    static constexpr const char* singles[] = {"0f00000000", "0f3F800000", "0fBF800000", "0f7F800000",
                                              "0f7FC00000", "0f00000001", "0f42F00000", "1.5"};
    static constexpr const char* doubles[] = {"0d0000000000000000", "0d3FF0000000000000", "0d7FF0000000000000", "-2.5"};
    return bits == 64 ? doubles[next(4)] : singles[next(8)];
  }

  std::string address() {
    static constexpr const char* offsets[] = {"",   "+0",  "+4",   "+8",          "+16", "+2",
                                              "+1", "-16", "+256", "+2147483647", "+-4"};
    static constexpr const char* bases[] = {"%d0",   "%d1",  "%d1",   "%d2",    "%d3", "%r2", "%r4", "tile",
                                            "stack", "data", "table", "number", "%d4", "%d5", "16"};
    const std::string base = bases[next(15)];
    return fmt::format("[{}{}]", base, base == "16" ? "" : offsets[next(11)]);
  }

  std::string one(const OperandForm& operand) {
    if (operand.place == Place::address) return address();
    if (operand.immediate_only) return number();
    if (operand.place == Place::predicate) {
      const bool negated = !operand.destination && next(4) == 0;
      return fmt::format("{}%p{}", negated ? "!" : "", next(4));
    }
    if (!operand.destination && next(4) == 0)
      return operand.floating && next(4) != 0 ? floating(operand.bits) : number();
    static constexpr const char* special[] = {"%tid.x", "%laneid", "%warpid", "%ctaid.x", "%lanemask_lt", "%clock"};
    if (!operand.destination && operand.bits == 32 && next(12) == 0) return special[next(6)];
    int bits = operand.bits;
    if (operand.may_be_wider && next(4) == 0) bits = bits < 32 ? 32 : 64;
    if (bits <= 16) return fmt::format("%h{}", next(6));
    if (bits == 32) return fmt::format("%r{}", next(8));
    return fmt::format("%d{}", next(8));
  }

  std::span<const std::uint8_t> bytes_;
  std::uint32_t labels_ = 0;
};

struct Outcome {
  bool loaded = false;
  std::string ended;  // how
  std::vector<std::byte> memory;
  Counters counters;
  bool operator==(const Outcome&) const = default;
};

constexpr std::uint64_t buffer_bytes = 4096;

Outcome execute(const std::string& text, Isa isa, bool sanitize) {
  Outcome outcome;
  GlobalMemory memory;
  const std::uint64_t buffer = memory.allocate(buffer_bytes);
  std::vector<std::byte> content(buffer_bytes);
  for (std::size_t index = 0; index < content.size(); ++index)
    content[index] = static_cast<std::byte>(index * 37 >> 3);
  memory.write(buffer, content.data(), content.size());
  try {
    const Module module(text, "fuzz.ptx", memory, {}, isa);
    outcome.loaded = true;
    std::byte parameters[12];
    std::memcpy(parameters, &buffer, 8);
    const std::uint32_t number = 5;
    std::memcpy(parameters + 8, &number, 4);
    LaunchOptions options;
    options.sanitize = sanitize;
    options.threads = 1;
    options.instruction_budget = 2000;
    const LaunchResult result = module.launch("k", {2, 1, 1}, {40, 1, 1}, 64, parameters, options);
    outcome.ended = result.fault ? result.fault->message() : "";
    for (const Finding& finding : result.findings)
      outcome.ended += "\n" + finding.message();
    outcome.counters = result.counters;
  } catch (const LoadError& error) {
    outcome.ended = error.what();
  } catch (const LaunchError& error) {
    outcome.ended = error.what();
  }
  outcome.memory.resize(buffer_bytes);
  memory.read(buffer, outcome.memory.data(), buffer_bytes);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  Generator generator({data, size});
  const bool sanitize = generator.next(2) == 0;
  const std::string text = generator.kernel();
  if (std::getenv("ATTEST_FUZZ_SHOW") != nullptr) std::fputs(text.c_str(), stderr);
  const Outcome portable = execute(text, Isa::portable, sanitize);
  if (std::getenv("ATTEST_FUZZ_SHOW") != nullptr) std::fprintf(stderr, "-> %s\n", portable.ended.c_str());
  if (!portable.loaded || !__builtin_cpu_supports("avx2")) return 0;
  const Outcome wide = execute(text, Isa::avx2, sanitize);
  if (!(wide == portable)) {
    std::fprintf(stderr, "%s\nportable: %s\navx2: %s\nmemory %s, counts %s\n", text.c_str(), portable.ended.c_str(),
                 wide.ended.c_str(), wide.memory == portable.memory ? "equal" : "differs",
                 wide.counters == portable.counters ? "equal" : "differ");
    std::abort();
  }
  return 0;
}
