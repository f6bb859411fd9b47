// The backend above the driver API: through the emulator of this process, through its shared library loaded as the
// system's driver would be, and through what is no driver. A kernel that fails says where.
#include "harness/backends/cuda/cuda_backend.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/backends/backend.hpp"
#include "harness/backends/cuda/execution.hpp"
#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "tests/harness/cuda_support.hpp"
#include "tests/harness/sweep_support.hpp"

using namespace attest;

namespace {

bool no_device_code() {
  if (!device_modules().empty()) return false;
  BOOST_TEST_MESSAGE("skipped: this build has no device code");
  return true;
}

// standard/cuda_naive on a small problem; `spoil` changes the kernel.
struct Naive {
  Naive() { inputs = storage.views(); }

  std::unique_ptr<Execution> prepare(const DriverApi& api) {
    return std::make_unique<CudaExecution>(api, *entry.variant, kernel, problem, inputs, 1, nullptr);
  }

  KernelEntry entry = find_kernel("standard/cuda_naive");
  Kernel kernel = *entry.kernel;
  Problem problem = parse_problem("hq2 sq5 skv7 d32");
  TensorStorage storage = generate_inputs("normal", *entry.variant, problem, 1);
  TensorSet inputs;
};

double checksum(Execution& execution) {
  const TensorView& out = execution.outputs().at("out");
  double sum = 0.0;
  for (std::int64_t index = 0; index < out.element_count(); ++index)
    sum += std::abs(load_element(out.data, out.dtype, index));
  return sum;
}

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words)
    BOOST_TEST(text.find(word) != std::string::npos, '\'' << text << "' lacks '" << word << '\'');
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cuda_backend_tests)

BOOST_AUTO_TEST_CASE(the_emulated_backend_counts_and_has_no_clock) {
  if (no_device_code()) return;
  Backend& backend = find_backend("emulated");
  BOOST_TEST(backend.available().supported);
  BOOST_TEST(!backend.has_clock());
  Naive naive;
  BOOST_TEST(backend.runs(naive.kernel));
  BOOST_TEST(!find_backend("cpu").runs(naive.kernel));
  const auto execution =
      backend.prepare(*naive.entry.variant, *naive.entry.kernel, naive.problem, naive.inputs, 2, {.sanitize = true});
  BOOST_TEST(std::isnan(checksum(*execution)));  // nothing is written yet
  execution->run();
  BOOST_TEST(std::isfinite(checksum(*execution)));
  BOOST_TEST(!execution->device_seconds().has_value());
  BOOST_TEST(execution->findings().empty());
  BOOST_REQUIRE(execution->counts().has_value());
  const DeviceCounts counts = *execution->counts();
  BOOST_TEST(counts.blocks > 0);
  BOOST_TEST(counts.global_unique_written_bytes > 0);
  execution->run();
  BOOST_TEST((*execution->counts() == counts));
  BOOST_TEST(execution->workspace_measured() == naive.kernel.workspace_bytes(naive.problem, 2));
  const std::vector<EntryResources> resources = execution->resources();
  BOOST_TEST(resources.size() == 3U);
  for (const EntryResources& entry : resources) {
    BOOST_TEST(entry.registers > 0);
    BOOST_TEST(entry.block_threads > 0);
  }
  BOOST_CHECK_THROW(
      backend.prepare(*naive.entry.variant, *naive.entry.kernel, parse_problem("d32 f64"), naive.inputs, 1), Error);
}

BOOST_AUTO_TEST_CASE(a_bad_address_names_the_call_the_error_and_the_source_line) {
  if (no_device_code()) return;
  Naive naive;
  naive.kernel.workspace_bytes = [](const Problem&, int) -> std::size_t { return 64; };
  const auto execution = naive.prepare(emulated_driver());
  const std::string error = error_of([&] { execution->run(); });
  expect_words(
      error, {"cuLaunchKernel: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)", "out of bounds",
              "standard_naive_scores_f32", "variants/standard/cuda_naive.cu:", "block (", "thread (", "0x"});
  expect_words(error_of([&] { execution->run(); }), {"CUDA_ERROR_ILLEGAL_ADDRESS"});
  expect_words(error_of([&] { execution->outputs(); }), {"cuMemcpyDtoH_v2: CUDA_ERROR_ILLEGAL_ADDRESS"});
}

BOOST_AUTO_TEST_CASE(device_code_that_cannot_be_loaded_names_its_kernel_and_the_line) {
  if (no_device_code()) return;
  using namespace attest::emulator;
  Naive naive;
  DriverApi spoiled = emulated_driver();
  spoiled.cuModuleLoadDataEx = [](CUmodule* module, const void* image, unsigned count, CUjit_option* options,
                                  void** values) {
    const std::string text = ".version 8.0\n.target sm_80\n.entry k()\n{\nfrobnicate;\n}\n";
    return image == nullptr ? CUDA_ERROR_INVALID_VALUE
                            : cuModuleLoadDataEx(module, text.c_str(), count, options, values);
  };
  expect_words(error_of([&] { naive.prepare(spoiled); }),
               {"cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX (", "): standard/cuda_naive: module:5: ", "'frobnicate'"});
  // Without a log the kernel is named too.
  spoiled.cuModuleLoadDataEx = [](CUmodule*, const void*, unsigned, CUjit_option*, void**) {
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  };
  expect_words(error_of([&] { naive.prepare(spoiled); }),
               {"cuModuleLoadDataEx of standard/cuda_naive: CUDA_ERROR_NO_BINARY_FOR_GPU"});
}

