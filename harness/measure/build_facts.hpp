#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace attest {

/// How this program was built: an object with the keys `commit dirty commit_of version compiler flags build_type`.
/// commit: recorded by the build where it defines ATTEST_COMMIT and ATTEST_DIRTY, else asked from git in the checkout;
/// commit_of says which ("build" or "checkout"). "unknown" where neither knows. A checkout is dirty when a file that is
/// built from differs from the commit, or is not in it.
/// source_directory: the checkout, which must be the top of its repository; empty: the one that was built.
nlohmann::json build_facts(const std::filesystem::path& source_directory);

/// Versions of the libraries that this program was compiled with or has loaded, by name.
nlohmann::json library_versions();

}  // namespace attest
