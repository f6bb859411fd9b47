#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace attest {

/// How cells are run. Each has a name that is the key in a sweep file, the flag `--name` (with dashes) and the
/// environment variable ATTEST_NAME; defaults < file < environment < flags.
struct SweepOptions {
  int rounds = 3;                          ///< processes a cell is timed in; 0: checked only
  int min_samples = 9;                     ///< a round, as far as max_seconds allows, and a cell in any case
  double max_seconds = 1.0;                ///< of samples a round
  double deadline_seconds = 120.0;         ///< of one process, checking and timing
  std::uint64_t memory_limit = 0;          ///< bytes a cell may take; 0: what the machine has
  std::vector<int> threads;                ///< one cell each; empty: every CPU that the process may use
  std::uint64_t seed = 1;                  ///< of inputs, row samples and the order of kernels
  double check_budget = 2e8;               ///< VerifyOptions::budget
  bool sanitize = false;                   ///< emulated cells are checked for races, uninitialised reads and the like
  std::vector<std::string> backends = {};  ///< empty: cpu
};

/// A value as text with where it was said: "sweep.toml:3: rounds", "ATTEST_ROUNDS", "--rounds".
struct OptionText {
  std::string value;
  std::string place;
};
using OptionTexts = std::map<std::string, OptionText>;

/// Names of the options that may be set by text, sorted.
std::vector<std::string> option_names();

/// Sets one option. Throws Error naming the place, the value and what is right.
void set_option(SweepOptions& options, std::string_view name, const OptionText& text);
void set_options(SweepOptions& options, const OptionTexts& texts);

/// ATTEST_THREADS, ATTEST_ROUNDS and so on, as far as they are set.
OptionTexts options_from_environment();

/// "8GiB", "512 MiB", "1e9" to bytes. Throws Error naming `place`.
std::uint64_t parse_bytes(std::string_view text, std::string_view place);
/// "1.5 GiB".
std::string format_bytes(double bytes);

/// CPUs that this process may use.
int usable_threads();

}  // namespace attest
