#include "harness/cli/blas_core.hpp"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <iterator>
#include <string_view>
#include <unistd.h>

namespace attest {
namespace {

constexpr const char* variable = "OPENBLAS_CORETYPE";

/// Names of OpenBLAS's code for x86 without AVX.
constexpr std::string_view without_avx[] = {
    "Katmai", "Coppermine", "Northwood",    "Banias",    "Atom", "Core2",  "Penryn",   "Dunnington", "Nehalem",
    "Athlon", "Opteron",    "Opteron_SSE3", "Barcelona", "Nano", "Bobcat", "Prescott", "Generic"};

std::string_view core_in_use() {
  const auto name = reinterpret_cast<const char* (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  return name != nullptr ? name() : "";
}

/// The code for what this CPU has, or null where it has no more than SSE.
const char* right_core() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

}  // namespace

void mend_blas_core(char** arguments) {
  if (std::getenv(variable) != nullptr) return;
  if (std::find(std::begin(without_avx), std::end(without_avx), core_in_use()) == std::end(without_avx)) return;
  const char* core = right_core();
  if (core == nullptr || setenv(variable, core, 0) != 0) return;
  execv("/proc/self/exe", arguments);
  unsetenv(variable);  // not started anew: what is recorded of the environment must be what the library saw
}

}  // namespace attest
