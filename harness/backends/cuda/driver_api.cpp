#include "harness/backends/cuda/driver_api.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <fmt/format.h>

#include "harness/core/error.hpp"

namespace attest {

std::string DriverApi::describe(emulator::CUresult result) const {
  const char* name = nullptr;
  const char* text = nullptr;
  // A driver may be newer than this table or older than its error: then the number is what there is.
  if (cuGetErrorName(result, &name) != emulator::CUDA_SUCCESS || name == nullptr) {
    return fmt::format("error {}", static_cast<int>(result));
  }
  if (cuGetErrorString(result, &text) != emulator::CUDA_SUCCESS || text == nullptr) return name;
  return fmt::format("{} ({})", name, text);
}

const DriverApi& emulated_driver() {
  static const DriverApi api = [] {
    DriverApi made;
#define ATTEST_FILL(symbol) made.symbol = &emulator::symbol;
    ATTEST_DRIVER_CALLS(ATTEST_FILL)
#undef ATTEST_FILL
    return made;
  }();
  return api;
}

DriverApi load_driver(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* error = dlerror();
    complain(library, fmt::format("cannot be loaded ({})", error == nullptr ? "no reason given" : error),
             "install NVIDIA's driver, or name its library in ATTEST_CUDA_DRIVER", ExitCode::no_backend);
  }
  DriverApi api;
#define ATTEST_LOOK_UP(symbol)                                                                                        \
  api.symbol = reinterpret_cast<decltype(api.symbol)>(dlsym(handle, #symbol));                                        \
  if (api.symbol == nullptr) {                                                                                        \
    complain(library, "has no function " #symbol, "it must be a CUDA driver of 12.0 or newer", ExitCode::no_backend); \
  }
  ATTEST_DRIVER_CALLS(ATTEST_LOOK_UP)
#undef ATTEST_LOOK_UP
  return api;
}

std::string driver_library() {
  const char* named = std::getenv("ATTEST_CUDA_DRIVER");
  return named == nullptr || *named == '\0' ? "libcuda.so.1" : named;
}

}  // namespace attest
