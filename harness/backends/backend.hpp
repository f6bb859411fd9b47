#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "harness/core/device_counts.hpp"
#include "harness/core/variant.hpp"

namespace attest {

/// A kernel that a device could not run to its end, or did not accept. what() is one line: the call, the driver's name
/// for the error and, from the emulator, kernel, source line, block, thread and address.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a device is to run a kernel; the CPU takes no notice.
struct DeviceOptions {
  bool sanitize = false;           ///< the emulator looks for races, reads of what was never written, and so on
  std::uint64_t warp_order = 0;    ///< of the emulator: 0 in order, else the seed of the order in which warps run
  bool wide_accumulation = false;  ///< of the emulator: the other model of how mma rounds
};

/// A kernel made ready on one problem: memory allocated, inputs in place. May be run any number of times.
class Execution {
 public:
  virtual ~Execution() = default;

  /// Computes the outputs once. Deterministic unless the kernel says otherwise. Throws DeviceError.
  virtual void run() = 0;

  /// Computes the outputs once and notes where the threads spend their time; false where the kernel cannot say.
  virtual bool run_in_phases(Phases&) { return false; }

  /// Seconds that the device's own clock gave for the last run, or nothing where the host's clock is the right one.
  virtual std::optional<double> device_seconds() const { return std::nullopt; }

  /// The outputs on the host; good until the next run().
  virtual const TensorSet& outputs() = 0;

  /// Peak of the workspace over all runs so far, in bytes.
  virtual std::size_t workspace_measured() const = 0;

  /// What the last run did on the device, or nothing where nobody counted.
  virtual std::optional<DeviceCounts> counts() const { return std::nullopt; }

  /// What the checks found in all runs so far, a kernel's fault included; empty unless checks were asked for or it
  /// failed.
  virtual std::vector<DeviceFinding> findings() const { return {}; }

  /// What the compiler said of the entries that a run launches, and their launches' shared bytes and threads.
  virtual std::vector<EntryResources> resources() const { return {}; }
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

  /// Whether runs can be timed. Where not, cells are checked and counted and have no seconds.
  virtual bool has_clock() const { return true; }

  /// Makes a kernel ready. `problem` and `inputs` must outlive the execution. Outputs start filled with NaN, so that an
  /// element that is never written is found. Throws Error when the kernel does not support the problem, DeviceError
  /// when the device does not take it, std::bad_alloc where memory cannot be had.
  virtual std::unique_ptr<Execution> prepare(const Variant& variant, const Kernel& kernel, const Problem& problem,
                                             const TensorSet& inputs, int threads,
                                             const DeviceOptions& options = {}) = 0;
};

/// Every backend that this build knows, cpu first.
std::span<Backend* const> all_backends();

/// The backend of that name. Throws Error (exit 2) when the name is unknown.
Backend& find_backend(std::string_view name);

}  // namespace attest
