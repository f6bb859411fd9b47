// The driver API on the emulator, without a launch: a program that uses it wrongly meets the driver's own errors.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/harness/cuda_support.hpp"

using namespace attest::emulator;
using attest::DriverFixture;
using attest::small_ptx;

BOOST_AUTO_TEST_SUITE(cuda_driver)

BOOST_AUTO_TEST_CASE(results_have_the_drivers_names_and_texts) {
  const char* text = nullptr;
  BOOST_TEST(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text) == CUDA_SUCCESS);
  BOOST_TEST(text == "CUDA_ERROR_ILLEGAL_ADDRESS");
  BOOST_TEST(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text) == CUDA_SUCCESS);
  BOOST_TEST(text == "an illegal memory access was encountered");
  BOOST_TEST(cuGetErrorString(CUDA_SUCCESS, &text) == CUDA_SUCCESS);
  BOOST_TEST(text == "no error");
  BOOST_TEST(cuGetErrorName(static_cast<CUresult>(4711), &text) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(text == nullptr);
  BOOST_TEST(cuGetErrorName(CUDA_SUCCESS, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

BOOST_AUTO_TEST_CASE(there_is_one_device_of_capability_8_0) {
  BOOST_TEST(cuInit(1) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuInit(0) == CUDA_SUCCESS);
  int count = 0;
  BOOST_TEST(cuDeviceGetCount(&count) == CUDA_SUCCESS);
  BOOST_TEST(count == 1);
  CUdevice device = -1;
  BOOST_TEST(cuDeviceGet(&device, 0) == CUDA_SUCCESS);
  BOOST_TEST(cuDeviceGet(&device, 1) == CUDA_ERROR_INVALID_DEVICE);
  BOOST_TEST(cuDeviceGet(&device, -1) == CUDA_ERROR_INVALID_DEVICE);
  int major = 0, minor = -1;
  BOOST_TEST(cuDeviceComputeCapability(&major, &minor, 0) == CUDA_SUCCESS);
  BOOST_TEST(major == 8);
  BOOST_TEST(minor == 0);
  int value = 0;
  BOOST_TEST(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0) == CUDA_SUCCESS);
  BOOST_TEST(value == 163 * 1024);
  BOOST_TEST(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(0), 0) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(9999), 0) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0) == CUDA_ERROR_INVALID_VALUE);
  std::array<char, 7> name{};
  BOOST_TEST(cuDeviceGetName(name.data(), 7, 0) == CUDA_SUCCESS);
  BOOST_TEST(std::strcmp(name.data(), "Attest") == 0);
  BOOST_TEST(cuDeviceGetName(name.data(), 0, 0) == CUDA_ERROR_INVALID_VALUE);
  std::size_t bytes = 0;
  BOOST_TEST(cuDeviceTotalMem_v2(&bytes, 0) == CUDA_SUCCESS);
  BOOST_TEST(bytes > 0U);
  int version = 0;
  BOOST_TEST(cuDriverGetVersion(&version) == CUDA_SUCCESS);
  BOOST_TEST(version >= 12000);
}

