#include "harness/core/registry.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/core/error.hpp"

namespace attest {

std::string KernelEntry::id() const {
  return fmt::format("{}/{}", variant->name, kernel->name);
}

std::vector<KernelEntry> all_kernels() {
  std::vector<KernelEntry> kernels;
  for (const RegisteredVariant& entry : registered_variants()) {
    for (const Kernel& kernel : entry.variant->kernels)
      kernels.push_back({entry.variant, &kernel});
  }
  return kernels;
}

bool matches_glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (matches_glob(pattern.substr(1), text.substr(skip))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         matches_glob(pattern.substr(1), text.substr(1));
}

std::vector<KernelEntry> select_kernels(std::string_view globs) {
  const std::vector<KernelEntry> kernels = all_kernels();
  std::vector<KernelEntry> selected;
  while (true) {
    const std::size_t comma = globs.find(',');
    const std::string_view glob = globs.substr(0, comma);
    bool found = false;
    for (const KernelEntry& entry : kernels) {
      const std::string id = entry.id();
      const bool whole = glob.find('/') != std::string_view::npos;
      if (!matches_glob(glob, whole ? std::string_view(id) : entry.variant->name)) continue;
      found = true;
      const bool known = std::any_of(selected.begin(), selected.end(),
                                     [&entry](const KernelEntry& other) { return other.kernel == entry.kernel; });
      if (!known) selected.push_back(entry);
    }
    if (!found) {
      std::vector<std::string> ids;
      for (const KernelEntry& entry : kernels)
        ids.push_back(entry.id());
      complain("--kernel", fmt::format("no kernel matches '{}'", glob),
               fmt::format("known are {}", fmt::join(ids, " ")));
    }
    if (comma == std::string_view::npos) return selected;
    globs.remove_prefix(comma + 1);
  }
}

KernelEntry find_kernel(std::string_view id) {
  for (const KernelEntry& entry : all_kernels()) {
    if (entry.id() == id) return entry;
  }
  complain("kernel", fmt::format("'{}' is unknown", id), "`attest list kernels` prints the known ones");
}

void check_parameters(const Problem& problem, std::string_view place) {
  for (const auto& [name, value] : problem.parameters) {
    std::vector<const Variant*> owners;
    std::vector<std::string> known;
    for (const RegisteredVariant& entry : registered_variants()) {
      for (const ParameterSpec& spec : entry.variant->parameters) {
        known.emplace_back(fmt::format("{} ({})", spec.name, entry.variant->name));
        if (spec.name == name) owners.push_back(entry.variant);
      }
    }
    if (owners.empty()) {
      complain(place, fmt::format("token '{}={}' is unknown", name, value),
               fmt::format("variants' own parameters are {}", fmt::join(known, ", ")));
    }
    if (owners.size() == 1 && owners[0]->check != nullptr) {
      try {
        owners[0]->check(problem);
      } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", place, error.what()), error.code());
      }
    }
  }
}

}  // namespace attest
