#include "harness/sweep/worker.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"
#include "harness/measure/statistics.hpp"
#include "harness/sweep/interrupt.hpp"

extern char** environ;

namespace attest {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_padding = 4096;
constexpr std::size_t kept_of_stderr = 4096;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return number_; }
  void set(int number) { number_ = number; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Channel {
  Descriptor ours;
  Descriptor theirs;
};

void open_pipe(Channel& channel) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  channel.ours.set(ends[0]);
  channel.theirs.set(ends[1]);
  fcntl(channel.ours.get(), F_SETFL, O_NONBLOCK);
}

// The environment with a variable of random length, which moves the stack of the worker.
class PaddedEnvironment {
 public:
  explicit PaddedEnvironment(std::uint64_t seed) {
    Generator generator(seed);
    padding_ = "ATTEST_PADDING=" + std::string(generator.below(longest_padding), 'x');
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (std::strncmp(*entry, "ATTEST_PADDING=", 15) != 0) entries_.push_back(*entry);
    }
    entries_.push_back(padding_.data());
    entries_.push_back(nullptr);
  }
  char** get() { return entries_.data(); }

 private:
  std::string padding_;
  std::vector<char*> entries_;
};

// What a worker left behind.
struct Ending {
  int status = 0;  ///< of waitpid
  bool timed_out = false;
  std::string reply;
  std::string complaint;  ///< what it wrote to stderr
};

class Process {
 public:
  Process(const Json& job, const WorkerOptions& options) : deadline_seconds_(options.deadline_seconds) {
    start_ = Clock::now();
    Channel request_channel;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
    request_channel.ours.set(ends[0]);
    request_channel.theirs.set(ends[1]);
    open_pipe(reply_);
    open_pipe(stderr_);
    spawn(options, request_channel.theirs.get());
    request_channel.theirs.close();
    reply_.theirs.close();
    stderr_.theirs.close();
    process_.set(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (process_.get() < 0) fail("pidfd_open");
    Json request = job;
    request["parent"] = getpid();
    const std::string text = request.dump();
    // A worker that died before it read says so by its status; the write may fail in silence.
    [[maybe_unused]] const ssize_t sent = send(request_channel.ours.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Ending wait() {
    Ending ending;
    while (true) {
      pollfd watched[4] = {{process_.get(), POLLIN, 0},
                           {reply_.ours.get(), POLLIN, 0},
                           {stderr_.ours.get(), POLLIN, 0},
                           {InterruptGuard::descriptor(), POLLIN, 0}};
      const double left = deadline_seconds_ - std::chrono::duration<double>(Clock::now() - start_).count();
      const int timeout = left <= 0.0 ? 0 : static_cast<int>(std::min(left, 1e6) * 1e3) + 1;
      if (poll(watched, 4, timeout) < 0 && errno != EINTR) fail("poll");
      InterruptGuard::check();  // the destructor ends the worker
      drain(reply_.ours, ending.reply, static_cast<std::size_t>(-1));
      drain(stderr_.ours, ending.complaint, kept_of_stderr);
      if ((watched[0].revents & POLLIN) != 0) break;
      if (Clock::now() - start_ >= std::chrono::duration<double>(deadline_seconds_)) {
        ending.timed_out = true;
        kill(pid_, SIGKILL);
        break;
      }
    }
    waitpid(pid_, &ending.status, 0);
    pid_ = 0;
    drain(reply_.ours, ending.reply, static_cast<std::size_t>(-1));
    drain(stderr_.ours, ending.complaint, kept_of_stderr);
    return ending;
  }

 private:
  void spawn(const WorkerOptions& options, int input) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, stderr_.theirs.get(), 2);
    posix_spawn_file_actions_adddup2(&actions, reply_.theirs.get(), 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // A group of its own, so that Ctrl-C reaches only the command, which then decides.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::string name = "attest";
    std::string subcommand = "worker";
    char* arguments[] = {name.data(), subcommand.data(), nullptr};
    PaddedEnvironment environment(options.padding_seed);
    const int code =
        posix_spawn(&pid_, options.executable.c_str(), &actions, &attributes, arguments, environment.get());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0) {
      pid_ = 0;
      throw std::system_error(code, std::generic_category(), options.executable);
    }
  }

  // Takes what is there; a worker's stream that has ended is closed, so that poll() does not spin on it.
  static void drain(Descriptor& stream, std::string& text, std::size_t most) {
    char buffer[65536];
    while (stream.get() >= 0) {
      const ssize_t count = read(stream.get(), buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;
      if (count == 0) return stream.close();
      text.append(buffer, std::min(static_cast<std::size_t>(count), most - std::min(most, text.size())));
    }
  }

  double deadline_seconds_;
  Clock::time_point start_;
  pid_t pid_ = 0;
  Channel reply_;
  Channel stderr_;
  Descriptor process_;
};

std::string first_line(const std::string& text) {
  constexpr std::size_t longest = 200;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, std::min(text.find('\n', begin) - begin, longest));
}

// Libraries that end the process when a thread or its memory cannot be had.
bool complains_of_memory(const std::string& complaint) {
  for (const char* sign : {"Thread creation failed", "Out of memory", "out of memory", "Memory allocation",
                           "pthread_create failed", "Cannot allocate memory"}) {
    if (complaint.find(sign) != std::string::npos) return true;
  }
  return false;
}

// The verdict of a worker that gave no reply.
Verdict lost(const Ending& ending, const WorkerOptions& options) {
  const std::string said = first_line(ending.complaint);
  const std::string because = said.empty() ? "" : ": " + said;
  if (ending.timed_out) {
    return {Outcome::timeout, fmt::format("not done after {} s", options.deadline_seconds)};
  }
  if (complains_of_memory(ending.complaint)) return {Outcome::oom, "memory ran out" + because};
  if (WIFSIGNALED(ending.status)) {
    const int signal = WTERMSIG(ending.status);
    const char* name = sigabbrev_np(signal);
    return {Outcome::crashed, fmt::format("SIG{}{}", name == nullptr ? std::to_string(signal) : name, because)};
  }
  return {Outcome::crashed, fmt::format("ended with exit code {}{}", WEXITSTATUS(ending.status), because)};
}

Json parse_reply(const std::string& text) {
  return text.empty() ? Json() : Json::parse(text, nullptr, false);
}

}  // namespace

CellRecord run_in_worker(const CellJob& job, const WorkerOptions& options) {
  InterruptGuard::check();
  const Ending ending = Process(to_json(job), options).wait();
  const Json reply = parse_reply(ending.reply);
  if (reply.is_object() && reply.contains("error")) {
    throw Error(reply.at("error").get<std::string>(), static_cast<ExitCode>(reply.at("code").get<int>()));
  }
  if (!ending.timed_out && reply.is_object() && reply.contains("record")) return record_from_json(reply.at("record"));
  CellRecord record;
  record.key = job.key;
  record.seed = job.seed;
  record.verdict = lost(ending, options);
  describe_cell(record, find_kernel(job.key.kernel), parse_problem(job.key.problem), job.tensors);
  return record;
}

double peak_in_worker(int threads, const std::string& type, const WorkerOptions& options) {
  InterruptGuard::check();
  const Json request{{"peak", {{"threads", threads}, {"type", type}}}};
  const Json reply = parse_reply(Process(request, options).wait().reply);
  return reply.is_object() && reply.contains("peak") ? reply.at("peak").get<double>() : 0.0;
}

}  // namespace attest
