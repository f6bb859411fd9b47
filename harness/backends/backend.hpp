#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "harness/core/variant.hpp"

namespace attest {

/// A kernel made ready on one problem: memory allocated, inputs in place. May be run any number of times.
class Execution {
 public:
  virtual ~Execution() = default;

  /// Computes the outputs once. Deterministic unless the kernel says otherwise.
  virtual void run() = 0;

  /// Seconds that the device's own clock gave for the last run, or nothing where the host's clock is the right one.
  virtual std::optional<double> device_seconds() const { return std::nullopt; }

  /// Moves to inputs that no cache holds (a rotated copy), for cold samples; called outside the timed part.
  virtual void make_cold() {}

  /// The outputs on the host; good until the next run().
  virtual const TensorSet& outputs() = 0;

  /// Peak of the workspace over all runs so far, in bytes.
  virtual std::size_t workspace_measured() const = 0;
};

/// Where kernels run.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;

  /// Whether this machine has it; a no has its reason.
  virtual Support available() const = 0;

  /// Whether it runs kernels that are written for `kernel.backend`.
  virtual bool runs(const Kernel& kernel) const = 0;

  /// Makes a kernel ready. `problem` and `inputs` must outlive the execution. Outputs start filled with NaN, so that an
  /// element that is never written is found. Throws Error when the kernel does not support the problem.
  virtual std::unique_ptr<Execution> prepare(const Variant& variant, const Kernel& kernel, const Problem& problem,
                                             const TensorSet& inputs, int threads) = 0;
};

/// Every backend that this build knows, cpu first.
std::span<Backend* const> all_backends();

/// The backend of that name. Throws Error (exit 2) when the name is unknown.
Backend& find_backend(std::string_view name);

}  // namespace attest
