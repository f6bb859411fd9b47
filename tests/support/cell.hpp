#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "harness/backends/backend.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/verify/input_seal.hpp"
#include "harness/verify/verify.hpp"

namespace attest::test {

/// The backend that a program of the contract holds its kernels to: the same sources are built once for each.
#ifndef ATTEST_CONTRACT_BACKEND
#define ATTEST_CONTRACT_BACKEND "cpu"
#endif
inline constexpr std::string_view contract_backend = ATTEST_CONTRACT_BACKEND;
inline constexpr bool on_cpu = contract_backend == "cpu";

/// One kernel on one problem, as the harness would run it: inputs given or generated, kernel run once, every row
/// judged.
struct Cell {
  Cell(const KernelEntry& kernel, const Problem& cell_problem, TensorStorage cell_inputs, std::string_view backend,
       int threads, const DeviceOptions& options)
      : entry(kernel),
        problem(cell_problem),
        storage(std::move(cell_inputs)),
        inputs(storage.views()),
        seal(inputs),
        execution(find_backend(backend).prepare(*entry.variant, *entry.kernel, problem, inputs, threads, options)) {
    execution->run();
  }
  Cell(const KernelEntry& kernel, const Problem& cell_problem, std::string_view kind, int threads = 2,
       std::uint64_t seed = 1, const DeviceOptions& options = {.sanitize = true})
      : Cell(kernel, cell_problem, generate_inputs(kind, *kernel.variant, cell_problem, seed), contract_backend,
             threads, options) {
    nature = find_input_kind(kind).nature;
  }
  Cell(const Cell&) = delete;

  /// Runs again on inputs that the test has changed.
  void run_on_changed_inputs() {
    seal = InputSeal(inputs);
    execution->run();
  }

  /// Every row against the oracle, some rows against the known defects (rule M) unless left out, and the first finding
  /// of the emulator's checks as a failure.
  Verification judge(bool matches_defects = true) {
    const auto oracle = make_oracle(*entry.variant, problem, inputs, execution->outputs());
    VerifyOptions options;
    options.budget = 1e18;
    options.defect_budget = 0.0;
    options.threads = 2;
    options.matches_defects = matches_defects;
    options.nature = nature;
    Verification verification =
        verify(*oracle, problem, entry.kernel->arithmetic(problem), execution->outputs(), options);
    if (const std::string name = seal.broken(); !name.empty()) {
      verification.verdict = {Outcome::failed, "the kernel wrote to its input '" + name + "'"};
    }
    // A right result by way of a race or of memory that nobody wrote is luck.
    if (const auto findings = execution->findings(); !findings.empty() && verification.verdict.has_passed()) {
      verification.verdict = {Outcome::failed, findings.front().message};
    }
    return verification;
  }

  KernelEntry entry;
  Problem problem;
  TensorStorage storage;
  TensorSet inputs;
  InputSeal seal;
  std::unique_ptr<Execution> execution;
  Nature nature{};  // of given inputs: structured
};

/// Whether the kernel runs on the contract's backend and takes the problem with that kind of input.
inline bool takes(const KernelEntry& entry, const Problem& problem, std::string_view kind) {
  return find_backend(contract_backend).runs(*entry.kernel) && supports_inputs(kind, *entry.variant, problem) &&
         supports(*entry.variant, *entry.kernel, problem, presence_of_inputs(kind));
}

}  // namespace attest::test
