// Peak loops of the baseline instruction set, in vectors of 16 bytes. Without a fused multiply-add it is a product and
// a sum, which are two FLOPs all the same.
#include "harness/measure/peak_kernels.hpp"
#include "harness/measure/peak_loops.hpp"

namespace attest::peak {

namespace {

template <typename Number>
struct MultiplyAdd {
  typedef Number Vector __attribute__((vector_size(16)));
  using Operand = Vector;
  using Sum = Vector;
  static constexpr std::size_t chains = 12;
  static constexpr std::size_t products = 16 / sizeof(Number);
  // The chains tend to addend / (1 - factor) = 1: never large, never subnormal.
  static Vector factor() { return Vector{} + Number(0.875); }
  static Vector addend() { return Vector{} + Number(0.125); }
  static Vector start(float value) { return Vector{} + Number(value); }
  static Vector multiply_add(Vector sum, Vector factor, Vector addend) { return sum * factor + addend; }
  static double first(Vector sum) { return static_cast<double>(sum[0]); }
};

struct Read {
  typedef std::uint64_t Word __attribute__((vector_size(16)));
  static Word zero() { return Word{}; }
  static Word combine(Word sum, const char* at) { return sum ^ *reinterpret_cast<const Word*>(at); }
  static std::uint64_t first(Word sum) { return sum[0] ^ sum[1]; }
};

}  // namespace

constinit const Kernels portable = {.isa = "portable",
                                    .f64 = compute_loop<MultiplyAdd<double>>(),
                                    .f32 = compute_loop<MultiplyAdd<float>>(),
                                    .bf16 = {},
                                    .read = read<Read>};

}  // namespace attest::peak
