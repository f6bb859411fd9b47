#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace attest {

/// A bar on standard error with cells done, time left and the current cell; nothing where standard error is no
/// terminal.
class Progress {
 public:
  /// `expected_seconds`: rough cost of all cells, which the bar corrects by what it sees.
  Progress(std::size_t cells, double expected_seconds, bool wanted = true);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Says what runs now.
  void show(std::string_view cell);
  /// Cells and their rough cost that are done.
  void advance(std::size_t cells, double expected_seconds);
  /// Takes the bar away, so that other text can be written.
  void clear();

 private:
  void draw();

  bool shown_ = false;
  std::size_t total_ = 0;
  std::size_t done_ = 0;
  double expected_ = 0.0;
  double passed_ = 0.0;
  std::string cell_;
  std::chrono::steady_clock::time_point start_;
};

/// The bar's line: "[####    ] 12/240, 3m20s left, flash2/cpu_tiled ...", not wider than `width`.
std::string progress_line(std::size_t done, std::size_t total, double seconds_left, std::string_view cell,
                          std::size_t width);

/// "3m20s", "45s", "2h05m".
std::string format_duration(double seconds);

}  // namespace attest
