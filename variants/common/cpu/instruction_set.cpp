#include "variants/common/cpu/instruction_set.hpp"

#include <cstdlib>
#include <string>

#include "harness/core/error.hpp"

namespace attest::tiles {

namespace {

constexpr const Microkernels* best_first[] = {&avx512bf16::microkernels, &avx512::microkernels, &avx2::microkernels,
                                              &portable::microkernels};

bool runs_here(const Microkernels& kernels) {
  const std::string_view name = kernels.name;
  if (name == "avx512bf16" && !__builtin_cpu_supports("avx512bf16")) return false;
  if (name == "avx512" || name == "avx512bf16") {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  }
  // Every CPU with AVX2 has F16C too, which GCC 12 cannot ask for by name.
  if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return true;
}

/// Intel's CPUs have VDPBF16PS at a quarter of the rate of multiply-adds, half of their FLOPs; AMD's at the same rate.
bool is_worth_it(const Microkernels& kernels) {
  return kernels.pairs == nullptr || __builtin_cpu_is("amd");
}

const Microkernels& choose() {
  if (const char* forced = std::getenv("ATTEST_ISA"); forced != nullptr && *forced != '\0') {
    return microkernels_of(forced, "ATTEST_ISA");
  }
  for (const Microkernels* kernels : best_first) {
    if (runs_here(*kernels) && is_worth_it(*kernels)) return *kernels;
  }
  return portable::microkernels;
}

}  // namespace

const Microkernels& microkernels_of(std::string_view name, std::string_view place) {
  for (const Microkernels* kernels : best_first) {
    if (name != kernels->name) continue;
    if (!runs_here(*kernels)) {
      complain(place, "this CPU lacks " + std::string(name), "portable runs everywhere");
    }
    return *kernels;
  }
  complain(place, "unknown instruction set '" + std::string(name) + "'", "use portable, avx2, avx512 or avx512bf16");
}

bool has_instruction_set(std::string_view name) {
  for (const Microkernels* kernels : best_first) {
    if (name == kernels->name) return runs_here(*kernels);
  }
  return false;
}

const Microkernels& microkernels() {
  static const Microkernels& chosen = choose();
  return chosen;
}

}  // namespace attest::tiles
