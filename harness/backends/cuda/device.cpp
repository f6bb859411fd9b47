#include "harness/backends/cuda/device.hpp"

#include <fmt/format.h>
#include <new>
#include <utility>

#include "harness/core/error.hpp"

namespace attest {

using namespace emulator;

void check_call(const DriverApi& api, CUresult result, std::string_view call) {
  if (result == CUDA_SUCCESS) return;
  if (result == CUDA_ERROR_OUT_OF_MEMORY) throw std::bad_alloc();
  // Only the emulator of this process has more to say; the words are of this thread's last call.
  const std::string detail = &api == &emulated_driver() ? driver_last_detail() : "";
  throw DeviceError(fmt::format("{}: {}{}{}", call, api.describe(result), detail.empty() ? "" : ": ", detail));
}

DeviceFacts open_device(const DriverApi& api) {
  const auto need = [&](CUresult result, std::string_view call) {
    if (result == CUDA_SUCCESS) return;
    complain(call, api.describe(result), "a device of compute capability 8.0 or higher is needed",
             ExitCode::no_backend);
  };
  DeviceFacts facts;
  need(api.cuInit(0), "cuInit");
  int count = 0;
  need(api.cuDeviceGetCount(&count), "cuDeviceGetCount");
  if (count == 0) need(CUDA_ERROR_NO_DEVICE, "cuDeviceGetCount");
  CUdevice device = 0;
  need(api.cuDeviceGet(&device, 0), "cuDeviceGet");
  char name[256] = {};
  need(api.cuDeviceGetName(name, sizeof name, device), "cuDeviceGetName");
  facts.name = name;
  need(api.cuDriverGetVersion(&facts.driver_version), "cuDriverGetVersion");
  const auto attribute = [&](int& value, CUdevice_attribute which) {
    need(api.cuDeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
  };
  attribute(facts.compute_major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  attribute(facts.compute_minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  attribute(facts.multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  if (facts.compute_major < 8) {
    complain(facts.name, fmt::format("is of compute capability {}.{}", facts.compute_major, facts.compute_minor),
             "the kernels are compiled for 8.0 and higher", ExitCode::no_backend);
  }
  return facts;
}

DeviceContext::DeviceContext(const DriverApi& api) : api_(api) {
  ATTEST_CALL(api_, cuInit, 0);
  ATTEST_CALL(api_, cuDevicePrimaryCtxRetain, &context_, 0);
  try {
    use();
  } catch (...) {
    api_.cuDevicePrimaryCtxRelease_v2(0);
    throw;
  }
}

DeviceContext::~DeviceContext() {
  api_.cuDevicePrimaryCtxRelease_v2(0);
}

void DeviceContext::use() const {
  ATTEST_CALL(api_, cuCtxSetCurrent, context_);
}

DeviceBuffer::DeviceBuffer(const DriverApi& api, std::size_t bytes) : api_(&api), bytes_(bytes) {
  if (bytes_ > 0) ATTEST_CALL(api, cuMemAlloc_v2, &address_, bytes_);
}

DeviceBuffer::~DeviceBuffer() {
  if (address_ != 0) api_->cuMemFree_v2(address_);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept
    : api_(other.api_), address_(std::exchange(other.address_, 0)), bytes_(std::exchange(other.bytes_, 0)) {}

void DeviceBuffer::upload(std::span<const std::byte> data) const {
  if (!data.empty()) ATTEST_CALL(*api_, cuMemcpyHtoD_v2, address_, data.data(), data.size());
}

void DeviceBuffer::download(std::span<std::byte> data) const {
  if (!data.empty()) ATTEST_CALL(*api_, cuMemcpyDtoH_v2, data.data(), address_, data.size());
}

void DeviceBuffer::fill_with_nan() const {
  if (bytes_ > 0) ATTEST_CALL(*api_, cuMemsetD8_v2, address_, 0xFF, bytes_);
}

}  // namespace attest
