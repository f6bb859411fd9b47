#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/variant.hpp"

namespace attest {

/// A variant with the text of its cases.toml. The table is written by CMake from the folders under variants/.
struct RegisteredVariant {
  const Variant* variant = nullptr;
  std::string_view cases;
};

/// Every variant, sorted by name.
std::span<const RegisteredVariant> registered_variants();

/// A kernel with its variant.
struct KernelEntry {
  const Variant* variant = nullptr;
  const Kernel* kernel = nullptr;

  /// "variant/kernel".
  std::string id() const;
};

/// Every kernel, in the order of the variants.
std::vector<KernelEntry> all_kernels();

/// Whether `text` matches the glob `pattern` (* and ?).
bool matches_glob(std::string_view pattern, std::string_view text);

/// The kernels whose id matches any of the comma-separated globs; a glob without '/' names a variant. Throws Error
/// naming the glob that matches nothing, with the nearest kernels.
std::vector<KernelEntry> select_kernels(std::string_view globs);

/// The kernel of that id. Throws Error when there is none.
KernelEntry find_kernel(std::string_view id);

/// Throws Error when a parameter of the problem is known to no variant, or, where only one knows it, has a wrong value.
void check_parameters(const Problem& problem, std::string_view place);

}  // namespace attest
