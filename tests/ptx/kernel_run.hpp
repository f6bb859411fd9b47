#pragma once

// A module of a test's own and its launches.

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "harness/backends/emulator/device.hpp"
#include "tests/ptx/form_case.hpp"

namespace attest::ptx {

/// Memory with a module in it. The header is put before `text`.
class KernelRun {
 public:
  explicit KernelRun(const std::string& text, emulator::Isa isa = emulator::chosen_isa())
      : module_(module_header() + text, "test.ptx", memory_, {}, isa) {}

  /// Address of a copy of `values` in global memory.
  template <class T>
  std::uint64_t put(const std::vector<T>& values) {
    const std::uint64_t address = memory_.allocate(values.size() * sizeof(T));
    BOOST_REQUIRE(memory_.write(address, values.data(), values.size() * sizeof(T)));
    return address;
  }
  template <class T>
  std::vector<T> get(std::uint64_t address, std::size_t count) const {
    std::vector<T> values(count);
    BOOST_REQUIRE(memory_.read(address, values.data(), count * sizeof(T)));
    return values;
  }
  /// Launches the only entry with 64-bit parameters.
  emulator::LaunchResult launch(const emulator::Size3& grid, const emulator::Size3& block,
                                const std::vector<std::uint64_t>& parameters,
                                const emulator::LaunchOptions& options = {.threads = 1},
                                std::uint32_t dynamic_shared_bytes = 0) const {
    return module_.launch(module_.entries().front(), grid, block, dynamic_shared_bytes,
                          std::as_bytes(std::span(parameters)), options);
  }
  emulator::GlobalMemory& memory() { return memory_; }
  const emulator::Module& module() const { return module_; }

 private:
  emulator::GlobalMemory memory_;
  emulator::Module module_;
};

/// An entry `k` of one pointer parameter, which is in %out; %tid, %lane and %warp are set.
inline std::string simple_entry(const std::string& declarations, const std::string& body) {
  return ".visible .entry k(.param .u64 k_param_0)\n{\n.reg .pred %p<8>;\n.reg .b32 %r<16>, %tid, %lane, %warp;\n"
         ".reg .b64 %rd<8>, %out, %mine;\n.reg .f32 %f<8>;\n" +
         declarations +
         "\nld.param.u64 %out, [k_param_0];\nmov.u32 %tid, %tid.x;\nand.b32 %lane, %tid, 31;\nshr.u32 %warp, %tid, 5;\n"
         "mad.wide.u32 %mine, %tid, 4, %out;\n" +
         body + "\nret;\n}\n";
}

/// All findings, one a line, the fault first: for messages.
inline std::string described(const emulator::LaunchResult& result) {
  std::string text;
  if (result.fault) text += result.fault->message() + "\n";
  for (const emulator::Finding& finding : result.findings)
    text += finding.message() + "\n";
  return text;
}

inline bool is_silent(const emulator::LaunchResult& result) {
  return !result.fault && result.findings.empty();
}

/// Whether the launch found that kind, as what ended it or by the way.
inline bool found(const emulator::LaunchResult& result, emulator::FaultKind kind) {
  if (result.fault && result.fault->kind == kind) return true;
  for (const emulator::Finding& finding : result.findings)
    if (finding.kind == kind) return true;
  return false;
}

}  // namespace attest::ptx
