#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/backend.hpp"
#include "harness/backends/cuda/driver_api.hpp"

namespace attest {

/// Checks a call's result. Throws std::bad_alloc where the device's memory ran out, else DeviceError
/// "cuLaunchKernel: CUDA_ERROR_ILLEGAL_ADDRESS (...)" and, after a colon, what the emulator says beside.
void check_call(const DriverApi& api, emulator::CUresult result, std::string_view call);

/// api.function(arguments...), checked.
#define ATTEST_CALL(api, function, ...) check_call((api), (api).function(__VA_ARGS__), #function)

/// What doctor says of a device.
struct DeviceFacts {
  std::string name;
  int driver_version = 0;  ///< 13000 is 13.0
  int compute_major = 0;
  int compute_minor = 0;
  int multiprocessors = 0;
};

/// Device 0 of a driver, initialised. Throws Error (exit 5) where there is none, or none of compute capability 8.0.
DeviceFacts open_device(const DriverApi& api);

/// The device's primary context, retained and current as long as this lives. The last one to go ends the context and
/// with it whatever a failed kernel left.
class DeviceContext {
 public:
  explicit DeviceContext(const DriverApi& api);
  ~DeviceContext();
  DeviceContext(const DeviceContext&) = delete;
  DeviceContext& operator=(const DeviceContext&) = delete;

  /// Makes it the thread's.
  void use() const;

 private:
  const DriverApi& api_;
  emulator::CUcontext context_ = nullptr;
};

/// Memory of the device; nothing for 0 bytes.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(const DriverApi& api, std::size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;

  emulator::CUdeviceptr address() const { return address_; }
  std::size_t bytes() const { return bytes_; }
  /// `data` is of exactly its size.
  void upload(std::span<const std::byte> data) const;
  void download(std::span<std::byte> data) const;
  /// Every byte to 0xFF: a NaN in each floating type.
  void fill_with_nan() const;

 private:
  const DriverApi* api_ = nullptr;
  emulator::CUdeviceptr address_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace attest
