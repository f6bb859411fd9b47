#include "harness/core/occupancy.hpp"

#include <algorithm>

namespace attest {
namespace {

int rounded_up(int value, int unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

int blocks_per_multiprocessor(const EntryResources& entry, const GpuLimits& gpu) {
  if (entry.block_threads <= 0) return 0;
  const int warps = (entry.block_threads + 31) / 32;
  int blocks = std::min(gpu.blocks_per_sm, gpu.threads_per_sm / (warps * 32));
  if (entry.registers > 0) {
    const int a_warp = rounded_up(entry.registers * 32, gpu.register_unit);
    const int fitting = gpu.registers_per_sm / a_warp / gpu.warp_unit * gpu.warp_unit;
    blocks = std::min(blocks, fitting / warps);
  }
  const int shared =
      rounded_up(entry.static_shared_bytes + entry.dynamic_shared_bytes + gpu.shared_reserved, gpu.shared_unit);
  return std::min(blocks, gpu.shared_per_sm / shared);
}

double occupancy(const EntryResources& entry, const GpuLimits& gpu) {
  const int warps = (entry.block_threads + 31) / 32;
  return static_cast<double>(blocks_per_multiprocessor(entry, gpu) * warps * 32) / gpu.threads_per_sm;
}

double least_seconds(const DeviceCounts& counts, const GpuLimits& gpu) {
  const double bytes = counts.global_unique_read_bytes + counts.global_unique_written_bytes;
  return std::max({bytes / gpu.bytes_per_second, counts.tensor_flops / gpu.tensor_flops_per_second,
                   counts.scalar_flops / gpu.scalar_flops_per_second});
}

}  // namespace attest
