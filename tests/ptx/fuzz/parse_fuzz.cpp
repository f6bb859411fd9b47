// Any bytes given as PTX are read, lowered to a program or refused with a LoadError that names the line: nothing else
// may come out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "harness/backends/emulator/device.hpp"
#include "harness/backends/emulator/syntax.hpp"

namespace {

using namespace attest::emulator;

// What the text would take of device memory; large amounts are right, but would be the fuzzer's own end.
std::uint64_t bytes_wanted(const Syntax& module) {
  constexpr std::uint64_t much = 1 << 26;
  std::uint64_t total = 0;
  for (const SyntaxVariable& variable : module.variables) {
    std::uint64_t bytes = variable.vector * 8;
    for (const std::int64_t extent : variable.dimensions)
      bytes = bytes > much ? much : bytes * static_cast<std::uint64_t>(extent);
    total += bytes;
  }
  return total > much ? much : total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    if (bytes_wanted(parse(text, "fuzz.ptx")) >= std::uint64_t{1} << 24) return 0;
    GlobalMemory memory;
    const Module module(text, "fuzz.ptx", memory);
  } catch (const LoadError& error) {
    if (!std::string_view(error.what()).starts_with("fuzz.ptx:" + std::to_string(error.line) + ": ")) std::abort();
  }
  return 0;
}
