#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"
#include "harness/measure/peaks.hpp"
#include "harness/sweep/worker.hpp"

namespace attest {
namespace {

using Json = nlohmann::ordered_json;

constexpr int reply_descriptor = 3;

std::string read_all(int descriptor) {
  std::string text;
  char buffer[65536];
  ssize_t count = 0;
  while ((count = read(descriptor, buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(count));
  return text;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void set_limits(std::uint64_t address_space_bytes) {
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadow memory is address space too
  if (address_space_bytes > 0) {
    const rlimit limit{.rlim_cur = address_space_bytes, .rlim_max = address_space_bytes};
    setrlimit(RLIMIT_AS, &limit);
  }
#else
  static_cast<void>(address_space_bytes);
#endif
}

// See worker_main(): what tests of isolation ask for.
void commit_fault(const std::string& kernel) {
  const char* asked = std::getenv("ATTEST_TEST_FAULT");
  if (asked == nullptr) return;
  const std::string_view text = asked;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !matches_glob(text.substr(colon + 1), kernel)) return;
  const std::string_view fault = text.substr(0, colon);
  if (fault == "crash") {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  } else if (fault == "hang") {
    while (true)
      pause();
  } else if (fault == "oom") {
    std::vector<char*> blocks;
    while (true)
      blocks.push_back(new char[std::size_t{1} << 28U]);
  }
}

Json answer(const Json& request) {
  if (request.contains("peak")) {
    set_limits(0);
    const Json& peak = request.at("peak");
    const int threads = peak.at("threads").get<int>();
    const auto type = peak.at("type").get<std::string>();
    return {{"peak", measure_flop_peak(threads, type).flops_per_second(type, threads).value_or(0.0)}};
  }
  const CellJob job = job_from_json(request);
  set_limits(job.address_space_bytes);
  try {
    commit_fault(job.key.kernel);
    return {{"record", to_json(run_cell(job))}};
  } catch (const std::bad_alloc&) {
    CellRecord record;
    record.key = job.key;
    record.seed = job.seed;
    record.verdict = {Outcome::oom, "memory ran out"};
    record.reproduce = reproduce_line(record, job.tensors);
    return {{"record", to_json(record)}};
  }
}

}  // namespace

int worker_main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const Json request = Json::parse(read_all(STDIN_FILENO), nullptr, false);
  if (!request.is_object()) {
    fmt::print(stderr, "attest: worker: no job on standard input; the command itself starts workers\n");
    return static_cast<int>(ExitCode::usage);
  }
  // A parent that died before the line above was reached sends no signal any more.
  if (request.contains("parent") && request.at("parent") != getppid()) return static_cast<int>(ExitCode::interrupted);
  Json reply;
  try {
    reply = answer(request);
  } catch (const Error& error) {
    reply = {{"error", error.what()}, {"code", static_cast<int>(error.code())}};
  }
  write_all(reply_descriptor, reply.dump());
  return 0;
}

}  // namespace attest
