#include "harness/sweep/interrupt.hpp"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

#include "harness/core/error.hpp"

namespace attest {
namespace {

volatile std::sig_atomic_t signal_seen = 0;
int pipe_ends[2] = {-1, -1};
struct sigaction former_interrupt;
struct sigaction former_terminate;

void note(int) {
  signal_seen = 1;
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &byte, 1);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe2 failed");
  struct sigaction action {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &former_interrupt);
  sigaction(SIGTERM, &action, &former_terminate);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &former_interrupt, nullptr);
  sigaction(SIGTERM, &former_terminate, nullptr);
  for (int& end : pipe_ends) {
    close(end);
    end = -1;
  }
}

bool InterruptGuard::interrupted() {
  return signal_seen != 0;
}

int InterruptGuard::descriptor() {
  return pipe_ends[0];
}

void InterruptGuard::check() {
  if (interrupted()) {
    complain("interrupted", "what was stored is whole", "the same command goes on where it stopped",
             ExitCode::interrupted);
  }
}

}  // namespace attest
