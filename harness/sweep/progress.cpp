#include "harness/sweep/progress.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace attest {
namespace {

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<long>(std::lround(std::clamp(seconds, 0.0, 1e8)));
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string progress_line(std::size_t done, std::size_t total, double seconds_left, std::string_view cell,
                          std::size_t width) {
  constexpr std::size_t bar = 24;
  const std::size_t filled = total == 0 ? bar : std::min(bar, bar * done / total);
  std::string line = fmt::format("[{}{}] {}/{}, {} left, {}", std::string(filled, '#'), std::string(bar - filled, ' '),
                                 done, total, format_duration(seconds_left), cell);
  if (line.size() > width) line.resize(width);
  return line;
}

Progress::Progress(std::size_t cells, double expected_seconds, bool wanted)
    : shown_(wanted && isatty(STDERR_FILENO) == 1),
      total_(cells),
      expected_(expected_seconds),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  clear();
}

void Progress::show(std::string_view cell) {
  cell_ = cell;
  draw();
}

void Progress::advance(std::size_t cells, double expected_seconds) {
  done_ += cells;
  passed_ += expected_seconds;
  draw();
}

void Progress::clear() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void Progress::draw() {
  if (!shown_) return;
  const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  // Until a twentieth is done, the guess; from there the guess times what it proved to be off by.
  const double correction = passed_ > 0.05 * expected_ ? spent / passed_ : 1.0;
  const double left = std::max(0.0, expected_ - passed_) * correction;
  fmt::print(stderr, "\r\033[K{}", progress_line(done_, total_, left, cell_, terminal_width() - 1));
  std::fflush(stderr);
}

}  // namespace attest
