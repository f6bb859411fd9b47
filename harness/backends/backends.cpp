#include <array>
#include <fmt/format.h>
#include <string>

#include "harness/backends/backend.hpp"
#include "harness/backends/cpu/cpu_backend.hpp"
#include "harness/backends/cuda/cuda_backend.hpp"
#include "harness/core/error.hpp"

namespace attest {

std::span<Backend* const> all_backends() {
  static const std::array<Backend*, 3> table{&cpu_backend(), &cuda_backend(), &emulated_backend()};
  return table;
}

Backend& find_backend(std::string_view name) {
  std::string known;
  for (Backend* backend : all_backends()) {
    if (backend->name() == name) return *backend;
    known.append(known.empty() ? "" : " ").append(backend->name());
  }
  throw Error(fmt::format("backend '{}' is unknown; known are {}", name, known));
}

}  // namespace attest
