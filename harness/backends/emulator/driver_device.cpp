#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

constexpr int driver_version = 13000;
constexpr char device_name[] = "Attest PTX emulator (sm_80)";
constexpr int last_attribute = 147;  // of CUDA 13.0

struct Attribute {
  int number;
  int value;
};

// Compute capability 8.0 and, where that leaves it open, an A100. Clock rates are 0: the emulator has no clock.
constexpr auto attributes = std::to_array<Attribute>({
    {1, 1024},        // MAX_THREADS_PER_BLOCK
    {2, 1024},        // MAX_BLOCK_DIM_X
    {3, 1024},        // MAX_BLOCK_DIM_Y
    {4, 64},          // MAX_BLOCK_DIM_Z
    {5, 2147483647},  // MAX_GRID_DIM_X
    {6, 65535},       // MAX_GRID_DIM_Y
    {7, 65535},       // MAX_GRID_DIM_Z
    {8, static_cast<int>(shared_bytes_by_default)},
    {9, 65536},        // TOTAL_CONSTANT_MEMORY
    {10, 32},          // WARP_SIZE
    {11, 2147483647},  // MAX_PITCH
    {12, 65536},       // MAX_REGISTERS_PER_BLOCK
    {16, 108},         // MULTIPROCESSOR_COUNT
    {31, 1},           // CONCURRENT_KERNELS
    {37, 5120},        // GLOBAL_MEMORY_BUS_WIDTH
    {38, 41943040},    // L2_CACHE_SIZE
    {39, 2048},        // MAX_THREADS_PER_MULTIPROCESSOR
    {41, 1},           // UNIFIED_ADDRESSING
    {75, 8},           // COMPUTE_CAPABILITY_MAJOR
    {76, 0},           // COMPUTE_CAPABILITY_MINOR
    {79, 1},           // GLOBAL_L1_CACHE_SUPPORTED
    {80, 1},           // LOCAL_L1_CACHE_SUPPORTED
    {81, 167936},      // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
    {82, 65536},       // MAX_REGISTERS_PER_MULTIPROCESSOR
    {97, static_cast<int>(shared_bytes_at_most)},
    {106, 32},    // MAX_BLOCKS_PER_MULTIPROCESSOR
    {111, 1024},  // RESERVED_SHARED_MEMORY_PER_BLOCK
});

CUresult error_text(CUresult error, const char** text, bool name) {
  if (text == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (error) {
#define ATTEST_TEXT(code, value, words) \
  case code:                            \
    *text = name ? #code : words;       \
    return CUDA_SUCCESS;
    ATTEST_CUDA_RESULTS(ATTEST_TEXT)
#undef ATTEST_TEXT
  }
  *text = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

Driver& Driver::get() {
  // Never destroyed: a program may call from the destructors of its own statics.
  static Driver* const driver = new Driver;
  return *driver;
}

std::string& last_detail() {
  thread_local std::string detail;
  return detail;
}

void need_initialised(const Driver& driver) {
  if (!driver.initialised) fail_call(CUDA_ERROR_NOT_INITIALIZED, "cuInit has not been called");
}

void need_device(const Driver& driver, CUdevice device) {
  need_initialised(driver);
  if (device != 0) fail_call(CUDA_ERROR_INVALID_DEVICE, "the emulator has one device, 0");
}

void need_pointer(const void* pointer) {
  if (pointer == nullptr) fail_call(CUDA_ERROR_INVALID_VALUE, "a pointer is null");
}

void set_driver_options(const DriverOptions& options) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  driver.options = options;
}

std::vector<DriverLaunch> take_driver_log() {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  return std::exchange(driver.log, {});
}

std::string driver_last_detail() {
  return last_detail();
}

CUresult cuInit(unsigned flags) {
  return driver_call([&](Driver& driver) {
    if (flags != 0) fail_call(CUDA_ERROR_INVALID_VALUE, "flags must be 0");
    driver.initialised = true;
  });
}

CUresult cuDriverGetVersion(int* version) {
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = driver_version;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char** text) {
  return error_text(error, text, true);
}

CUresult cuGetErrorString(CUresult error, const char** text) {
  return error_text(error, text, false);
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return driver_call([&](Driver& driver) {
    need_device(driver, ordinal);
    need_pointer(device);
    *device = ordinal;
  });
}

CUresult cuDeviceGetCount(int* count) {
  return driver_call([&](Driver& driver) {
    need_initialised(driver);
    need_pointer(count);
    *count = 1;
  });
}

CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(name);
    if (length < 1) fail_call(CUDA_ERROR_INVALID_VALUE, "no room for a name");
    const std::size_t copied = std::min(sizeof device_name, static_cast<std::size_t>(length)) - 1;
    std::memcpy(name, device_name, copied);
    name[copied] = '\0';
  });
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(value);
    if (attribute < 1 || attribute > last_attribute) fail_call(CUDA_ERROR_INVALID_VALUE, "no such attribute");
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const Attribute& entry) { return entry.number == attribute; });
    *value = found == attributes.end() ? 0 : found->value;
  });
}

CUresult cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(bytes);
    *bytes = GlobalMemory().bytes_free();
  });
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(major);
    need_pointer(minor);
    *major = 8;
    *minor = 0;
  });
}

}  // namespace attest::emulator
