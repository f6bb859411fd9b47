#pragma once

// flash2/cuda_mma on the emulator with a fault put into it: as text of its PTX, or as a header of its source.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/backends/emulator/device.hpp"

namespace attest::planted {

/// Two heads of 300 ragged rows and keys, head dim 64, bf16, and what attention gives of them in double.
struct Setup {
  static constexpr int heads = 2;
  static constexpr int seq = 300;
  static constexpr int dim = 64;
  std::vector<std::uint16_t> q, k, v;
  std::vector<double> out;
};
const Setup& setup();

/// What came of a run.
struct Outcome {
  emulator::LaunchResult result;
  double error = 0.0;  ///< relative L2 of the output; NaN where it holds one
  bool is_right() const { return error <= 1e-2; }
  bool is_silent() const { return !result.fault && result.findings.empty(); }
  bool found(emulator::FaultKind kind) const;
  std::string described() const;
};

/// Runs `entry` of a module, warps in the order of `seed`.
Outcome run(const std::string& ptx, const std::string& entry, std::uint64_t seed);

/// The module's head and that entry alone.
std::string only_entry(const std::string& ptx, const std::string& entry);

/// One instruction of a text: all from `opcode` to its ';'.
struct Found {
  std::size_t start = 0;
  std::size_t length = 0;
};
/// Every instruction that begins with `opcode`, in order.
std::vector<Found> instructions(const std::string& ptx, const std::string& opcode);
/// The text with instruction number `index` of that opcode changed.
std::string with_changed(const std::string& ptx, const std::string& opcode, std::size_t index,
                         const std::function<std::string(std::string)>& change);

/// PTX of the kernel, compiled now with one of its headers changed: the first text of each pair, which stands in it
/// once, becomes the second. Throws std::runtime_error with what nvcc said.
std::string compile_with(const std::string& header, const std::vector<std::pair<std::string, std::string>>& changes);
/// Name of the entry that compile_with makes.
extern const char* const compiled_entry;

}  // namespace attest::planted
