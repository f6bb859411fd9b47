#include <cstdio>
#include <cstring>
#include <fmt/format.h>

#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

// The error that a device gives for what killed a kernel.
CUresult result_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::out_of_bounds:
    case FaultKind::use_after_free:
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    case FaultKind::misaligned:
      return CUDA_ERROR_MISALIGNED_ADDRESS;
    case FaultKind::invalid_address_space:
      return CUDA_ERROR_INVALID_ADDRESS_SPACE;
    case FaultKind::assertion:
      return CUDA_ERROR_ASSERT;
    case FaultKind::deadlock:
    case FaultKind::instruction_budget:
    case FaultKind::deadline:
      return CUDA_ERROR_LAUNCH_TIMEOUT;
    default:
      return CUDA_ERROR_LAUNCH_FAILED;
  }
}

// Parameters by pointer to each, laid out as the entry declares them.
std::vector<std::byte> gather_parameters(const EntryInfo& entry, void** parameters) {
  std::vector<std::byte> block(entry.parameter_bytes);
  for (std::size_t index = 0; index < entry.parameter_offsets.size(); ++index) {
    if (parameters[index] == nullptr) {
      fail_call(CUDA_ERROR_INVALID_VALUE, fmt::format("parameter {} of '{}' is null", index, entry.name));
    }
    std::memcpy(block.data() + entry.parameter_offsets[index], parameters[index], entry.parameter_sizes[index]);
  }
  return block;
}

// Parameters as one buffer, which may be padded to its alignment.
std::vector<std::byte> copy_buffer(const EntryInfo& entry, void** extra) {
  constexpr std::size_t padding = 15;
  const void* buffer = nullptr;
  const std::size_t* bytes = nullptr;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (extra[0] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      buffer = extra[1];
    } else if (extra[0] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      bytes = static_cast<const std::size_t*>(extra[1]);
    } else {
      fail_call(CUDA_ERROR_INVALID_VALUE, "an unknown key in `extra`");
    }
  }
  if (bytes == nullptr || (buffer == nullptr && *bytes > 0)) {
    fail_call(CUDA_ERROR_INVALID_VALUE, "`extra` holds no buffer and size");
  }
  if (*bytes < entry.parameter_bytes || *bytes > entry.parameter_bytes + padding) {
    fail_call(CUDA_ERROR_INVALID_VALUE,
              fmt::format("{} bytes of parameters; '{}' takes {}", *bytes, entry.name, entry.parameter_bytes));
  }
  std::vector<std::byte> block(entry.parameter_bytes);
  if (!block.empty()) std::memcpy(block.data(), buffer, block.size());
  return block;
}

std::vector<std::byte> parameter_block(const EntryInfo& entry, void** parameters, void** extra) {
  if (parameters != nullptr && extra != nullptr) {
    fail_call(CUDA_ERROR_INVALID_VALUE, "parameters are given twice, one by one and as a buffer");
  }
  if (extra != nullptr) return copy_buffer(entry, extra);
  if (entry.parameter_offsets.empty()) return {};
  if (parameters == nullptr) fail_call(CUDA_ERROR_INVALID_VALUE, fmt::format("'{}' takes parameters", entry.name));
  return gather_parameters(entry, parameters);
}

void tell(const LaunchResult& result) {
  for (const Finding& finding : result.findings)
    fmt::print(stderr, "attest: {}\n", finding.message());
  if (result.fault) fmt::print(stderr, "attest: {}\n", result.fault->message());
}

void launch(Driver& driver, DriverContext& context, const DriverFunction& function, DriverLaunch& record,
            void** parameters, void** extra) {
  const EntryInfo& entry = *function.entry;
  if (record.dynamic_shared_bytes > function.dynamic_shared_at_most) {
    fail_call(CUDA_ERROR_INVALID_VALUE,
              fmt::format("{} bytes of dynamic shared memory; '{}' may have {}, more after cuFuncSetAttribute",
                          record.dynamic_shared_bytes, entry.name, function.dynamic_shared_at_most));
  }
  const std::vector<std::byte> block = parameter_block(entry, parameters, extra);
  try {
    record.result = function.module->module.launch(entry.name, record.grid, record.block, record.dynamic_shared_bytes,
                                                   block, driver.options.launch);
  } catch (const LaunchError& error) {
    fail_call(CUDA_ERROR_INVALID_VALUE, error.what());
  }
  if (!record.result.printed.empty()) {
    std::fwrite(record.result.printed.data(), 1, record.result.printed.size(), stdout);
    std::fflush(stdout);
  }
  if (driver.options.tell) tell(record.result);
  if (record.result.fault) context.error = result_of(record.result.fault->kind);
}

}  // namespace

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters,
                        void** extra) {
  return driver_call([&](Driver& driver) {
    DriverContext& context = need_context(driver);
    need_stream(context, stream);
    if (!context.functions.contains(function)) {
      fail_call(CUDA_ERROR_INVALID_HANDLE, "the handle is no function of this context");
    }
    DriverLaunch record{.entry = function->entry->name,
                        .grid = {grid_x, grid_y, grid_z},
                        .block = {block_x, block_y, block_z},
                        .dynamic_shared_bytes = shared_bytes,
                        .result = {}};
    launch(driver, context, *function, record, parameters, extra);
    const std::string detail = record.result.fault ? record.result.fault->message() : "";
    if (driver.options.keep_log) driver.log.push_back(std::move(record));
    if (context.error != CUDA_SUCCESS) fail_call(context.error, detail);
  });
}

}  // namespace attest::emulator
