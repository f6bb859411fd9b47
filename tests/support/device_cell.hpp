#pragma once

#include <string_view>
#include <utility>

#include "harness/core/device_module.hpp"
#include "tests/support/cell.hpp"

namespace attest::test {

/// Whether this build has CUDA kernels to emulate: a build without nvcc has none.
inline bool has_device_code() {
  return !device_modules().empty();
}

/// One CUDA kernel on one problem on the emulator with all its checks on; run once.
struct DeviceCell : Cell {
  DeviceCell(std::string_view id, const Problem& cell_problem, TensorStorage cell_inputs)
      : Cell(find_kernel(id), cell_problem, std::move(cell_inputs), "emulated", 1, {.sanitize = true}) {}
  DeviceCell(std::string_view id, const Problem& cell_problem, std::string_view kind = "normal")
      : DeviceCell(id, cell_problem, generate_inputs(kind, *find_kernel(id).variant, cell_problem, 1)) {}

  DeviceCounts counts() const { return execution->counts().value(); }
  const TensorView& out() { return execution->outputs().at("out"); }
};

}  // namespace attest::test
