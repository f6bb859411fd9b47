// Any bytes given as PTX are read or refused with a LoadError that names the line: nothing else may come out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/syntax.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  try {
    attest::emulator::parse(std::move(text), "fuzz.ptx");
  } catch (const attest::emulator::LoadError& error) {
    if (!std::string_view(error.what()).starts_with("fuzz.ptx:" + std::to_string(error.line) + ": ")) std::abort();
  }
  return 0;
}
