// Launches through the driver API: right ones, ones that make no sense, and kernels that fail. A fault gives the error
// that a device gives, and sticks to its context as there.
#include <array>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/harness/cuda_support.hpp"

using namespace attest::emulator;
using attest::DriverFixture;

BOOST_AUTO_TEST_SUITE(cuda_launch)

BOOST_FIXTURE_TEST_CASE(parameters_come_one_by_one_or_as_a_buffer, DriverFixture) {
  CUdeviceptr out = allocate(64 * 4);
  const CUfunction entry = function("fill");
  std::vector<unsigned> host(64);
  BOOST_TEST(cuMemsetD32_v2(out, 0, 64) == CUDA_SUCCESS);
  unsigned value = 42;
  void* parameters[] = {&out, &value};
  BOOST_TEST(cuLaunchKernel(entry, 2, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr) == CUDA_SUCCESS);
  BOOST_TEST(cuMemcpyDtoH_v2(host.data(), out, 64 * 4) == CUDA_SUCCESS);
  BOOST_TEST(host == std::vector<unsigned>(64, 42));

  struct {
    CUdeviceptr out;
    unsigned value;
  } buffer{out, 43};
  std::size_t bytes = 12;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  const auto launch_extra = [&](void** one_by_one) {
    return cuLaunchKernel(entry, 2, 1, 1, 32, 1, 1, 0, nullptr, one_by_one, extra);
  };
  BOOST_TEST(launch_extra(nullptr) == CUDA_SUCCESS);
  bytes = sizeof buffer;  // padded, as a struct is
  BOOST_TEST(launch_extra(nullptr) == CUDA_SUCCESS);
  BOOST_TEST(cuMemcpyDtoH_v2(host.data(), out, 64 * 4) == CUDA_SUCCESS);
  BOOST_TEST(host == std::vector<unsigned>(64, 43));

  BOOST_TEST(launch_extra(parameters) == CUDA_ERROR_INVALID_VALUE);
  for (const std::size_t wrong : {0, 8, 11, 64}) {
    bytes = wrong;
    BOOST_TEST(launch_extra(nullptr) == CUDA_ERROR_INVALID_VALUE);
  }
  extra[0] = reinterpret_cast<void*>(9);
  BOOST_TEST(launch_extra(nullptr) == CUDA_ERROR_INVALID_VALUE);
  void* missing[] = {&out, nullptr};
  BOOST_TEST(launch(entry, 32, missing) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(launch(entry, 32, nullptr) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuCtxSynchronize() == CUDA_SUCCESS);
}

BOOST_FIXTURE_TEST_CASE(a_grid_that_makes_no_sense_is_refused_and_harms_nothing, DriverFixture) {
  CUdeviceptr out = allocate(2048 * 4);
  unsigned value = 1;
  void* parameters[] = {&out, &value};
  const CUfunction entry = function("fill");
  const auto shape = [&](std::array<unsigned, 3> grid, std::array<unsigned, 3> block) {
    return cuLaunchKernel(entry, grid[0], grid[1], grid[2], block[0], block[1], block[2], 0, nullptr, parameters,
                          nullptr);
  };
  BOOST_TEST(shape({0, 1, 1}, {32, 1, 1}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(shape({1, 65536, 1}, {32, 1, 1}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(shape({1, 1, 1}, {0, 1, 1}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(shape({1, 1, 1}, {1025, 1, 1}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(shape({1, 1, 1}, {32, 33, 1}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(shape({1, 1, 1}, {1, 1, 65}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(!driver_last_detail().empty());
  BOOST_TEST(shape({1, 1, 1}, {1024, 1, 1}) == CUDA_SUCCESS);
}

BOOST_FIXTURE_TEST_CASE(shared_memory_over_48_kib_has_to_be_asked_for, DriverFixture) {
  const CUfunction entry = function("shared_last");
  int most = 0;
  BOOST_TEST(cuFuncGetAttribute(&most, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, entry) == CUDA_SUCCESS);
  BOOST_TEST(most == 48 * 1024);
  BOOST_TEST(launch(entry, 1, nullptr, 48 * 1024) == CUDA_SUCCESS);
  BOOST_TEST(launch(entry, 1, nullptr, 48 * 1024 + 16) == CUDA_ERROR_INVALID_VALUE);
  const auto ask = [&](int bytes) {
    return cuFuncSetAttribute(entry, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
  };
  BOOST_TEST(ask(163 * 1024 + 1) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(ask(-1) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(ask(163 * 1024) == CUDA_SUCCESS);
  BOOST_TEST(launch(entry, 1, nullptr, 163 * 1024) == CUDA_SUCCESS);
  BOOST_TEST(launch(entry, 1, nullptr, 163 * 1024 + 16) == CUDA_ERROR_INVALID_VALUE);
}

BOOST_FIXTURE_TEST_CASE(an_illegal_address_sticks_to_the_context, DriverFixture) {
  const CUdeviceptr out = allocate(32 * 4);
  const CUfunction entry = function("fill");
  BOOST_TEST(fill(entry, out, 33) == CUDA_ERROR_ILLEGAL_ADDRESS);
  BOOST_TEST(driver_last_detail().find("fill") != std::string::npos, driver_last_detail());
  BOOST_TEST(driver_last_detail().find("thread (32,0,0)") != std::string::npos, driver_last_detail());
  BOOST_TEST(fill(entry, out, 32) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CUdeviceptr more = 0;
  BOOST_TEST(cuMemAlloc_v2(&more, 4) == CUDA_ERROR_ILLEGAL_ADDRESS);
  BOOST_TEST(cuMemFree_v2(out) == CUDA_ERROR_ILLEGAL_ADDRESS);
  BOOST_TEST(cuStreamSynchronize(nullptr) == CUDA_ERROR_ILLEGAL_ADDRESS);
  BOOST_TEST(cuModuleUnload(module) == CUDA_ERROR_ILLEGAL_ADDRESS);
  BOOST_TEST(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
  // Another context does not know of it.
  const DriverFixture fresh;
  BOOST_TEST(DriverFixture::fill(fresh.function("fill"), fresh.allocate(32 * 4), 32) == CUDA_SUCCESS);
}

BOOST_FIXTURE_TEST_CASE(freed_memory_is_an_illegal_address, DriverFixture) {
  const CUdeviceptr out = allocate(32 * 4);
  BOOST_TEST(cuMemFree_v2(out) == CUDA_SUCCESS);
  BOOST_TEST(fill(function("fill"), out, 32) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

BOOST_FIXTURE_TEST_CASE(a_misaligned_address_has_its_own_error, DriverFixture) {
  BOOST_TEST(fill(function("fill"), allocate(64 * 4) + 2, 32) == CUDA_ERROR_MISALIGNED_ADDRESS);
  BOOST_TEST(cuCtxSynchronize() == CUDA_ERROR_MISALIGNED_ADDRESS);
}

BOOST_FIXTURE_TEST_CASE(a_trap_is_a_failed_launch, DriverFixture) {
  BOOST_TEST(launch(function("stop"), 32, nullptr) == CUDA_ERROR_LAUNCH_FAILED);
  BOOST_TEST(cuCtxSynchronize() == CUDA_ERROR_LAUNCH_FAILED);
}

BOOST_FIXTURE_TEST_CASE(an_endless_loop_runs_out_of_its_budget, DriverFixture) {
  DriverOptions options;
  options.launch.instruction_budget = 100'000;
  set_driver_options(options);
  BOOST_TEST(launch(function("spin"), 32, nullptr) == CUDA_ERROR_LAUNCH_TIMEOUT);
}

BOOST_FIXTURE_TEST_CASE(an_endless_loop_runs_out_of_its_time, DriverFixture) {
  DriverOptions options;
  options.launch.deadline_seconds = 0.05;
  set_driver_options(options);
  BOOST_TEST(launch(function("spin"), 32, nullptr) == CUDA_ERROR_LAUNCH_TIMEOUT);
}

BOOST_FIXTURE_TEST_CASE(the_log_has_counts_and_findings_of_each_launch, DriverFixture) {
  const CUfunction entry = function("race");
  BOOST_TEST(launch(entry, 64, nullptr) == CUDA_SUCCESS);
  BOOST_TEST(take_driver_log().empty());  // nobody asked for one
  DriverOptions options;
  options.keep_log = true;
  options.launch.sanitize = true;
  set_driver_options(options);
  BOOST_TEST(launch(entry, 64, nullptr) == CUDA_SUCCESS);
  BOOST_TEST(fill(function("fill"), allocate(32 * 4), 32) == CUDA_SUCCESS);
  const std::vector<DriverLaunch> log = take_driver_log();
  BOOST_REQUIRE(log.size() == 2U);
  BOOST_TEST(log[0].entry == "race");
  BOOST_REQUIRE(!log[0].result.findings.empty());
  BOOST_TEST(log[0].result.counters.threads == 64U);
  BOOST_TEST(log[1].entry == "fill");
  BOOST_TEST(log[1].result.findings.empty());
  BOOST_TEST(log[1].result.counters.global_store_bytes == 128U);
  BOOST_TEST(log[1].result.counters.global_store_sectors == 4U);
  BOOST_TEST(take_driver_log().empty());
}

BOOST_FIXTURE_TEST_CASE(occupancy_follows_the_toolkits_rules, DriverFixture) {
  const CUfunction entry = function("shared_last");
  const auto blocks = [&](int threads, std::size_t shared) {
    int count = -1;
    BOOST_TEST(cuOccupancyMaxActiveBlocksPerMultiprocessor(&count, entry, threads, shared) == CUDA_SUCCESS);
    return count;
  };
  BOOST_TEST(blocks(32, 0) == 32);           // blocks a multiprocessor
  BOOST_TEST(blocks(1024, 0) == 2);          // its threads
  BOOST_TEST(blocks(128, 163 * 1024) == 1);  // its shared memory
  BOOST_TEST(blocks(128, 32 * 1024) == 4);   // 164 KiB / (32 + 1 KiB)
  BOOST_TEST(blocks(128, 164 * 1024) == 0);  // more than a block may have
  BOOST_TEST(blocks(1025, 0) == 0);          // more threads than a block may have
  int count = 0;
  BOOST_TEST(cuOccupancyMaxActiveBlocksPerMultiprocessor(&count, entry, 0, 0) == CUDA_ERROR_INVALID_VALUE);
}

BOOST_AUTO_TEST_SUITE_END()
