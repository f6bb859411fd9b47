// Occupancy by the toolkit's rules: registers, threads and shared memory each as the limit, against figures that the
// rules give by hand; and the lower bound of a time.
#include <boost/test/unit_test.hpp>

#include "harness/core/occupancy.hpp"

namespace attest {
namespace {

BOOST_AUTO_TEST_SUITE(occupancy_rules)

BOOST_AUTO_TEST_CASE(threads_limit_a_small_kernel) {
  // 2048 threads a multiprocessor over blocks of 1024, 256 and 32 (where 32 blocks are the limit).
  BOOST_TEST(blocks_per_multiprocessor({.registers = 32, .block_threads = 1024}) == 2);
  BOOST_TEST(blocks_per_multiprocessor({.registers = 16, .block_threads = 256}) == 8);
  BOOST_TEST(blocks_per_multiprocessor({.registers = 16, .block_threads = 32}) == 32);
  BOOST_TEST(occupancy({.registers = 16, .block_threads = 32}) == 0.5);
  BOOST_TEST(occupancy({.registers = 32, .block_threads = 1024}) == 1.0);
}

BOOST_AUTO_TEST_CASE(registers_come_in_units_of_a_warp) {
  // 255 registers: 8160 a warp, given as 8192; 65536 hold 8 warps: 2 blocks of 4.
  BOOST_TEST(blocks_per_multiprocessor({.registers = 255, .block_threads = 128}) == 2);
  // 168: 5376 a warp, 12.19 warps, 12 in units of 4: 3 blocks of 4, 1 of 8.
  BOOST_TEST(blocks_per_multiprocessor({.registers = 168, .block_threads = 128}) == 3);
  BOOST_TEST(blocks_per_multiprocessor({.registers = 168, .block_threads = 256}) == 1);
  // 72: 2304 a warp, 28.4 warps: 28.
  BOOST_TEST(blocks_per_multiprocessor({.registers = 72, .block_threads = 128}) == 7);
}

BOOST_AUTO_TEST_CASE(shared_memory_counts_what_the_system_takes) {
  // 164 KiB a multiprocessor; 1 KiB a block is the system's.
  BOOST_TEST(blocks_per_multiprocessor({.registers = 32, .dynamic_shared_bytes = 49152, .block_threads = 128}) == 3);
  BOOST_TEST(blocks_per_multiprocessor(
                 {.registers = 32, .static_shared_bytes = 1, .dynamic_shared_bytes = 166911, .block_threads = 128}) ==
             1);
  BOOST_TEST(blocks_per_multiprocessor({.registers = 32, .dynamic_shared_bytes = 166913, .block_threads = 128}) == 0);
}

BOOST_AUTO_TEST_CASE(an_entry_that_was_never_launched_has_none) {
  BOOST_TEST(blocks_per_multiprocessor({.registers = 32}) == 0);
  BOOST_TEST(occupancy({.registers = 32}) == 0.0);
}

BOOST_AUTO_TEST_CASE(the_lower_bound_is_the_slowest_of_the_three) {
  DeviceCounts counts;
  counts.global_unique_read_bytes = 1000e9;
  counts.global_unique_written_bytes = 555e9;
  BOOST_TEST(least_seconds(counts) == 1.0);
  counts.tensor_flops = 624e12;
  BOOST_TEST(least_seconds(counts) == 2.0);
  counts.scalar_flops = 58.5e12;
  BOOST_TEST(least_seconds(counts) == 3.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest
