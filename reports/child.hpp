// Other programs as child processes: without a shell, and with a fixed environment.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace attest::reports {

struct Command {
  std::vector<std::string> arguments;  // the program first, looked up in PATH; the file it works on last
  std::string package;                 // of Debian, that holds the program
};

/// Runs the command in `folder`, its standard error into `log` there. "" when it ended well, else one line that says
/// how it did not; never throws for that.
std::string run_child(const Command& command, const std::filesystem::path& folder, const std::string& log);

}  // namespace attest::reports
