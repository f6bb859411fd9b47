#pragma once

#include <string>

#include "harness/backends/backend.hpp"
#include "harness/backends/cuda/device.hpp"

namespace attest {

/// A CUDA device, through the driver of the system (see driver_library()).
Backend& cuda_backend();

/// The same host code through the emulator of this process: counts and findings, no times.
Backend& emulated_backend();

/// What the `cuda` backend found, whether or not there are kernels for it. Throws Error (exit 5) with the reason why
/// there is no device.
DeviceFacts cuda_device();

}  // namespace attest
