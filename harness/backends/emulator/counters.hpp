#pragma once

#include <cstdint>

namespace attest::emulator {

/// What a launch did. Same figures for any number of host threads and any run. Names and order as in the harness's
/// DeviceCounts, which is filled from it.
struct Counters {
  std::uint64_t warp_instructions = 0;
  std::uint64_t thread_instructions = 0;
  std::uint64_t integer_instructions = 0;
  std::uint64_t float_instructions = 0;
  std::uint64_t special_instructions = 0;
  std::uint64_t tensor_instructions = 0;
  std::uint64_t memory_instructions = 0;
  std::uint64_t control_instructions = 0;
  std::uint64_t tensor_flops = 0;
  std::uint64_t scalar_flops = 0;
  std::uint64_t global_load_requests = 0;
  std::uint64_t global_load_sectors = 0;
  std::uint64_t global_load_bytes = 0;
  std::uint64_t global_store_requests = 0;
  std::uint64_t global_store_sectors = 0;
  std::uint64_t global_store_bytes = 0;
  std::uint64_t global_atomic_requests = 0;
  std::uint64_t global_bytes_moved = 0;
  std::uint64_t global_unique_read_bytes = 0;
  std::uint64_t global_unique_written_bytes = 0;
  std::uint64_t async_copy_bytes = 0;
  std::uint64_t shared_load_requests = 0;
  std::uint64_t shared_store_requests = 0;
  std::uint64_t shared_wavefronts = 0;
  std::uint64_t shared_wavefronts_ideal = 0;
  std::uint64_t local_bytes = 0;
  std::uint64_t barriers = 0;
  std::uint64_t divergent_branches = 0;
  std::uint64_t blocks = 0;
  std::uint64_t threads = 0;

  Counters& operator+=(const Counters& other);
  bool operator==(const Counters&) const = default;
};

}  // namespace attest::emulator
