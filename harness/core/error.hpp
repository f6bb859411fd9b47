#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace attest {

/// Exit codes of the command line (the README lists them).
enum class ExitCode {
  passed = 0,
  failed = 1,
  usage = 2,
  cells_lost = 3,
  storage = 4,
  no_backend = 5,
  interrupted = 130,
};

/// An error that ends the command with one line. `what()` names the place, the value and what would be right.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode code = ExitCode::usage)
      : std::runtime_error(message), code_(code) {}

  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// Throws Error with "place: wrong; right", the form of every complaint about input.
/// place: file and line or key, or the option; wrong: the value and what is wrong with it; right: what would be right.
[[noreturn]] inline void complain(std::string_view place, std::string_view wrong, std::string_view right,
                                  ExitCode code = ExitCode::usage) {
  std::string message;
  message.append(place).append(": ").append(wrong);
  if (!right.empty()) message.append("; ").append(right);
  throw Error(message, code);
}

}  // namespace attest
