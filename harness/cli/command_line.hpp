#pragma once

namespace attest {

/// The whole program: parses the arguments, runs the command, and turns every error into one line on standard error.
/// Returns the exit code (harness/core/error.hpp).
int run_command_line(int count, char** arguments);

}  // namespace attest
