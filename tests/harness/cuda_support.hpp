// What the tests of the driver API and of the backend above it share: a context of one's own, and small PTX.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

#include "harness/backends/emulator/driver.hpp"

namespace attest::emulator {

// Boost.Test prints results by their name.
inline std::ostream& operator<<(std::ostream& stream, CUresult result) {
  const char* name = nullptr;
  cuGetErrorName(result, &name);
  return stream << (name == nullptr ? "unknown result" : name);
}

}  // namespace attest::emulator

namespace attest {

/// One module: what launches can do right and wrong.
inline const std::string small_ptx = R"(.version 8.0
.target sm_80
.address_size 64
.global .align 4 .b32 counter = 7;
.extern .shared .align 16 .b8 dynamic[];

// out[i] = value, i = global thread index
.visible .entry fill(.param .u64 fill_out, .param .u32 fill_value)
{
  .reg .b32 %r<6>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [fill_out];
  ld.param.u32 %r1, [fill_value];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  cvta.to.global.u64 %rd2, %rd1;
  mul.wide.s32 %rd3, %r5, 4;
  add.s64 %rd4, %rd2, %rd3;
  st.global.u32 [%rd4], %r1;
  ret;
}
.visible .entry stop()
{
  trap;
}
.visible .entry spin()
{
again:
  bra.uni again;
}
// The last word of the dynamic shared memory.
.visible .entry shared_last()
{
  .reg .b32 %r<5>;
  mov.u32 %r1, %dynamic_smem_size;
  mov.u32 %r2, dynamic;
  add.s32 %r3, %r2, %r1;
  add.s32 %r4, %r3, -4;
  st.shared.u32 [%r4], %r1;
  ret;
}
// Thread 0 writes and thread 32 reads a shared word, with no barrier between them.
.visible .entry race()
{
  .shared .align 4 .b32 word;
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  mov.u32 %r1, %tid.x;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra read;
  st.shared.u32 [word], %r1;
  ret;
read:
  ld.shared.u32 %r2, [word];
  ret;
}
)";

/// Initialises the emulator's driver, makes a context and loads small_ptx; gives all back.
struct DriverFixture {
  DriverFixture() {
    BOOST_REQUIRE_EQUAL(emulator::cuInit(0), emulator::CUDA_SUCCESS);
    BOOST_REQUIRE_EQUAL(emulator::cuCtxCreate_v2(&context, 0, 0), emulator::CUDA_SUCCESS);
    BOOST_REQUIRE_EQUAL(emulator::cuModuleLoadData(&module, small_ptx.c_str()), emulator::CUDA_SUCCESS);
    emulator::set_driver_options({});
  }
  ~DriverFixture() {
    emulator::set_driver_options({});
    emulator::take_driver_log();
    emulator::cuCtxDestroy_v2(context);
  }
  DriverFixture(const DriverFixture&) = delete;
  DriverFixture& operator=(const DriverFixture&) = delete;

  emulator::CUfunction function(const char* name) const {
    emulator::CUfunction found = nullptr;
    BOOST_REQUIRE_EQUAL(emulator::cuModuleGetFunction(&found, module, name), emulator::CUDA_SUCCESS);
    return found;
  }
  emulator::CUdeviceptr allocate(std::size_t bytes) const {
    emulator::CUdeviceptr address = 0;
    BOOST_REQUIRE_EQUAL(emulator::cuMemAlloc_v2(&address, bytes), emulator::CUDA_SUCCESS);
    return address;
  }
  /// One block of `threads`.
  static emulator::CUresult launch(emulator::CUfunction function, unsigned threads, void** parameters,
                                   unsigned shared_bytes = 0) {
    return emulator::cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, shared_bytes, nullptr, parameters, nullptr);
  }
  static emulator::CUresult fill(emulator::CUfunction function, emulator::CUdeviceptr to, unsigned threads) {
    unsigned value = 42;
    void* parameters[] = {&to, &value};
    return launch(function, threads, parameters);
  }

  emulator::CUcontext context = nullptr;
  emulator::CUmodule module = nullptr;
};

}  // namespace attest
