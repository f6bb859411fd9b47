#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// The loops that peaks.cpp times, one table for each instruction set. The tables are constant data, not functions: a
// CPU that lacks the instructions may look at a table, but must not enter any code of that file, however harmless it
// looks.

namespace attest::peak {

/// Runs `repeats` times `flops_per_repeat` FLOPs and gives a value that depends on all of them.
struct ComputeLoop {
  double (*run)(std::int64_t repeats);
  double flops_per_repeat;
};

/// Reads `bytes` (a multiple of read_step) from `data` (64-byte aligned) `passes` times.
using ReadLoop = std::uint64_t (*)(const void* data, std::size_t bytes, std::int64_t passes);

inline constexpr std::size_t read_step = 1024;

/// A loop is null where the instruction set has no instruction for it, or this build was not made for it.
struct Kernels {
  const char* isa;
  ComputeLoop f64;
  ComputeLoop f32;
  ComputeLoop bf16;
  ReadLoop read;
};

extern const Kernels portable;
extern const Kernels avx2;
extern const Kernels avx512;
extern const Kernels avx512bf16;

/// What this build has and this CPU can run, widest first.
std::vector<const Kernels*> usable_kernels();

}  // namespace attest::peak
