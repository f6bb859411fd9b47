#include "harness/measure/build_facts.hpp"

#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "harness/measure/provenance.hpp"

#ifndef ATTEST_SOURCE_DIR
#define ATTEST_SOURCE_DIR ""
#endif
#ifndef ATTEST_VERSION
#define ATTEST_VERSION "unknown"
#endif
#ifndef ATTEST_BUILD_TYPE
#define ATTEST_BUILD_TYPE "unknown"
#endif
#ifndef ATTEST_CXX_FLAGS
#define ATTEST_CXX_FLAGS not_available
#endif

namespace attest {

namespace {

constexpr const char* unknown = "unknown";

/// Standard output of git in the folder, without the last line end; empty when git fails or is not there. A variable
/// such as GIT_DIR, set inside a hook, would lead git to another repository.
std::optional<std::string> ask_git(const std::filesystem::path& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"git", "--no-optional-locks", "-C", folder.string()});
  std::vector<char*> argv;
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("GIT_")) environment.push_back(*variable);
  }
  environment.push_back(nullptr);

  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "git", &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  std::string output;
  if (error == 0) {
    char buffer[4096];
    ssize_t count = 0;
    while ((count = read(pipe_ends[0], buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)) {
      if (count > 0) output.append(buffer, static_cast<std::size_t>(count));
    }
  }
  close(pipe_ends[0]);
  if (error != 0) return std::nullopt;
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  if (output.ends_with('\n')) output.pop_back();
  return output;
}

/// A release unpacked inside the checkout of something else is not that something's commit.
bool is_top_of_repository(const std::filesystem::path& folder) {
  const std::optional<std::string> top = ask_git(folder, {"rev-parse", "--show-toplevel"});
  std::error_code error;
  return top && std::filesystem::equivalent(*top, folder, error);
}

void add_commit(nlohmann::json& facts, std::filesystem::path folder) {
  facts["commit"] = unknown;
  facts["dirty"] = unknown;
  facts["commit_of"] = not_available;
#ifdef ATTEST_COMMIT
  if (folder.empty()) {
    facts["commit"] = ATTEST_COMMIT;
    facts["dirty"] = static_cast<bool>(ATTEST_DIRTY);
    facts["commit_of"] = "build";
    return;
  }
#endif
  if (folder.empty()) folder = ATTEST_SOURCE_DIR;
  if (folder.empty() || !is_top_of_repository(folder)) return;
  const std::optional<std::string> commit = ask_git(folder, {"rev-parse", "HEAD"});
  if (!commit) return;
  facts["commit"] = *commit;
  facts["commit_of"] = "checkout";
  // Results and other files lie about in a checkout; what counts is what the program is made of.
  const std::optional<std::string> changes =
      ask_git(folder, {"status", "--porcelain", "--", "CMakeLists.txt", "harness", "reference", "reports", "variants"});
  if (changes) facts["dirty"] = !changes->empty();
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

template <typename Function>
Function* loaded(const char* symbol) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, symbol));
}

nlohmann::json text_of(const char* symbol) {
  const char* (*const version)() = loaded<const char*()>(symbol);
  return version != nullptr ? version() : not_available;
}

/// The version in the name of the shared object that holds the address: libbenchmark.so.1.7.1. Google Benchmark 1.7 has
/// no function that tells it.
nlohmann::json version_in_file_name(const void* address) {
  Dl_info found{};
  if (dladdr(address, &found) == 0 || found.dli_fname == nullptr) return not_available;
  std::error_code error;
  const std::string name = std::filesystem::canonical(found.dli_fname, error).filename().string();
  const std::size_t mark = name.find(".so.");
  if (error || mark == std::string::npos) return not_available;
  return name.substr(mark + 4);
}

}  // namespace

nlohmann::json build_facts(const std::filesystem::path& source_directory) {
  nlohmann::json facts = {{"version", ATTEST_VERSION},
                          {"compiler", compiler()},
                          {"flags", ATTEST_CXX_FLAGS},
                          {"build_type", ATTEST_BUILD_TYPE}};
  add_commit(facts, source_directory);
  return facts;
}

nlohmann::json library_versions() {
  const auto dotted = [](int number, int unit) {  // 90100 with 100 is 9.1.0
    return fmt::format("{}.{}.{}", number / unit / unit, number / unit % unit, number % unit);
  };
  return {{"glibc", gnu_get_libc_version()},
          {"libstdc++", std::to_string(__GLIBCXX__)},
          {"fmt", dotted(FMT_VERSION, 100)},
          {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)},
          {"benchmark", version_in_file_name(reinterpret_cast<const void*>(&benchmark::ClearRegisteredBenchmarks))},
          {"openblas", text_of("openblas_get_config")},
          {"sqlite", text_of("sqlite3_libversion")},
          {"libzip", text_of("zip_libzip_version")}};
}

}  // namespace attest
