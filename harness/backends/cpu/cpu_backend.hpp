#pragma once

#include "harness/backends/backend.hpp"

namespace attest {

/// The CPU: kernels run in this process, on as many threads as the cell says.
Backend& cpu_backend();

}  // namespace attest
