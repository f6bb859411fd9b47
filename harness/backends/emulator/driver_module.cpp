#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <span>

#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

// Where cuModuleLoadDataEx is to write what the compiler says. Values of options are pointers or numbers in their
// place.
struct JitLog {
  char* buffer = nullptr;
  std::size_t bytes = 0;

  void write(const std::string& text) const {
    if (buffer == nullptr || bytes == 0) return;
    const std::size_t copied = std::min(text.size(), bytes - 1);
    std::memcpy(buffer, text.data(), copied);
    buffer[copied] = '\0';
  }
};

JitLog error_log(std::span<CUjit_option> options, void** values) {
  JitLog log;
  for (std::size_t index = 0; index < options.size(); ++index) {
    if (options[index] == CU_JIT_ERROR_LOG_BUFFER) log.buffer = static_cast<char*>(values[index]);
    if (options[index] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      log.bytes = reinterpret_cast<std::uintptr_t>(values[index]);
  }
  return log;
}

// What is no text: machine code in ELF, and nvcc's container of several images.
bool is_machine_code(const char* image) {
  constexpr char fat[] = "\x50\xed\x55\xba";
  return std::memcmp(image,
                     "\x7f"
                     "ELF",
                     4) == 0 ||
         std::memcmp(image, fat, 4) == 0;
}

DriverFunction& need_function(const DriverContext& context, CUfunction function) {
  if (!context.functions.contains(function)) {
    fail_call(CUDA_ERROR_INVALID_HANDLE, "the handle is no function of this context");
  }
  return *function;
}

int threads_at_most(const EntryInfo& entry) {
  constexpr std::uint64_t most = 1024;
  if (!entry.maximum_block) return static_cast<int>(most);
  const Size3& block = *entry.maximum_block;
  return static_cast<int>(std::min(most, std::uint64_t{block[0]} * block[1] * block[2]));
}

// What a thread would need if a lane's slots were registers: ptxas is not here to say.
int registers_of(const EntryInfo& entry) {
  return static_cast<int>(std::clamp<std::uint32_t>(entry.slots, 1, 255));
}

int rounded_up(int value, int unit) {
  return (value + unit - 1) / unit * unit;
}

// By the rules of the toolkit's cuda_occupancy.h for compute capability 8.0.
int resident_blocks(const DriverFunction& function, int block_threads, std::size_t dynamic_bytes) {
  constexpr int threads = 2048, blocks = 32, registers = 65536, register_unit = 256, warp_unit = 4;
  constexpr int shared = 167936, shared_unit = 128, shared_reserved = 1024;
  const EntryInfo& entry = *function.entry;
  const std::size_t asked = entry.static_shared_bytes + dynamic_bytes;
  if (block_threads > threads_at_most(entry) || dynamic_bytes > shared_bytes_at_most || asked > shared_bytes_at_most) {
    return 0;
  }
  const int warps = (block_threads + 31) / 32;
  const int warps_by_registers =
      registers / rounded_up(registers_of(entry) * 32, register_unit) / warp_unit * warp_unit;
  const int by_shared = shared / rounded_up(static_cast<int>(asked) + shared_reserved, shared_unit);
  return std::min({blocks, threads / (warps * 32), warps_by_registers / warps, by_shared});
}

}  // namespace

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, CUjit_option* options, void** values) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_pointer(module);
    need_pointer(image);
    if (count > 0 && (options == nullptr || values == nullptr)) {
      fail_call(CUDA_ERROR_INVALID_VALUE, "options are counted but not given");
    }
    const auto* text = static_cast<const char*>(image);
    if (std::strlen(text) >= 4 && is_machine_code(text)) {
      fail_call(CUDA_ERROR_NO_BINARY_FOR_GPU, "the image is machine code; the emulator runs PTX text");
    }
    try {
      auto made = std::make_unique<DriverModule>(text, context.memory, driver.options.model);
      made->context = &context;
      *module = made.get();
      context.modules.emplace(*module, std::move(made));
    } catch (const LoadError& error) {
      error_log({options, count}, values).write(error.what());
      fail_call(CUDA_ERROR_INVALID_PTX, error.what());
    }
  });
}

