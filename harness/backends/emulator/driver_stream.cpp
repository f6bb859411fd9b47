#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

// CU_STREAM_LEGACY and CU_STREAM_PER_THREAD, beside null.
bool is_default(CUstream stream) {
  const auto number = reinterpret_cast<std::uintptr_t>(stream);
  return number <= 2;
}

// Work is done when its call returns, so that a stream has nothing to wait for.
CUresult wait_for(CUstream stream) {
  return driver_call([&](Driver& driver) { need_stream(need_context(driver), stream); });
}

CUresult wait_for(CUevent event) {
  return driver_call([&](Driver& driver) { need_handle(need_context(driver).events, event); });
}

CUresult refuse_time(float* milliseconds, CUevent start, CUevent end) {
  return driver_call([&](Driver& driver) {
    const DriverContext& context = need_context(driver);
    need_pointer(milliseconds);
    const bool recorded = need_handle(context.events, start).recorded && need_handle(context.events, end).recorded;
    if (!recorded) fail_call(CUDA_ERROR_INVALID_HANDLE, "an event has not been recorded");
    fail_call(CUDA_ERROR_NOT_SUPPORTED, "the emulator has no clock: what it takes says nothing of a device");
  });
}

}  // namespace

void need_stream(const DriverContext& context, CUstream stream) {
  if (!is_default(stream)) need_handle(context.streams, stream);
}

CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_pointer(stream);
    if (flags > 1) fail_call(CUDA_ERROR_INVALID_VALUE, "flags are 0 or CU_STREAM_NON_BLOCKING");
    auto made = std::make_unique<DriverStream>();
    *stream = made.get();
    context.streams.emplace(*stream, std::move(made));
  });
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_handle(context.streams, stream);
    context.streams.erase(stream);
  });
}

CUresult cuStreamSynchronize(CUstream stream) {
  return wait_for(stream);
}

CUresult cuStreamQuery(CUstream stream) {
  return wait_for(stream);
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned /*flags*/) {
  return driver_call([&](Driver& driver) {
    const DriverContext& context = need_context(driver);
    need_stream(context, stream);
    need_handle(context.events, event);
  });
}

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_pointer(event);
    if (flags > 7) fail_call(CUDA_ERROR_INVALID_VALUE, "no such flags");
    auto made = std::make_unique<DriverEvent>();
    *event = made.get();
    context.events.emplace(*event, std::move(made));
  });
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return driver_call([&](Driver& driver) {
    const DriverContext& context = need_context(driver);
    need_stream(context, stream);
    need_handle(context.events, event).recorded = true;
  });
}

CUresult cuEventSynchronize(CUevent event) {
  return wait_for(event);
}

CUresult cuEventQuery(CUevent event) {
  return wait_for(event);
}

CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return refuse_time(milliseconds, start, end);
}

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return refuse_time(milliseconds, start, end);
}

CUresult cuEventDestroy_v2(CUevent event) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_handle(context.events, event);
    context.events.erase(event);
  });
}

}  // namespace attest::emulator
