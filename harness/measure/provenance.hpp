#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace attest {

/// Value of everything that could not be read. Nothing is ever guessed in its place.
inline constexpr const char* not_available = "not available";

struct ProvenanceOptions {
  std::vector<std::string> arguments = {};  ///< argv, as given.
  /// The checkout to ask for its commit when the build did not record one; empty: the one that was built, if it is
  /// still there.
  std::filesystem::path source_directory = {};
  std::filesystem::path root = "/";  ///< Where /proc and /sys are looked for.
};

/// Where and how the numbers were made, as one JSON object: the keys `schema recorded_at build machine limits
/// environment arguments libraries timer_resolution_seconds`. Never throws for something that cannot be
/// read: its value is "not available" ("unknown" for the commit).
nlohmann::json provenance(const ProvenanceOptions& options = {});

}  // namespace attest