CUresult cuModuleUnload(CUmodule module) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    for (auto& [name, function] : need_handle(context.modules, module).functions)
      context.functions.erase(&function);
    context.modules.erase(module);
  });
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_pointer(function);
    need_pointer(name);
    DriverModule& of = need_handle(context.modules, module);
    try {
      const EntryInfo& entry = of.module.entry(name);
      const auto [found, fresh] = of.functions.try_emplace(name);
      *function = &found->second;
      if (!fresh) return;
      found->second.module = &of;
      found->second.entry = &entry;
      const std::uint32_t fixed = entry.static_shared_bytes;
      found->second.dynamic_shared_at_most = shared_bytes_by_default - std::min(fixed, shared_bytes_by_default);
      context.functions.insert(*function);
    } catch (const LaunchError& error) {
      fail_call(CUDA_ERROR_NOT_FOUND, error.what());
    }
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, std::size_t* bytes, CUmodule module, const char* name) {
  return driver_call([&](Driver& driver) {
    const DriverContext& context = need_context(driver);
    need_pointer(name);
    const GlobalMemory::Range range = need_handle(context.modules, module).module.variable(name);
    if (range.bytes == 0) fail_call(CUDA_ERROR_NOT_FOUND, fmt::format("the module has no variable '{}'", name));
    if (address != nullptr) *address = range.start;
    if (bytes != nullptr) *bytes = range.bytes;
  });
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  return driver_call([&](Driver& driver) {
    const DriverFunction& of = need_function(need_context(driver), function);
    need_pointer(value);
    switch (attribute) {
      case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = threads_at_most(*of.entry);
        return;
      case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
        *value = static_cast<int>(of.entry->static_shared_bytes);
        return;
      case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
        *value = static_cast<int>(of.entry->local_bytes);
        return;
      case CU_FUNC_ATTRIBUTE_NUM_REGS:
        *value = registers_of(*of.entry);
        return;
      case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
        *value = 80;
        return;
      case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
      case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
        *value = 0;
        return;
      case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *value = static_cast<int>(of.dynamic_shared_at_most);
        return;
      case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        *value = of.carveout;
        return;
    }
    fail_call(CUDA_ERROR_INVALID_VALUE, "no such attribute");
  });
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return driver_call([&](Driver& driver) {
    DriverFunction& of = need_function(need_context(driver), function);
    if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
      if (value < -1 || value > 100) fail_call(CUDA_ERROR_INVALID_VALUE, "a carve-out is -1 or a percentage");
      of.carveout = value;
    } else if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
      if (value < 0 || std::int64_t{value} + of.entry->static_shared_bytes > shared_bytes_at_most) {
        fail_call(CUDA_ERROR_INVALID_VALUE,
                  fmt::format("{} bytes of dynamic and {} of static shared memory; a block has {} at most", value,
                              of.entry->static_shared_bytes, shared_bytes_at_most));
      }
      of.dynamic_shared_at_most = static_cast<std::uint32_t>(value);
    } else {
      fail_call(CUDA_ERROR_INVALID_VALUE, "the attribute cannot be set");
    }
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int block_threads,
                                                     std::size_t shared_bytes) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, block_threads, shared_bytes, 0);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function, int block_threads,
                                                              std::size_t shared_bytes, unsigned flags) {
  return driver_call([&](Driver& driver) {
    const DriverFunction& of = need_function(need_context(driver), function);
    need_pointer(blocks);
    if (block_threads < 1) fail_call(CUDA_ERROR_INVALID_VALUE, "a block of no threads");
    if (flags > 1) fail_call(CUDA_ERROR_INVALID_VALUE, "no such flags");
    *blocks = resident_blocks(of, block_threads, shared_bytes);
  });
}

}  // namespace attest::emulator
