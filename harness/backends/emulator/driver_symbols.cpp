#include <array>
#include <string_view>

#include "harness/backends/emulator/driver_state.hpp"

namespace attest::emulator {
namespace {

struct Symbol {
  std::string_view name;
  void* function;
};

// A program asks for a function without its version's suffix; the newest that its CUDA version knows is right.
void* find_symbol(std::string_view name, int version) {
  static const auto table = std::to_array<Symbol>({
#define ATTEST_SYMBOL(symbol, parameters, arguments) {#symbol, reinterpret_cast<void*>(&symbol)},
      ATTEST_DRIVER_FUNCTIONS(ATTEST_SYMBOL)
#undef ATTEST_SYMBOL
  });
  const auto lookup = [&](std::string_view wanted) -> void* {
    for (const Symbol& symbol : table) {
      if (symbol.name == wanted) return symbol.function;
    }
    return nullptr;
  };
  const std::string base(name);
  // cuCtxCreate_v4 and cuEventElapsedTime_v2 came with 13.0, cuGetProcAddress_v2 with 12.0.
  if (version >= 13000) {
    if (void* found = lookup(base + "_v4")) return found;
  }
  const bool new_too = name == "cuEventElapsedTime" || name == "cuGetProcAddress";
  const int since = name == "cuEventElapsedTime" ? 13000 : 12000;
  if (!new_too || version >= since) {
    if (void* found = lookup(base + "_v2")) return found;
  }
  return lookup(base);
}

}  // namespace

CUresult cuGetProcAddress(const char* symbol, void** function, int version, std::uint64_t /*flags*/) {
  if (symbol == nullptr || function == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *function = find_symbol(symbol, version);
  return *function == nullptr ? CUDA_ERROR_NOT_FOUND : CUDA_SUCCESS;
}

CUresult cuGetProcAddress_v2(const char* symbol, void** function, int version, std::uint64_t flags,
                             CUdriverProcAddressQueryResult* status) {
  const CUresult result = cuGetProcAddress(symbol, function, version, flags);
  if (status != nullptr && result != CUDA_ERROR_INVALID_VALUE) {
    *status = result == CUDA_SUCCESS ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  return result;
}

}  // namespace attest::emulator
