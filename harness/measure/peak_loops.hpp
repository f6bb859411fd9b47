#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "harness/measure/peak_kernels.hpp"

// The shape of the peak loops, filled in by peaks_<isa>.cpp. In an anonymous namespace on purpose: every file that
// includes this is compiled for another instruction set, and the linker must not keep one instance for all.

namespace attest::peak {

namespace {

/// Chains of dependent multiply-adds, side by side so that their latency is hidden: every core of today needs at most
/// 10 (latency 5, two a cycle). Chain and index are compile-time constants, so that each chain lives in a register; an
/// array walked by a loop would be spilled and halve the rate.
template <typename Operations, std::size_t... Chain>
double compute_chains(std::int64_t repeats, std::index_sequence<Chain...>) {
  typename Operations::Operand factor = Operations::factor();
  typename Operations::Operand addend = Operations::addend();
  // The compiler must not know the operands, or it could fold them into the chains.
  asm volatile("" : "+x"(factor), "+x"(addend));
  typename Operations::Sum sums[sizeof...(Chain)];
  ((sums[Chain] = Operations::start(static_cast<float>(Chain))), ...);
  for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
    ((sums[Chain] = Operations::multiply_add(sums[Chain], factor, addend)), ...);
  }
  double result = 0;
  ((result += Operations::first(sums[Chain])), ...);
  return result;
}

template <typename Operations>
double compute(std::int64_t repeats) {
  return compute_chains<Operations>(repeats, std::make_index_sequence<Operations::chains>{});
}

template <typename Operations>
constexpr ComputeLoop compute_loop() {
  return {.run = compute<Operations>, .flops_per_repeat = 2.0 * Operations::products * Operations::chains};
}

/// Eight independent exclusive-ors of one load each: bound by the loads, not by the arithmetic.
template <typename Operations, std::size_t... Lane>
std::uint64_t read_lanes(const void* data, std::size_t bytes, std::int64_t passes, std::index_sequence<Lane...>) {
  using Word = typename Operations::Word;
  Word sums[sizeof...(Lane)];
  ((sums[Lane] = Operations::zero()), ...);
  const auto* const end = static_cast<const char*>(data) + bytes;
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    // Memory may have changed, as far as the compiler knows: no pass can be left out.
    asm volatile("" ::: "memory");
    for (const auto* at = static_cast<const char*>(data); at != end; at += sizeof(Word) * sizeof...(Lane)) {
      ((sums[Lane] = Operations::combine(sums[Lane], at + Lane * sizeof(Word))), ...);
    }
  }
  std::uint64_t result = 0;
  ((result ^= Operations::first(sums[Lane])), ...);
  return result;
}

template <typename Operations>
std::uint64_t read(const void* data, std::size_t bytes, std::int64_t passes) {
  static_assert(read_step % (8 * sizeof(typename Operations::Word)) == 0);
  return read_lanes<Operations>(data, bytes, passes, std::make_index_sequence<8>{});
}

}  // namespace

}  // namespace attest::peak
