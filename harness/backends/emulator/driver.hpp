#pragma once

#include <string>
#include <vector>

#include "harness/backends/emulator/device.hpp"
#include "harness/backends/emulator/driver_types.hpp"

// The CUDA driver API on the emulator: one device of compute capability 8.0, under the names and rules of the real one.
// The functions are not exported, so that a real libcuda can live in the same process; the shared library
// libattest_cuda.so exports them. All calls may come from any thread and are done one after another. Work is finished
// when the call returns, as with CUDA_LAUNCH_BLOCKING=1: a launch returns its own fault, which then sticks to its
// context.

namespace attest::emulator {

// clang-format off
/// Calls X(name, parameters, arguments) for every function that there is, by the symbol that libcuda exports it under.
#define ATTEST_DRIVER_FUNCTIONS(X) \
  X(cuInit, (unsigned flags), (flags)) \
  X(cuDriverGetVersion, (int* version), (version)) \
  X(cuGetErrorName, (CUresult error, const char** text), (error, text)) \
  X(cuGetErrorString, (CUresult error, const char** text), (error, text)) \
  X(cuGetProcAddress, (const char* symbol, void** function, int version, std::uint64_t flags), (symbol, function, version, flags)) \
  X(cuGetProcAddress_v2, (const char* symbol, void** function, int version, std::uint64_t flags, CUdriverProcAddressQueryResult* status), (symbol, function, version, flags, status)) \
  X(cuDeviceGet, (CUdevice* device, int ordinal), (device, ordinal)) \
  X(cuDeviceGetCount, (int* count), (count)) \
  X(cuDeviceGetName, (char* name, int length, CUdevice device), (name, length, device)) \
  X(cuDeviceGetAttribute, (int* value, CUdevice_attribute attribute, CUdevice device), (value, attribute, device)) \
  X(cuDeviceTotalMem_v2, (std::size_t* bytes, CUdevice device), (bytes, device)) \
  X(cuDeviceComputeCapability, (int* major, int* minor, CUdevice device), (major, minor, device)) \
  X(cuDevicePrimaryCtxRetain, (CUcontext* context, CUdevice device), (context, device)) \
  X(cuDevicePrimaryCtxRelease_v2, (CUdevice device), (device)) \
  X(cuDevicePrimaryCtxReset_v2, (CUdevice device), (device)) \
  X(cuDevicePrimaryCtxSetFlags_v2, (CUdevice device, unsigned flags), (device, flags)) \
  X(cuDevicePrimaryCtxGetState, (CUdevice device, unsigned* flags, int* active), (device, flags, active)) \
  X(cuCtxCreate_v2, (CUcontext* context, unsigned flags, CUdevice device), (context, flags, device)) \
  X(cuCtxCreate_v4, (CUcontext* context, void* parameters, unsigned flags, CUdevice device), (context, parameters, flags, device)) \
  X(cuCtxDestroy_v2, (CUcontext context), (context)) \
  X(cuCtxSetCurrent, (CUcontext context), (context)) \
  X(cuCtxGetCurrent, (CUcontext* context), (context)) \
  X(cuCtxPushCurrent_v2, (CUcontext context), (context)) \
  X(cuCtxPopCurrent_v2, (CUcontext* context), (context)) \
  X(cuCtxGetDevice, (CUdevice* device), (device)) \
  X(cuCtxSynchronize, (), ()) \
  X(cuModuleLoadData, (CUmodule* module, const void* image), (module, image)) \
  X(cuModuleLoadDataEx, (CUmodule* module, const void* image, unsigned count, CUjit_option* options, void** values), (module, image, count, options, values)) \
  X(cuModuleUnload, (CUmodule module), (module)) \
  X(cuModuleGetFunction, (CUfunction* function, CUmodule module, const char* name), (function, module, name)) \
  X(cuModuleGetGlobal_v2, (CUdeviceptr* address, std::size_t* bytes, CUmodule module, const char* name), (address, bytes, module, name)) \
  X(cuFuncGetAttribute, (int* value, CUfunction_attribute attribute, CUfunction function), (value, attribute, function)) \
  X(cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value), (function, attribute, value)) \
  X(cuLaunchKernel, (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters, void** extra), (function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream, parameters, extra)) \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int* blocks, CUfunction function, int block_threads, std::size_t shared_bytes), (blocks, function, block_threads, shared_bytes)) \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, (int* blocks, CUfunction function, int block_threads, std::size_t shared_bytes, unsigned flags), (blocks, function, block_threads, shared_bytes, flags)) \
  X(cuMemGetInfo_v2, (std::size_t* free, std::size_t* total), (free, total)) \
  X(cuMemAlloc_v2, (CUdeviceptr* address, std::size_t bytes), (address, bytes)) \
  X(cuMemFree_v2, (CUdeviceptr address), (address)) \
  X(cuMemcpyHtoD_v2, (CUdeviceptr to, const void* from, std::size_t bytes), (to, from, bytes)) \
  X(cuMemcpyDtoH_v2, (void* to, CUdeviceptr from, std::size_t bytes), (to, from, bytes)) \
  X(cuMemcpyDtoD_v2, (CUdeviceptr to, CUdeviceptr from, std::size_t bytes), (to, from, bytes)) \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream), (to, from, bytes, stream)) \
  X(cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, std::size_t bytes, CUstream stream), (to, from, bytes, stream)) \
  X(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream), (to, from, bytes, stream)) \
  X(cuMemsetD8_v2, (CUdeviceptr address, unsigned char value, std::size_t count), (address, value, count)) \
  X(cuMemsetD16_v2, (CUdeviceptr address, unsigned short value, std::size_t count), (address, value, count)) \
  X(cuMemsetD32_v2, (CUdeviceptr address, unsigned value, std::size_t count), (address, value, count)) \
  X(cuMemsetD8Async, (CUdeviceptr address, unsigned char value, std::size_t count, CUstream stream), (address, value, count, stream)) \
  X(cuMemsetD16Async, (CUdeviceptr address, unsigned short value, std::size_t count, CUstream stream), (address, value, count, stream)) \
  X(cuMemsetD32Async, (CUdeviceptr address, unsigned value, std::size_t count, CUstream stream), (address, value, count, stream)) \
  X(cuStreamCreate, (CUstream* stream, unsigned flags), (stream, flags)) \
  X(cuStreamDestroy_v2, (CUstream stream), (stream)) \
  X(cuStreamSynchronize, (CUstream stream), (stream)) \
  X(cuStreamQuery, (CUstream stream), (stream)) \
  X(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags), (stream, event, flags)) \
  X(cuEventCreate, (CUevent* event, unsigned flags), (event, flags)) \
  X(cuEventRecord, (CUevent event, CUstream stream), (event, stream)) \
  X(cuEventSynchronize, (CUevent event), (event)) \
  X(cuEventQuery, (CUevent event), (event)) \
  X(cuEventElapsedTime, (float* milliseconds, CUevent start, CUevent end), (milliseconds, start, end)) \
  X(cuEventElapsedTime_v2, (float* milliseconds, CUevent start, CUevent end), (milliseconds, start, end)) \
  X(cuEventDestroy_v2, (CUevent event), (event))
// clang-format on

#define ATTEST_DECLARE(name, parameters, arguments) CUresult name parameters;
ATTEST_DRIVER_FUNCTIONS(ATTEST_DECLARE)
#undef ATTEST_DECLARE

// What no real driver has: how to execute, and what the emulator saw.

/// For launches and modules from now on, of the whole process.
struct DriverOptions {
  LaunchOptions launch{.sanitize = false};
  ArithmeticModel model;
  bool keep_log = false;  ///< launches are kept for take_driver_log()
  bool tell = false;      ///< faults and findings are written to standard error
};
void set_driver_options(const DriverOptions& options);

/// One launch and how it ended.
struct DriverLaunch {
  std::string entry;
  Size3 grid{};
  Size3 block{};
  std::uint32_t dynamic_shared_bytes = 0;
  LaunchResult result;
};

/// The launches since the last call, in order, and forgets them.
std::vector<DriverLaunch> take_driver_log();

/// In words, why the last call of this thread that failed did so; empty where its result says all.
std::string driver_last_detail();

}  // namespace attest::emulator
