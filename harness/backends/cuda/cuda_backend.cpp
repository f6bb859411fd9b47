#include "harness/backends/cuda/cuda_backend.hpp"

#include <array>
#include <bit>
#include <fmt/format.h>

#include "harness/backends/cuda/execution.hpp"
#include "harness/core/error.hpp"

namespace attest {
namespace {

// Both list the same counts in the same order.
DeviceCounts device_counts_of(const emulator::Counters& counters) {
  constexpr std::size_t count = sizeof(emulator::Counters) / sizeof(std::uint64_t);
  static_assert(count == sizeof(DeviceCounts) / sizeof(double));
  const auto values = std::bit_cast<std::array<std::uint64_t, count>>(counters);
  DeviceCounts counts;
  std::size_t index = 0;
  for_each_count(counts, [&](const char*, double& value) { value = static_cast<double>(values[index++]); });
  return counts;
}

class EmulatorObserver final : public DeviceObserver {
 public:
  EmulatorObserver(const DeviceOptions& options, int threads) {
    options_.launch.sanitize = options.sanitize;
    options_.launch.threads = threads;
    options_.launch.warp_order_seed = options.warp_order;
    options_.model.wide_accumulation = options.wide_accumulation;
    options_.keep_log = true;
  }

  void begin() override {
    emulator::set_driver_options(options_);
    emulator::take_driver_log();
  }

  void end() override {
    emulator::Counters sum;
    for (const emulator::DriverLaunch& launch : emulator::take_driver_log()) {
      sum += launch.result.counters;
      for (const emulator::Finding& finding : launch.result.findings)
        add(finding);
      if (launch.result.fault) add(*launch.result.fault);
    }
    counts_ = device_counts_of(sum);
  }

  std::optional<DeviceCounts> counts() const override { return counts_; }
  std::vector<DeviceFinding> findings() const override { return findings_; }

 private:
  // A second run finds the same again.
  void add(const emulator::Finding& finding) {
    DeviceFinding made{std::string(emulator::name_of(finding.kind)), finding.message()};
    for (const DeviceFinding& known : findings_) {
      if (known.message == made.message) return;
    }
    findings_.push_back(std::move(made));
  }

  emulator::DriverOptions options_;
  std::optional<DeviceCounts> counts_;
  std::vector<DeviceFinding> findings_;
};

Support kernels_are_here() {
  if (!device_modules().empty()) return Support::yes();
  return Support::no(device_compiler().empty() ? "the CUDA kernels are absent: no nvcc was found at build time"
                                               : "no CUDA kernel is in this build");
}

void refuse_unsupported(const Variant& variant, const Kernel& kernel, const Problem& problem, const TensorSet& inputs) {
  const Support support = supports(variant, kernel, problem, presence_of(inputs));
  if (!support) {
    complain(fmt::format("{}/{}", variant.name, kernel.name), support.reason, "choose another kernel or problem");
  }
}

class CudaBackend final : public Backend {
 public:
  std::string_view name() const override { return "cuda"; }
  bool runs(const Kernel& kernel) const override { return kernel.backend == "cuda"; }

  Support available() const override {
    if (driver().reason.empty()) return kernels_are_here();
    return Support::no(driver().reason);
  }

  bool has_clock() const override { return driver().has_clock; }

  std::unique_ptr<Execution> prepare(const Variant& variant, const Kernel& kernel, const Problem& problem,
                                     const TensorSet& inputs, int threads, const DeviceOptions&) override {
    if (!driver().reason.empty()) complain("cuda", driver().reason, "see `attest doctor`", ExitCode::no_backend);
    refuse_unsupported(variant, kernel, problem, inputs);
    return std::make_unique<CudaExecution>(driver().api, variant, kernel, problem, inputs, threads, nullptr);
  }

  static DeviceFacts device() {
    if (!driver().reason.empty()) throw Error(driver().reason, ExitCode::no_backend);
    return driver().facts;
  }

 private:
  struct Opened {
    DriverApi api;
    DeviceFacts facts;
    std::string reason;  ///< why there is no device; empty: there is
    bool has_clock = false;
  };

  // Opened once, when somebody asks: a driver takes a moment to start.
  static const Opened& driver() {
    static const Opened opened = [] {
      Opened made;
      try {
        made.api = load_driver(driver_library());
        made.facts = open_device(made.api);
        made.has_clock = finds_clock(made.api);
      } catch (const std::exception& error) {
        made.reason = fmt::format("no device is here: {}", error.what());
      }
      return made;
    }();
    return opened;
  }

  static bool finds_clock(const DriverApi& api) {
    const DeviceContext context(api);
    emulator::CUevent event = nullptr;
    ATTEST_CALL(api, cuEventCreate, &event, emulator::CU_EVENT_DEFAULT);
    ATTEST_CALL(api, cuEventRecord, event, nullptr);
    ATTEST_CALL(api, cuEventSynchronize, event);
    float milliseconds = 0.0F;
    const emulator::CUresult result = api.cuEventElapsedTime(&milliseconds, event, event);
    ATTEST_CALL(api, cuEventDestroy_v2, event);
    return result == emulator::CUDA_SUCCESS;
  }
};

class EmulatedBackend final : public Backend {
 public:
  std::string_view name() const override { return "emulated"; }
  bool runs(const Kernel& kernel) const override { return kernel.backend == "cuda"; }
  Support available() const override { return kernels_are_here(); }
  bool has_clock() const override { return false; }

  std::unique_ptr<Execution> prepare(const Variant& variant, const Kernel& kernel, const Problem& problem,
                                     const TensorSet& inputs, int threads, const DeviceOptions& options) override {
    if (threads < 1) complain("threads", fmt::format("{} is out of range", threads), "give 1 or more");
    refuse_unsupported(variant, kernel, problem, inputs);
    return std::make_unique<CudaExecution>(emulated_driver(), variant, kernel, problem, inputs, threads,
                                           std::make_unique<EmulatorObserver>(options, threads));
  }
};

}  // namespace

Backend& cuda_backend() {
  static CudaBackend backend;
  return backend;
}

Backend& emulated_backend() {
  static EmulatedBackend backend;
  return backend;
}

DeviceFacts cuda_device() {
  return CudaBackend::device();
}

}  // namespace attest
