#include <algorithm>

#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

DriverContext* make_context(Driver& driver) {
  auto made = std::make_unique<DriverContext>();
  DriverContext* context = made.get();
  driver.contexts.emplace(context, std::move(made));
  return context;
}

// The context goes from this thread's stack; other threads find out when they use it.
void destroy_context(Driver& driver, DriverContext* context) {
  std::erase(context_stack(), context);
  driver.contexts.erase(context);
}

DriverContext& need_living(const Driver& driver, CUcontext context) {
  const auto found = driver.contexts.find(context);
  if (found == driver.contexts.end()) fail_call(CUDA_ERROR_INVALID_CONTEXT, "the handle is no context");
  return *found->second;
}

}  // namespace

std::vector<CUcontext>& context_stack() {
  thread_local std::vector<CUcontext> stack;
  return stack;
}

DriverContext& need_context(const Driver& driver) {
  need_initialised(driver);
  if (context_stack().empty()) fail_call(CUDA_ERROR_INVALID_CONTEXT, "no context is current");
  const auto found = driver.contexts.find(context_stack().back());
  if (found == driver.contexts.end())
    fail_call(CUDA_ERROR_CONTEXT_IS_DESTROYED, "another thread destroyed the context");
  if (found->second->error != CUDA_SUCCESS) fail_call(found->second->error, "a kernel failed before, in this context");
  return *found->second;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(context);
    if (driver.primary == nullptr) driver.primary = make_context(driver);
    ++driver.primary_references;
    *context = driver.primary;
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    if (driver.primary_references == 0) fail_call(CUDA_ERROR_INVALID_CONTEXT, "the primary context is not retained");
    if (--driver.primary_references > 0) return;
    destroy_context(driver, driver.primary);
    driver.primary = nullptr;
  });
}

// The handle stays good, what it held is gone.
CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    if (driver.primary == nullptr) return;
    DriverContext* const at = driver.primary;
    std::destroy_at(at);
    std::construct_at(at);
  });
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    driver.primary_flags = flags;
  });
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(flags);
    need_pointer(active);
    *flags = driver.primary_flags;
    *active = driver.primary != nullptr ? 1 : 0;
  });
}

CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) {
  return cuCtxCreate_v4(context, nullptr, flags, device);
}

CUresult cuCtxCreate_v4(CUcontext* context, void* parameters, unsigned /*flags*/, CUdevice device) {
  return driver_call([&](Driver& driver) {
    need_device(driver, device);
    need_pointer(context);
    if (parameters != nullptr)
      fail_call(CUDA_ERROR_NOT_SUPPORTED, "affinity and graphics parameters are not supported");
    *context = make_context(driver);
    context_stack().push_back(*context);
  });
}

CUresult cuCtxDestroy_v2(CUcontext context) {
  return driver_call([&](Driver& driver) {
    need_initialised(driver);
    need_living(driver, context);
    if (context == driver.primary)
      fail_call(CUDA_ERROR_INVALID_CONTEXT, "a primary context is released, not destroyed");
    destroy_context(driver, context);
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  return driver_call([&](Driver& driver) {
    need_initialised(driver);
    if (context != nullptr) need_living(driver, context);
    std::vector<CUcontext>& stack = context_stack();
    if (!stack.empty()) stack.pop_back();
    if (context != nullptr) stack.push_back(context);
  });
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  return driver_call([&](Driver& driver) {
    need_initialised(driver);
    need_pointer(context);
    *context = context_stack().empty() ? nullptr : context_stack().back();
  });
}

CUresult cuCtxPushCurrent_v2(CUcontext context) {
  return driver_call([&](Driver& driver) {
    need_initialised(driver);
    need_living(driver, context);
    context_stack().push_back(context);
  });
}

CUresult cuCtxPopCurrent_v2(CUcontext* context) {
  return driver_call([&](Driver& driver) {
    need_initialised(driver);
    std::vector<CUcontext>& stack = context_stack();
    if (stack.empty()) fail_call(CUDA_ERROR_INVALID_CONTEXT, "no context is current");
    if (context != nullptr) *context = stack.back();
    stack.pop_back();
  });
}

CUresult cuCtxGetDevice(CUdevice* device) {
  return driver_call([&](Driver& driver) {
    need_context(driver);
    need_pointer(device);
    *device = 0;
  });
}

CUresult cuCtxSynchronize() {
  return driver_call([&](Driver& driver) { need_context(driver); });
}

}  // namespace attest::emulator
