#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "harness/backends/emulator/driver.hpp"

// What stands behind the handles of the driver API.

namespace attest::emulator {

/// Shared memory of a block without an attribute, and with it (compute capability 8.0).
inline constexpr std::uint32_t shared_bytes_by_default = 48 * 1024;
inline constexpr std::uint32_t shared_bytes_at_most = 163 * 1024;

struct DriverFunction {
  DriverModule* module = nullptr;
  const EntryInfo* entry = nullptr;
  std::uint32_t dynamic_shared_at_most = 0;
  int carveout = -1;
};

struct DriverModule {
  DriverModule(std::string ptx, GlobalMemory& memory, const ArithmeticModel& model)
      : module(std::move(ptx), "module", memory, model) {}

  DriverContext* context = nullptr;
  Module module;
  std::map<std::string, DriverFunction, std::less<>> functions;
};

struct DriverStream {};

struct DriverEvent {
  bool recorded = false;
};

template <class T>
using Handles = std::map<T*, std::unique_ptr<T>>;

struct DriverContext {
  GlobalMemory memory;
  Handles<DriverModule> modules;  ///< after memory: their variables live there
  std::set<DriverFunction*> functions;
  Handles<DriverStream> streams;
  Handles<DriverEvent> events;
  CUresult error = CUDA_SUCCESS;  ///< what a kernel left: every later call returns it
};

/// The process's one driver.
struct Driver {
  std::recursive_mutex mutex;
  bool initialised = false;
  DriverOptions options;
  std::vector<DriverLaunch> log;
  Handles<DriverContext> contexts;
  DriverContext* primary = nullptr;
  unsigned primary_references = 0;
  unsigned primary_flags = 0;

  static Driver& get();
};

/// Thrown inside a call: its result, and in words why.
struct DriverFailure {
  CUresult result = CUDA_ERROR_UNKNOWN;
  std::string detail;
};
[[noreturn]] inline void fail_call(CUresult result, std::string detail = {}) {
  throw DriverFailure{result, std::move(detail)};
}

/// The thread's contexts, the current one last.
std::vector<CUcontext>& context_stack();
/// What driver_last_detail() gives.
std::string& last_detail();

/// Throws what a call gives on an uninitialised driver, or a device that is not there.
void need_initialised(const Driver& driver);
void need_device(const Driver& driver, CUdevice device);
/// The current context. Throws where there is none, and what a kernel left in it.
DriverContext& need_context(const Driver& driver);
/// Throws where a pointer for a result or for data is null.
void need_pointer(const void* pointer);
/// Throws where the stream is none of the context's nor a default one.
void need_stream(const DriverContext& context, CUstream stream);

/// The living object behind a handle of the context. Throws CUDA_ERROR_INVALID_HANDLE.
template <class T>
T& need_handle(const Handles<T>& handles, T* handle) {
  const auto found = handles.find(handle);
  if (found == handles.end()) fail_call(CUDA_ERROR_INVALID_HANDLE, "the handle is none of this context's");
  return *found->second;
}

/// Every function of the API: locks, calls `body` with the driver, and turns what is thrown into a result. A program
/// may call with anything, so nothing else may leave.
template <class Body>
CUresult driver_call(Body body) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  try {
    last_detail().clear();
    body(driver);
    return CUDA_SUCCESS;
  } catch (const DriverFailure& failure) {
    last_detail() = failure.detail;
    return failure.result;
  } catch (const std::bad_alloc&) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    last_detail() = error.what();
    return CUDA_ERROR_UNKNOWN;
  }
}

}  // namespace attest::emulator