BOOST_AUTO_TEST_CASE(a_plan_that_the_driver_refuses_is_a_device_error) {
  if (no_device_code()) return;
  Naive naive;
  naive.kernel.plan = [](const Problem&, const TensorSet&) {
    return LaunchPlan{{Launch{.entry = "nothing", .grid = {}, .block = {}, .shared_bytes = 0, .arguments = {}}}};
  };
  expect_words(error_of([&] { naive.prepare(emulated_driver()); }),
               {"cuModuleGetFunction 'nothing'", "CUDA_ERROR_NOT_FOUND (named symbol not found)"});
  naive.kernel.plan = [](const Problem&, const TensorSet&) {
    return LaunchPlan{{Launch{.entry = "standard_naive_softmax",
                              .grid = {.x = 0},
                              .block = {.x = 32},
                              .shared_bytes = 0,
                              .arguments = {ValueBytes(4096), WorkspacePointer{}, TensorPointer{"lse", 0}}}}};
  };
  const auto execution = naive.prepare(emulated_driver());
  expect_words(error_of([&] { execution->run(); }), {"cuLaunchKernel: CUDA_ERROR_INVALID_VALUE (invalid argument)"});
  naive.kernel.plan = [](const Problem&, const TensorSet&) {
    return LaunchPlan{{Launch{.entry = "standard_naive_softmax",
                              .grid = {},
                              .block = {.x = 32},
                              .shared_bytes = 200 * 1024,
                              .arguments = {}}}};
  };
  expect_words(error_of([&] { naive.prepare(emulated_driver()); }), {"cuFuncSetAttribute: CUDA_ERROR_INVALID_VALUE"});
  naive.kernel.plan = [](const Problem&, const TensorSet&) {
    return LaunchPlan{{Launch{.entry = "standard_naive_softmax",
                              .grid = {},
                              .block = {},
                              .shared_bytes = 0,
                              .arguments = {WorkspacePointer{.byte_offset = 1 << 30}}}}};
  };
  expect_words(error_of([&] { naive.prepare(emulated_driver()); }), {"standard/cuda_naive", "workspace"});
  naive.kernel.workspace_bytes = [](const Problem&, int) { return std::size_t{1} << 50U; };
  BOOST_CHECK_THROW(naive.prepare(emulated_driver()), std::bad_alloc);
}

BOOST_AUTO_TEST_CASE(the_shared_library_is_a_driver) {
  const DriverApi api = load_driver(ATTEST_CUDA_LIBRARY);
  // It is another emulator than that of this process: nobody has initialised it.
  int count = 0;
  BOOST_TEST(api.cuDeviceGetCount(&count) == emulator::CUDA_ERROR_NOT_INITIALIZED);
  BOOST_TEST((api.cuInit != &emulator::cuInit));
  BOOST_TEST(api.describe(emulator::CUDA_ERROR_NOT_INITIALIZED) == "CUDA_ERROR_NOT_INITIALIZED (initialization error)");
  BOOST_TEST(api.describe(static_cast<emulator::CUresult>(4711)) == "error 4711");
  const DeviceFacts facts = open_device(api);
  BOOST_TEST(facts.compute_major == 8);
  BOOST_TEST(!facts.name.empty());
  if (no_device_code()) return;
  Naive naive;
  const auto execution = naive.prepare(api);
  execution->run();
  BOOST_TEST(!execution->device_seconds().has_value());
  const auto in_process = naive.prepare(emulated_driver());
  in_process->run();
  BOOST_TEST(checksum(*execution) == checksum(*in_process));
  naive.kernel.workspace_bytes = [](const Problem&, int) -> std::size_t { return 64; };
  const auto failing = naive.prepare(api);
  BOOST_TEST(error_of([&] { failing->run(); }) ==
             "cuLaunchKernel: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)");
}

BOOST_AUTO_TEST_CASE(what_is_no_driver_is_named_with_its_fault) {
  expect_words(error_of([] { load_driver("/nowhere/libcuda.so.1"); }),
               {"/nowhere/libcuda.so.1: cannot be loaded", "ATTEST_CUDA_DRIVER"});
  const TemporaryFolder folder;
  std::ofstream(folder / "libcuda.so") << "not a library";
  expect_words(error_of([&] { load_driver(folder / "libcuda.so"); }),
               {"libcuda.so: cannot be loaded", "file too short"});
  expect_words(error_of([] { load_driver("libm.so.6"); }), {"libm.so.6: has no function cuInit"});
}

BOOST_AUTO_TEST_SUITE_END()
