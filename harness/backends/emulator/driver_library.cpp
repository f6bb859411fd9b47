// libattest_cuda.so: the emulator under the symbols of libcuda.so.1, for programs that are written against the driver
// API. ATTEST_SANITIZE=on turns the checks on; faults and findings go to standard error.

#include <cstdlib>
#include <string_view>

#include "harness/backends/emulator/driver.hpp"

namespace attest::emulator {
namespace {

bool prepare() {
  const char* asked = std::getenv("ATTEST_SANITIZE");
  const std::string_view word = asked == nullptr ? "" : asked;
  DriverOptions options;
  options.launch.sanitize = word == "on" || word == "1" || word == "true";
  options.launch.count = false;
  options.tell = true;
  set_driver_options(options);
  return true;
}

}  // namespace

#define ATTEST_EXPORT(name, parameters, arguments)                                                      \
  extern "C" __attribute__((visibility("default"))) CUresult exported_##name parameters __asm__(#name); \
  CUresult exported_##name parameters {                                                                 \
    static const bool prepared = prepare();                                                             \
    static_cast<void>(prepared);                                                                        \
    return name arguments;                                                                              \
  }
ATTEST_DRIVER_FUNCTIONS(ATTEST_EXPORT)
#undef ATTEST_EXPORT

}  // namespace attest::emulator
