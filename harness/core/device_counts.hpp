#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attest {

/// What one run of a kernel did on a device, counted exactly by the emulator over all its launches. Never a time.
struct DeviceCounts {
  double warp_instructions = 0;            ///< instructions issued, one a warp
  double thread_instructions = 0;          ///< the same times the lanes that were active
  double integer_instructions = 0;         ///< warp instructions by class
  double float_instructions = 0;           ///<
  double special_instructions = 0;         ///< ex2, lg2, rcp, rsqrt, sqrt, sin, cos, tanh
  double tensor_instructions = 0;          ///< mma
  double memory_instructions = 0;          ///< loads, stores, atomics, asynchronous copies, ldmatrix
  double control_instructions = 0;         ///< branches, barriers, calls, exits
  double tensor_flops = 0;                 ///< 2*m*n*k an mma
  double scalar_flops = 0;                 ///< at the level of PTX: an fma is 2
  double global_load_requests = 0;         ///< warp requests
  double global_load_sectors = 0;          ///< 32-byte sectors that the requests touch
  double global_load_bytes = 0;            ///< bytes that the lanes asked for
  double global_store_requests = 0;        ///<
  double global_store_sectors = 0;         ///<
  double global_store_bytes = 0;           ///<
  double global_atomic_requests = 0;       ///<
  double global_bytes_moved = 0;           ///< 32 bytes for each sector of a load, store or atomic
  double global_unique_read_bytes = 0;     ///< bytes read at least once: compulsory traffic
  double global_unique_written_bytes = 0;  ///<
  double async_copy_bytes = 0;             ///< part of global_load_bytes that came by cp.async
  double shared_load_requests = 0;         ///<
  double shared_store_requests = 0;        ///<
  double shared_wavefronts = 0;            ///< passes through the 32 banks
  double shared_wavefronts_ideal = 0;      ///< the least that the same bytes need
  double local_bytes = 0;                  ///< local memory read and written
  double barriers = 0;                     ///< bar.sync executed, one a warp
  double divergent_branches = 0;           ///< branches whose lanes parted
  double blocks = 0;                       ///<
  double threads = 0;                      ///<

  /// Wavefronts beyond the ideal.
  double bank_conflicts() const { return shared_wavefronts - shared_wavefronts_ideal; }
  /// Active lanes a warp instruction, over 32.
  double lane_share() const { return warp_instructions > 0 ? thread_instructions / warp_instructions / 32.0 : 0.0; }

  bool operator==(const DeviceCounts&) const = default;
};

/// Calls visit(name, member) for every count, in the order above; `Counts` is DeviceCounts or const DeviceCounts.
template <class Counts, class Visit>
void for_each_count(Counts& counts, Visit visit) {
#define ATTEST_COUNT(name) visit(#name, counts.name)
  ATTEST_COUNT(warp_instructions);
  ATTEST_COUNT(thread_instructions);
  ATTEST_COUNT(integer_instructions);
  ATTEST_COUNT(float_instructions);
  ATTEST_COUNT(special_instructions);
  ATTEST_COUNT(tensor_instructions);
  ATTEST_COUNT(memory_instructions);
  ATTEST_COUNT(control_instructions);
  ATTEST_COUNT(tensor_flops);
  ATTEST_COUNT(scalar_flops);
  ATTEST_COUNT(global_load_requests);
  ATTEST_COUNT(global_load_sectors);
  ATTEST_COUNT(global_load_bytes);
  ATTEST_COUNT(global_store_requests);
  ATTEST_COUNT(global_store_sectors);
  ATTEST_COUNT(global_store_bytes);
  ATTEST_COUNT(global_atomic_requests);
  ATTEST_COUNT(global_bytes_moved);
  ATTEST_COUNT(global_unique_read_bytes);
  ATTEST_COUNT(global_unique_written_bytes);
  ATTEST_COUNT(async_copy_bytes);
  ATTEST_COUNT(shared_load_requests);
  ATTEST_COUNT(shared_store_requests);
  ATTEST_COUNT(shared_wavefronts);
  ATTEST_COUNT(shared_wavefronts_ideal);
  ATTEST_COUNT(local_bytes);
  ATTEST_COUNT(barriers);
  ATTEST_COUNT(divergent_branches);
  ATTEST_COUNT(blocks);
  ATTEST_COUNT(threads);
#undef ATTEST_COUNT
}

/// What the compiler said of one entry: by ptxas, at build time.
struct EntryResources {
  std::string entry = {};
  int registers = 0;             ///< a thread
  int spill_store_bytes = 0;     ///< a thread
  int spill_load_bytes = 0;      ///<
  int static_shared_bytes = 0;   ///< a block
  int dynamic_shared_bytes = 0;  ///< a block, of the launch; 0 before one
  int block_threads = 0;         ///< threads a block of the launch; 0 before one
};

/// Something that a checked run found: a race, a read of what was never written, and so on.
struct DeviceFinding {
  std::string kind;     ///< "race", "out of bounds", "uninitialised read", ...
  std::string message;  ///< one line: entry, source line, block, thread, address
};

}  // namespace attest
