#include <array>
#include <fmt/format.h>
#include <string>

#include "harness/backends/backend.hpp"
#include "harness/backends/cpu/cpu_backend.hpp"
#include "harness/core/error.hpp"

namespace attest {

std::span<Backend* const> all_backends() {
  static const std::array<Backend*, 1> table{&cpu_backend()};
  return table;
}

Backend& find_backend(std::string_view name) {
  std::string known;
  for (Backend* backend : all_backends()) {
    if (backend->name() == name) return *backend;
    known.append(known.empty() ? "" : " ").append(backend->name());
  }
  // Names that the design reserves are right words for something that is absent: another exit code than a typing error.
  if (name == "cuda" || name == "emulated") {
    complain("--backend", fmt::format("'{}' is not in this build", name), fmt::format("present: {}", known),
             ExitCode::no_backend);
  }
  complain("--backend", fmt::format("'{}' is unknown", name), fmt::format("known are {}", known));
}

}  // namespace attest
