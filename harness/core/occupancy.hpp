#pragma once

#include <cstdint>
#include <string_view>

#include "harness/core/device_counts.hpp"

namespace attest {

/// What limits how many blocks a multiprocessor holds at once, and what bounds a kernel's time from below.
struct GpuLimits {
  std::string_view name;
  int threads_per_sm = 0;
  int blocks_per_sm = 0;
  int registers_per_sm = 0;
  int register_unit = 0;               ///< registers of a warp are given in this many
  int warp_unit = 0;                   ///< warps that fit by registers are given in this many (one a scheduler)
  int shared_per_sm = 0;               ///< bytes
  int shared_unit = 0;                 ///< bytes
  int shared_reserved = 0;             ///< bytes a block that the system takes
  double bytes_per_second = 0;         ///< of DRAM
  double tensor_flops_per_second = 0;  ///< dense, f16 and bf16 with f32 sums
  double scalar_flops_per_second = 0;  ///< f32
};

/// NVIDIA A100 40 GB SXM, compute capability 8.0, for which device code is compiled.
/// Source: NVIDIA A100 Tensor Core GPU Architecture (2020), table 4; CUDA C++ Programming Guide, technical
/// specifications of 8.0; the allocation units are those of the toolkit's cuda_occupancy.h.
inline constexpr GpuLimits a100{.name = "A100",
                                .threads_per_sm = 2048,
                                .blocks_per_sm = 32,
                                .registers_per_sm = 65536,
                                .register_unit = 256,
                                .warp_unit = 4,
                                .shared_per_sm = 167936,
                                .shared_unit = 128,
                                .shared_reserved = 1024,
                                .bytes_per_second = 1555e9,
                                .tensor_flops_per_second = 312e12,
                                .scalar_flops_per_second = 19.5e12};

/// Blocks of that entry that a multiprocessor holds at once, by the toolkit's rules; 0 where one does not fit or the
/// entry has not been launched. A thread's registers are those that ptxas gave.
int blocks_per_multiprocessor(const EntryResources& entry, const GpuLimits& gpu = a100);

/// Warps of those blocks over the warps that the multiprocessor can hold: 0 to 1.
double occupancy(const EntryResources& entry, const GpuLimits& gpu = a100);

/// A time that the GPU cannot be faster than: compulsory bytes over the bandwidth, tensor FLOPs and scalar FLOPs over
/// their peaks, whichever is the most. A lower bound in seconds, never a time.
double least_seconds(const DeviceCounts& counts, const GpuLimits& gpu = a100);

}  // namespace attest
