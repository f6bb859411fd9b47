#pragma once

#include <string>
#include <string_view>

#include "harness/backends/emulator/driver.hpp"

namespace attest {

/// Calls X(symbol) for every function of the driver API that the backend calls.
#define ATTEST_DRIVER_CALLS(X)    \
  X(cuInit)                       \
  X(cuDriverGetVersion)           \
  X(cuGetErrorName)               \
  X(cuGetErrorString)             \
  X(cuDeviceGet)                  \
  X(cuDeviceGetCount)             \
  X(cuDeviceGetName)              \
  X(cuDeviceGetAttribute)         \
  X(cuDevicePrimaryCtxRetain)     \
  X(cuDevicePrimaryCtxRelease_v2) \
  X(cuCtxSetCurrent)              \
  X(cuModuleLoadDataEx)           \
  X(cuModuleUnload)               \
  X(cuModuleGetFunction)          \
  X(cuFuncSetAttribute)           \
  X(cuLaunchKernel)               \
  X(cuMemAlloc_v2)                \
  X(cuMemFree_v2)                 \
  X(cuMemcpyHtoD_v2)              \
  X(cuMemcpyDtoH_v2)              \
  X(cuMemsetD8_v2)                \
  X(cuStreamCreate)               \
  X(cuStreamDestroy_v2)           \
  X(cuStreamSynchronize)          \
  X(cuEventCreate)                \
  X(cuEventRecord)                \
  X(cuEventSynchronize)           \
  X(cuEventElapsedTime)           \
  X(cuEventDestroy_v2)

/// The driver as a table of functions: whoever calls through it cannot tell a device from the emulator.
struct DriverApi {
#define ATTEST_MEMBER(symbol) decltype(&emulator::symbol) symbol = nullptr;
  ATTEST_DRIVER_CALLS(ATTEST_MEMBER)
#undef ATTEST_MEMBER

  /// "CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)".
  std::string describe(emulator::CUresult result) const;
};

/// The emulator of this process.
const DriverApi& emulated_driver();

/// A shared library's functions. It stays loaded. Throws Error (exit 5) naming the library and what is wrong: it cannot
/// be loaded, or a symbol is missing.
DriverApi load_driver(const std::string& library);

/// The library that the `cuda` backend loads: the one that the environment variable ATTEST_CUDA_DRIVER names, or the
/// system's libcuda.so.1.
std::string driver_library();

}  // namespace attest
