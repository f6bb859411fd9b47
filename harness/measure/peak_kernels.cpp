#include "harness/measure/peak_kernels.hpp"

namespace attest::peak {

namespace {

bool cpu_has(const Kernels& kernels) {
#if defined(__x86_64__)
  const bool has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (&kernels == &avx2) return has_avx2;
  if (&kernels == &avx512) return has_avx512;
  if (&kernels == &avx512bf16) return has_avx512 && __builtin_cpu_supports("avx512bf16");
#endif
  return &kernels == &portable;
}

}  // namespace

std::vector<const Kernels*> usable_kernels() {
  std::vector<const Kernels*> usable;
  for (const Kernels* kernels : {&avx512bf16, &avx512, &avx2, &portable}) {
    if (kernels->isa != nullptr && cpu_has(*kernels)) usable.push_back(kernels);
  }
  return usable;
}

}  // namespace attest::peak
