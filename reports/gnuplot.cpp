#include "reports/gnuplot.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace attest::reports {
namespace {

constexpr std::chrono::seconds deadline{60};  // a figure takes 20 ms; a font cache's first build takes seconds

/// "" when the child ended well, else one line saying how it did not.
std::string run_child(const std::string& program, const std::string& script, const std::filesystem::path& folder) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (script + ".log").c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  const char* path = std::getenv("PATH");
  std::string path_entry = std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin");
  std::array<std::string, 4> arguments = {program, "--default-settings", script, ""};
  std::array<char*, 4> argv = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
  std::array<std::string, 2> settings = {"LC_ALL=C.UTF-8", "TZ=UTC"};
  std::array<char*, 4> environment = {path_entry.data(), settings[0].data(), settings[1].data(), nullptr};

  pid_t child = 0;
  const int error = posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
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
      return fmt::format("{} did not end within {} seconds on {}", program, deadline.count(), script);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return fmt::format("{} is not there", program);
  if (WIFSIGNALED(status)) return fmt::format("{} ended by signal {} on {}", program, WTERMSIG(status), script);
  return fmt::format("{} ended with {} on {}", program, WEXITSTATUS(status), script);
}

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The first line of gnuplot's own words, for the problem's text.
std::string first_words(const std::string& log) {
  std::size_t start = log.find_first_not_of(" \n\t^");
  if (start == std::string::npos) return "";
  const std::size_t end = log.find('\n', start);
  return ": " + log.substr(start, end == std::string::npos ? end : end - start);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

RenderedFigures render_figures(const std::filesystem::path& folder, const std::vector<std::string>& ids,
                               const std::string& program) {
  RenderedFigures rendered;
  for (const std::string& id : ids) {
    const std::string script = id + ".gp";
    const std::filesystem::path log = folder / (script + ".log");
    std::string problem = run_child(program, script, folder);
    const std::string words = problem.empty() ? "" : first_words(read_all(log));
    std::error_code ignored;
    std::filesystem::remove(log, ignored);
    if (problem.empty()) {
      std::string svg = read_all(folder / (id + ".svg"));
      if (svg.find("</svg>") != std::string::npos) {
        rendered.svg[id] = std::move(svg);
        continue;
      }
      problem = fmt::format("{} wrote no whole SVG for {}", program, script);
    }
    std::filesystem::remove(folder / (id + ".svg"), ignored);
    if (rendered.problem.empty()) rendered.problem = problem + words;
  }
  return rendered;
}

std::string inline_svg(const std::string& svg, const std::string& prefix) {
  const std::size_t start = svg.find("<svg");
  std::string body = start == std::string::npos ? "" : svg.substr(start);
  for (const char* opening : {" id=\"", " id='", "\tid=\"", "\tid='", "href='#", "href=\"#", "url(#"}) {
    replace_all(body, opening, opening + prefix + "_");
  }
  while (!body.empty() && (body.back() == '\n' || body.back() == ' '))
    body.pop_back();
  return body;
}

}  // namespace attest::reports
