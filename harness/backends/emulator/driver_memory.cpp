#include <cstddef>

#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

void need_range(bool lies_within) {
  if (!lies_within) fail_call(CUDA_ERROR_INVALID_VALUE, "the range does not lie in one living allocation");
}

void copy_to_device(GlobalMemory& memory, CUdeviceptr to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  need_pointer(from);
  need_range(memory.write(to, from, bytes));
}

void copy_to_host(const GlobalMemory& memory, void* to, CUdeviceptr from, std::size_t bytes) {
  if (bytes == 0) return;
  need_pointer(to);
  need_range(memory.read(from, to, bytes));
}

// Ranges may overlap: the bytes are taken before any is written.
void copy_within(GlobalMemory& memory, CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  if (bytes == 0) return;
  std::vector<std::byte> buffer;
  const GlobalMemory::Range range = memory.range_of(from);
  need_range(from >= range.start && bytes <= range.bytes && from - range.start <= range.bytes - bytes);
  buffer.resize(bytes);
  need_range(memory.read(from, buffer.data(), bytes) && memory.write(to, buffer.data(), bytes));
}

template <class T>
void set_memory(GlobalMemory& memory, CUdeviceptr address, T value, std::size_t count) {
  if (count == 0) return;
  if (address % sizeof(T) != 0) fail_call(CUDA_ERROR_INVALID_VALUE, "the address is misaligned for the value's size");
  need_range(memory.fill(address, value, sizeof(T), count));
}

// The functions of one kind differ in whether they name a stream.
template <class Body>
CUresult memory_call(Body body) {
  return driver_call([&](Driver& driver) { body(need_context(driver).memory); });
}
template <class Body>
CUresult memory_call(CUstream stream, Body body) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_stream(context, stream);
    body(context.memory);
  });
}

}  // namespace

CUresult cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  return memory_call([&](GlobalMemory& memory) {
    need_pointer(free);
    need_pointer(total);
    *free = memory.bytes_free();
    *total = memory.bytes_free() + memory.bytes_allocated();
  });
}

CUresult cuMemAlloc_v2(CUdeviceptr* address, std::size_t bytes) {
  return memory_call([&](GlobalMemory& memory) {
    need_pointer(address);
    if (bytes == 0) fail_call(CUDA_ERROR_INVALID_VALUE, "an allocation of 0 bytes");
    *address = memory.allocate(bytes);
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  return memory_call([&](GlobalMemory& memory) {
    if (address == 0) return;
    if (!memory.free(address)) fail_call(CUDA_ERROR_INVALID_VALUE, "the address starts no living allocation");
  });
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, std::size_t bytes) {
  return memory_call([&](GlobalMemory& memory) { copy_to_device(memory, to, from, bytes); });
}

CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, std::size_t bytes) {
  return memory_call([&](GlobalMemory& memory) { copy_to_host(memory, to, from, bytes); });
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  return memory_call([&](GlobalMemory& memory) { copy_within(memory, to, from, bytes); });
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
  return memory_call(stream, [&](GlobalMemory& memory) { copy_to_device(memory, to, from, bytes); });
}

CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return memory_call(stream, [&](GlobalMemory& memory) { copy_to_host(memory, to, from, bytes); });
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return memory_call(stream, [&](GlobalMemory& memory) { copy_within(memory, to, from, bytes); });
}

CUresult cuMemsetD8_v2(CUdeviceptr address, unsigned char value, std::size_t count) {
  return memory_call([&](GlobalMemory& memory) { set_memory(memory, address, value, count); });
}

CUresult cuMemsetD16_v2(CUdeviceptr address, unsigned short value, std::size_t count) {
  return memory_call([&](GlobalMemory& memory) { set_memory(memory, address, value, count); });
}

CUresult cuMemsetD32_v2(CUdeviceptr address, unsigned value, std::size_t count) {
  return memory_call([&](GlobalMemory& memory) { set_memory(memory, address, value, count); });
}

CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, std::size_t count, CUstream stream) {
  return memory_call(stream, [&](GlobalMemory& memory) { set_memory(memory, address, value, count); });
}

CUresult cuMemsetD16Async(CUdeviceptr address, unsigned short value, std::size_t count, CUstream stream) {
  return memory_call(stream, [&](GlobalMemory& memory) { set_memory(memory, address, value, count); });
}

CUresult cuMemsetD32Async(CUdeviceptr address, unsigned value, std::size_t count, CUstream stream) {
  return memory_call(stream, [&](GlobalMemory& memory) { set_memory(memory, address, value, count); });
}

}  // namespace attest::emulator
