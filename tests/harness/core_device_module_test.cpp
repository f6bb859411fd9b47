// Device modules: what ptxas prints is read or refused, and the kernels that were compiled keep what they promise.
#include <boost/test/unit_test.hpp>
#include <string>

#include "harness/core/device_module.hpp"
#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"

using namespace attest;

BOOST_AUTO_TEST_SUITE(core_device_module)

BOOST_AUTO_TEST_CASE(registers_spills_and_shared_bytes_are_read_from_ptxas) {
  const DeviceModule module{"v/cuda_x", "", R"(ptxas info    : 24 bytes gmem, 72 bytes cmem[4]
ptxas info    : Compiling entry function 'first' for 'sm_80'
ptxas info    : Function properties for first
    64 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 64 bytes cumulative stack size, 1040 bytes smem, 472 bytes cmem[0]
ptxas info    : Compile time = 2.036 ms
ptxas info    : Compiling entry function 'second' for 'sm_80'
ptxas info    : Function properties for helper
    8 bytes stack frame, 99 bytes spill stores, 99 bytes spill loads
ptxas info    : Function properties for second
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 10 registers, used 0 barriers, 368 bytes cmem[0]
)"};
  const std::vector<EntryResources> entries = resources_of(module);
  BOOST_REQUIRE(entries.size() == 2U);
  BOOST_TEST(entries[0].entry == "first");
  BOOST_TEST(entries[0].registers == 255);
  BOOST_TEST(entries[0].spill_store_bytes == 12);
  BOOST_TEST(entries[0].spill_load_bytes == 16);
  BOOST_TEST(entries[0].static_shared_bytes == 1040);
  BOOST_TEST(entries[1].entry == "second");
  BOOST_TEST(entries[1].registers == 10);
  BOOST_TEST(entries[1].spill_store_bytes == 0);
  BOOST_TEST(entries[1].static_shared_bytes == 0);
  BOOST_TEST(resources_of({"v/cuda_empty", "", ""}).empty());
}

BOOST_AUTO_TEST_CASE(an_output_that_is_not_understood_is_named_with_its_line) {
  const auto refused = [](std::string_view text, std::string_view words) {
    BOOST_CHECK_EXCEPTION(resources_of({"v/cuda_x", "", text}), Error, [&](const Error& error) {
      BOOST_TEST_CONTEXT(error.what()) BOOST_TEST(std::string(error.what()).find(words) != std::string::npos);
      return std::string_view(error.what()).find("v/cuda_x") != std::string_view::npos;
    });
  };
  constexpr std::string_view begin = "ptxas info    : Compiling entry function 'f' for 'sm_80'\n";
  refused(begin, "'f' has no registers");
  refused(std::string(begin) + std::string(begin), "line 2");
  refused(std::string(begin) + "ptxas info    : Used many registers\n", "no number before 'registers'");
  refused(std::string(begin) + "ptxas info    : Used 7 things\n", "no 'registers'");
}

BOOST_AUTO_TEST_CASE(every_cuda_kernel_has_its_module) {
  if (device_compiler().empty()) {
    BOOST_TEST_MESSAGE("skipped: this build had no nvcc");
    BOOST_TEST(device_modules().empty());
    return;
  }
  for (const KernelEntry& entry : all_kernels()) {
    if (entry.kernel->backend != "cuda") continue;
    BOOST_TEST_CONTEXT(entry.id()) {
      const DeviceModule* module = find_device_module(entry.id());
      BOOST_REQUIRE(module != nullptr);
      BOOST_TEST(module->ptx.find(".target sm_80") != std::string_view::npos);
      BOOST_TEST(module->ptx.back() == '\n');
      BOOST_TEST(module->ptx.find("\"variants/") != std::string_view::npos);
      BOOST_TEST(!resources_of(*module).empty());
    }
  }
  BOOST_TEST(find_device_module("standard/cuda_nothing") == nullptr);
}

BOOST_AUTO_TEST_CASE(flash2_spills_no_register_at_head_dims_64_and_128) {
  int seen = 0;
  for (const DeviceModule& module : device_modules()) {
    if (!module.id.starts_with("flash2/")) continue;
    for (const EntryResources& entry : resources_of(module)) {
      if (entry.entry.find("_d64") == std::string::npos && entry.entry.find("_d128") == std::string::npos) continue;
      ++seen;
      BOOST_TEST_CONTEXT(module.id << ": " << entry.entry) {
        BOOST_TEST(entry.spill_store_bytes == 0);
        BOOST_TEST(entry.spill_load_bytes == 0);
      }
    }
  }
  if (find_device_module("flash2/cuda_mma") != nullptr) BOOST_TEST(seen >= 4);
}

BOOST_AUTO_TEST_SUITE_END()
