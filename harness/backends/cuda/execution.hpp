#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/backends/cuda/device.hpp"
#include "harness/core/device_module.hpp"

namespace attest {

/// What only the emulator can be asked, beside the driver API: how to run, and what it saw.
class DeviceObserver {
 public:
  virtual ~DeviceObserver() = default;

  /// Before a module is loaded and before each run.
  virtual void begin() = 0;
  /// After each run, failed or not.
  virtual void end() = 0;
  /// What the last run did, and what all runs' checks found.
  virtual std::optional<DeviceCounts> counts() const = 0;
  virtual std::vector<DeviceFinding> findings() const = 0;
};

/// A kernel's launches on a device, made ready: outputs filled with NaN, inputs uploaded dense, workspace allocated.
class CudaExecution final : public Execution {
 public:
  /// `api`, `problem` and `inputs` outlive it; `observer` may be null. Throws DeviceError and std::bad_alloc.
  CudaExecution(const DriverApi& api, const Variant& variant, const Kernel& kernel, const Problem& problem,
                const TensorSet& inputs, int threads, std::unique_ptr<DeviceObserver> observer);
  ~CudaExecution() override;

  void run() override;
  std::optional<double> device_seconds() const override { return seconds_; }
  const TensorSet& outputs() override;
  std::size_t workspace_measured() const override { return workspace_.bytes(); }
  std::optional<DeviceCounts> counts() const override;
  std::vector<DeviceFinding> findings() const override;
  std::vector<EntryResources> resources() const override;

 private:
  // A launch with its parameters in place: kernel parameters are pointers into `values`.
  struct ReadyLaunch {
    Launch launch;
    emulator::CUfunction function = nullptr;
    std::vector<std::vector<std::byte>> values;
    std::vector<void*> parameters;
  };

  void allocate(const Variant& variant, const TensorSet& inputs);
  void load();
  void make_ready(Launch launch);
  std::vector<std::byte> value_of(const Argument& argument, const Launch& launch) const;
  void launch_all();

  const DriverApi& api_;
  const Problem& problem_;
  std::string id_;
  const DeviceModule& device_module_;
  std::unique_ptr<DeviceObserver> observer_;
  DeviceContext context_;
  std::map<std::string, DeviceBuffer, std::less<>> tensors_;
  DeviceBuffer workspace_;
  TensorStorage storage_;
  TensorSet outputs_;
  emulator::CUmodule module_ = nullptr;
  emulator::CUstream stream_ = nullptr;
  emulator::CUevent start_ = nullptr;
  emulator::CUevent stop_ = nullptr;
  std::vector<ReadyLaunch> launches_;
  std::optional<double> seconds_;
};

}  // namespace attest
