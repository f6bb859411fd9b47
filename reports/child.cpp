#include "reports/child.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace attest::reports {
namespace {

constexpr std::chrono::seconds deadline{60};  // a figure takes 20 ms; a font cache's first build takes seconds

}  // namespace

std::string run_child(const Command& command, const std::filesystem::path& folder, const std::string& log) {
  const std::string& program = command.arguments.front();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const char* path = std::getenv("PATH");
  std::string path_entry = std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin");
  std::vector<std::string> arguments = command.arguments;
  std::vector<char*> argv;
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<std::string, 3> settings = {"LC_ALL=C.UTF-8", "TZ=UTC", "SOURCE_DATE_EPOCH=0"};
  std::array<char*, 5> environment = {path_entry.data(), settings[0].data(), settings[1].data(), settings[2].data(),
                                      nullptr};

  pid_t child = 0;
  const int error = posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  const std::string missing = fmt::format("{} is not there; install the Debian package {}", program, command.package);
  if (error == ENOENT) return missing;
  if (error != 0) return fmt::format("{} cannot be run: {}", program, std::strerror(error));

  const auto start = std::chrono::steady_clock::now();
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) return fmt::format("waiting for {}: {}", program, std::strerror(errno));
    if (std::chrono::steady_clock::now() - start > deadline) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return fmt::format("{} did not end within {} seconds on {}", program, deadline.count(), arguments.back());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return missing;
  if (WIFSIGNALED(status))
    return fmt::format("{} ended by signal {} on {}", program, WTERMSIG(status), arguments.back());
  return fmt::format("{} ended with {} on {}", program, WEXITSTATUS(status), arguments.back());
}

}  // namespace attest::reports