BOOST_AUTO_TEST_CASE(contexts_are_a_stack_of_each_thread) {
  BOOST_TEST(cuInit(0) == CUDA_SUCCESS);
  CUdeviceptr address = 0;
  BOOST_TEST(cuMemAlloc_v2(&address, 4) == CUDA_ERROR_INVALID_CONTEXT);
  CUcontext first = nullptr, second = nullptr, current = nullptr;
  BOOST_TEST(cuCtxCreate_v2(&first, 0, 0) == CUDA_SUCCESS);
  BOOST_TEST(cuCtxCreate_v4(&second, nullptr, 0, 0) == CUDA_SUCCESS);
  BOOST_TEST(cuCtxGetCurrent(&current) == CUDA_SUCCESS);
  BOOST_TEST(current == second);
  BOOST_TEST(cuCtxPopCurrent_v2(&current) == CUDA_SUCCESS);
  BOOST_TEST(current == second);
  BOOST_TEST(cuCtxGetCurrent(&current) == CUDA_SUCCESS);
  BOOST_TEST(current == first);
  BOOST_TEST(cuCtxPushCurrent_v2(second) == CUDA_SUCCESS);
  std::thread([&] {
    BOOST_TEST(cuCtxSynchronize() == CUDA_ERROR_INVALID_CONTEXT);
    BOOST_TEST(cuCtxSetCurrent(second) == CUDA_SUCCESS);
    BOOST_TEST(cuCtxDestroy_v2(second) == CUDA_SUCCESS);
  }).join();
  BOOST_TEST(cuCtxSynchronize() == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  BOOST_TEST(cuCtxSetCurrent(second) == CUDA_ERROR_INVALID_CONTEXT);
  BOOST_TEST(cuCtxDestroy_v2(second) == CUDA_ERROR_INVALID_CONTEXT);
  BOOST_TEST(cuCtxSetCurrent(first) == CUDA_SUCCESS);
  BOOST_TEST(cuCtxDestroy_v2(first) == CUDA_SUCCESS);
  while (cuCtxPopCurrent_v2(nullptr) == CUDA_SUCCESS) {
  }
  BOOST_TEST(cuCtxPopCurrent_v2(nullptr) == CUDA_ERROR_INVALID_CONTEXT);
}

BOOST_AUTO_TEST_CASE(the_primary_context_lives_as_long_as_it_is_retained) {
  BOOST_TEST(cuInit(0) == CUDA_SUCCESS);
  BOOST_TEST(cuDevicePrimaryCtxRelease_v2(0) == CUDA_ERROR_INVALID_CONTEXT);
  CUcontext first = nullptr, second = nullptr;
  BOOST_TEST(cuDevicePrimaryCtxRetain(&first, 0) == CUDA_SUCCESS);
  BOOST_TEST(cuDevicePrimaryCtxRetain(&second, 0) == CUDA_SUCCESS);
  BOOST_TEST(first == second);
  BOOST_TEST(cuDevicePrimaryCtxRetain(&second, 3) == CUDA_ERROR_INVALID_DEVICE);
  BOOST_TEST(cuCtxDestroy_v2(first) == CUDA_ERROR_INVALID_CONTEXT);
  BOOST_TEST(cuCtxSetCurrent(first) == CUDA_SUCCESS);
  CUdeviceptr address = 0;
  BOOST_TEST(cuMemAlloc_v2(&address, 4) == CUDA_SUCCESS);
  BOOST_TEST(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);
  BOOST_TEST(cuMemFree_v2(address) == CUDA_ERROR_INVALID_VALUE);
  unsigned flags = 1;
  int active = 0;
  BOOST_TEST(cuDevicePrimaryCtxGetState(0, &flags, &active) == CUDA_SUCCESS);
  BOOST_TEST(active == 1);
  BOOST_TEST(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
  BOOST_TEST(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
  BOOST_TEST(cuDevicePrimaryCtxGetState(0, &flags, &active) == CUDA_SUCCESS);
  BOOST_TEST(active == 0);
}

BOOST_FIXTURE_TEST_CASE(memory_is_copied_and_set_within_its_bounds, DriverFixture) {
  CUdeviceptr address = 0;
  BOOST_TEST(cuMemAlloc_v2(&address, 0) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemAlloc_v2(nullptr, 4) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemAlloc_v2(&address, std::size_t{1} << 50U) == CUDA_ERROR_OUT_OF_MEMORY);
  std::size_t before = 0, after = 0, total = 0;
  BOOST_TEST(cuMemGetInfo_v2(&before, &total) == CUDA_SUCCESS);
  address = allocate(64);
  BOOST_TEST(address % 256 == 0U);
  BOOST_TEST(cuMemGetInfo_v2(&after, &total) == CUDA_SUCCESS);
  BOOST_TEST(before - after == 64U);

  std::array<std::uint32_t, 16> host{};
  BOOST_TEST(cuMemsetD32_v2(address, 0x01020304, 16) == CUDA_SUCCESS);
  BOOST_TEST(cuMemsetD16_v2(address, 0x0506, 1) == CUDA_SUCCESS);
  BOOST_TEST(cuMemsetD8Async(address + 63, 0xAA, 1, nullptr) == CUDA_SUCCESS);
  BOOST_TEST(cuMemcpyDtoD_v2(address + 8, address, 16) == CUDA_SUCCESS);
  BOOST_TEST(cuMemcpyDtoH_v2(host.data(), address, 64) == CUDA_SUCCESS);
  BOOST_TEST(host[0] == 0x01020506U);
  BOOST_TEST(host[2] == 0x01020506U);
  BOOST_TEST(host[15] == 0xAA020304U);
  host[1] = 99;
  BOOST_TEST(cuMemcpyHtoDAsync_v2(address, host.data(), 8, nullptr) == CUDA_SUCCESS);
  host[1] = 0;
  BOOST_TEST(cuMemcpyDtoHAsync_v2(host.data(), address, 8, nullptr) == CUDA_SUCCESS);
  BOOST_TEST(host[1] == 99U);

  BOOST_TEST(cuMemcpyDtoH_v2(host.data(), address + 60, 8) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemcpyHtoD_v2(address - 4, host.data(), 8) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemcpyDtoD_v2(address, address + 60, 8) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemcpyHtoD_v2(address, nullptr, 8) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemcpyHtoD_v2(address, nullptr, 0) == CUDA_SUCCESS);
  BOOST_TEST(cuMemsetD32_v2(address + 2, 0, 1) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemsetD8_v2(address, 0, 65) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemsetD32_v2(address, 0, ~std::size_t{0}) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemFree_v2(address + 4) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemFree_v2(0) == CUDA_SUCCESS);
  BOOST_TEST(cuMemFree_v2(address) == CUDA_SUCCESS);
  BOOST_TEST(cuMemFree_v2(address) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuMemcpyDtoH_v2(host.data(), address, 4) == CUDA_ERROR_INVALID_VALUE);
}

BOOST_FIXTURE_TEST_CASE(streams_and_events_are_handles_of_the_context, DriverFixture) {
  CUstream stream = nullptr;
  BOOST_TEST(cuStreamCreate(&stream, 0) == CUDA_SUCCESS);
  BOOST_TEST(cuStreamCreate(&stream, 9) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuStreamQuery(stream) == CUDA_SUCCESS);
  BOOST_TEST(cuStreamSynchronize(nullptr) == CUDA_SUCCESS);
  CUevent start = nullptr, stop = nullptr;
  BOOST_TEST(cuEventCreate(&start, CU_EVENT_DEFAULT) == CUDA_SUCCESS);
  BOOST_TEST(cuEventCreate(&stop, CU_EVENT_DEFAULT) == CUDA_SUCCESS);
  float milliseconds = -1.0F;
  BOOST_TEST(cuEventElapsedTime(&milliseconds, start, stop) == CUDA_ERROR_INVALID_HANDLE);
  BOOST_TEST(cuEventRecord(start, stream) == CUDA_SUCCESS);
  BOOST_TEST(cuEventRecord(stop, stream) == CUDA_SUCCESS);
  BOOST_TEST(cuEventSynchronize(stop) == CUDA_SUCCESS);
  BOOST_TEST(cuEventQuery(stop) == CUDA_SUCCESS);
  BOOST_TEST(cuStreamWaitEvent(stream, stop, 0) == CUDA_SUCCESS);
  // An emulated second would mean nothing.
  BOOST_TEST(cuEventElapsedTime(&milliseconds, start, stop) == CUDA_ERROR_NOT_SUPPORTED);
  BOOST_TEST(cuEventElapsedTime_v2(&milliseconds, start, stop) == CUDA_ERROR_NOT_SUPPORTED);
  BOOST_TEST(milliseconds == -1.0F);
  BOOST_TEST(cuEventDestroy_v2(stop) == CUDA_SUCCESS);
  BOOST_TEST(cuEventRecord(stop, stream) == CUDA_ERROR_INVALID_HANDLE);
  BOOST_TEST(cuStreamDestroy_v2(stream) == CUDA_SUCCESS);
  BOOST_TEST(cuStreamSynchronize(stream) == CUDA_ERROR_INVALID_HANDLE);
  BOOST_TEST(cuEventRecord(start, stream) == CUDA_ERROR_INVALID_HANDLE);
}

BOOST_FIXTURE_TEST_CASE(an_image_that_cannot_be_run_is_refused_with_its_reason, DriverFixture) {
  CUmodule other = nullptr;
  BOOST_TEST(cuModuleLoadData(nullptr, small_ptx.c_str()) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuModuleLoadData(&other, nullptr) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuModuleLoadData(&other,
                              "\x7f"
                              "ELF machine code") == CUDA_ERROR_NO_BINARY_FOR_GPU);
  BOOST_TEST(cuModuleLoadData(&other, "") == CUDA_ERROR_INVALID_PTX);
  std::string wrong = small_ptx;
  wrong.replace(wrong.find("mad.lo.s32"), 10, "mod.lo.s32");
  std::array<char, 200> log{};
  std::array<CUjit_option, 2> options{CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  std::array<void*, 2> values{log.data(), reinterpret_cast<void*>(log.size())};
  BOOST_TEST(cuModuleLoadDataEx(&other, wrong.c_str(), 2, options.data(), values.data()) == CUDA_ERROR_INVALID_PTX);
  BOOST_TEST(std::string(log.data()).find("mod.lo.s32") != std::string::npos, log.data());
  BOOST_TEST(driver_last_detail().find("mod.lo.s32") != std::string::npos, driver_last_detail());
  BOOST_TEST(cuModuleLoadDataEx(&other, wrong.c_str(), 2, nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

BOOST_FIXTURE_TEST_CASE(functions_and_variables_are_found_by_name, DriverFixture) {
  CUfunction found = nullptr;
  BOOST_TEST(cuModuleGetFunction(&found, module, "nothing") == CUDA_ERROR_NOT_FOUND);
  BOOST_TEST(driver_last_detail().find("fill") != std::string::npos);
  CUdeviceptr address = 0;
  std::size_t bytes = 0;
  BOOST_TEST(cuModuleGetGlobal_v2(&address, &bytes, module, "counter") == CUDA_SUCCESS);
  BOOST_TEST(bytes == 4U);
  int value = 0;
  BOOST_TEST(cuMemcpyDtoH_v2(&value, address, 4) == CUDA_SUCCESS);
  BOOST_TEST(value == 7);
  BOOST_TEST(cuModuleGetGlobal_v2(&address, &bytes, module, "fill") == CUDA_ERROR_NOT_FOUND);
  found = function("fill");
  BOOST_TEST(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, found) == CUDA_SUCCESS);
  BOOST_TEST(value == 1024);
  BOOST_TEST(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function("race")) == CUDA_SUCCESS);
  BOOST_TEST(value == 4);
  BOOST_TEST(cuFuncGetAttribute(&value, static_cast<CUfunction_attribute>(77), found) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuFuncSetAttribute(found, CU_FUNC_ATTRIBUTE_NUM_REGS, 32) == CUDA_ERROR_INVALID_VALUE);
  BOOST_TEST(cuModuleUnload(module) == CUDA_SUCCESS);
  BOOST_TEST(cuModuleUnload(module) == CUDA_ERROR_INVALID_HANDLE);
  BOOST_TEST(launch(found, 32, nullptr) == CUDA_ERROR_INVALID_HANDLE);
  BOOST_TEST(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, found) == CUDA_ERROR_INVALID_HANDLE);
}

BOOST_AUTO_TEST_CASE(a_symbol_is_found_without_its_version) {
  void* found = nullptr;
  CUdriverProcAddressQueryResult status{};
  BOOST_TEST(cuGetProcAddress_v2("cuMemAlloc", &found, 12000, 0, &status) == CUDA_SUCCESS);
  BOOST_TEST(found == reinterpret_cast<void*>(&cuMemAlloc_v2));
  BOOST_TEST(cuGetProcAddress_v2("cuCtxCreate", &found, 12000, 0, &status) == CUDA_SUCCESS);
  BOOST_TEST(found == reinterpret_cast<void*>(&cuCtxCreate_v2));
  BOOST_TEST(cuGetProcAddress_v2("cuCtxCreate", &found, 13000, 0, nullptr) == CUDA_SUCCESS);
  BOOST_TEST(found == reinterpret_cast<void*>(&cuCtxCreate_v4));
  BOOST_TEST(cuGetProcAddress("cuInit", &found, 11030, 0) == CUDA_SUCCESS);
  BOOST_TEST(found == reinterpret_cast<void*>(&cuInit));
  BOOST_TEST(cuGetProcAddress_v2("cuTexRefCreate", &found, 12000, 0, &status) == CUDA_ERROR_NOT_FOUND);
  BOOST_TEST(found == nullptr);
  BOOST_TEST(status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
}

BOOST_AUTO_TEST_SUITE_END()
