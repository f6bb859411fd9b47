#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "harness/backends/backend.hpp"
#include "harness/core/device_module.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/verify/verify.hpp"

namespace attest::test {

/// Whether this build has CUDA kernels to emulate: a build without nvcc has none.
inline bool has_device_code() {
  return !device_modules().empty();
}

/// One CUDA kernel on one problem on the emulator with all its checks on; run once.
struct DeviceCell {
  DeviceCell(std::string_view id, const Problem& cell_problem, TensorStorage cell_inputs)
      : entry(find_kernel(id)),
        problem(cell_problem),
        storage(std::move(cell_inputs)),
        inputs(storage.views()),
        execution(find_backend("emulated")
                      .prepare(*entry.variant, *entry.kernel, problem, inputs, 1, DeviceOptions{.sanitize = true})) {
    execution->run();
  }
  DeviceCell(std::string_view id, const Problem& cell_problem, std::string_view kind = "normal")
      : DeviceCell(id, cell_problem, generate_inputs(kind, *find_kernel(id).variant, cell_problem, 1)) {}
  DeviceCell(const DeviceCell&) = delete;

  /// Every row against the oracle, and the first finding of the checks as a failure.
  Verification judge() {
    const auto oracle = make_oracle(*entry.variant, problem, inputs, execution->outputs());
    VerifyOptions options;
    options.budget = 1e18;
    options.threads = 2;
    Verification verification =
        verify(*oracle, problem, entry.kernel->arithmetic(problem), execution->outputs(), options);
    const auto findings = execution->findings();
    if (!findings.empty() && verification.verdict.has_passed()) {
      verification.verdict = {Outcome::failed, findings.front().message};
    }
    return verification;
  }

  DeviceCounts counts() const { return execution->counts().value(); }
  const TensorView& out() { return execution->outputs().at("out"); }

  KernelEntry entry;
  Problem problem;
  TensorStorage storage;
  TensorSet inputs;
  std::unique_ptr<Execution> execution;
};

}  // namespace attest::test
