#include "harness/backends/emulator/form.hpp"

#include <cstdlib>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "harness/backends/emulator/fault.hpp"

namespace attest::emulator {
namespace {

#if defined(__x86_64__)
// __builtin_cpu_supports("f16c") is unknown to clang 14.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

bool cpu_has(Isa isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
  return isa == Isa::portable;
}

}  // namespace

Isa chosen_isa() {
  const Isa from_best[] = {Isa::avx512, Isa::avx2, Isa::portable};
  if (const char* const wanted = std::getenv("ATTEST_EMULATOR_ISA"); wanted != nullptr && *wanted != '\0') {
    for (const Isa isa : from_best) {
      if (name_of(isa) != wanted) continue;
      if (!cpu_has(isa)) throw LoadError("ATTEST_EMULATOR_ISA=" + std::string(wanted) + ": this CPU lacks it", 0);
      return isa;
    }
    throw LoadError(
        "ATTEST_EMULATOR_ISA=" + std::string(wanted) + ": no such instruction set; known are portable, avx2, avx512",
        0);
  }
  for (const Isa isa : from_best)
    if (cpu_has(isa)) return isa;
  return Isa::portable;
}

std::optional<Form> find_form(std::string_view opcode, std::span<const std::string_view> modifiers, Isa isa,
                              const ArithmeticModel& model) {
  if (auto form = find_control_form(opcode, modifiers)) return form;
  if (auto form = find_memory_form(opcode, modifiers, isa)) return form;
  return find_arithmetic_form(opcode, modifiers, isa, model);
}

std::vector<std::string> known_forms() {
  std::vector<std::string> all = known_control_forms();
  for (auto* const table : {&known_memory_forms, &known_arithmetic_forms})
    for (std::string& form : table())
      all.push_back(std::move(form));
  return all;
}

}  // namespace attest::emulator
