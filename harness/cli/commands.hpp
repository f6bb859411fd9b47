#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/sweep/options.hpp"

namespace attest {

/// What every command gets.
struct CommonOptions {
  bool json = false;
  bool color_out = false;              ///< colour on standard output
  std::vector<std::string> arguments;  ///< argv, for the provenance
};

struct ListOptions {
  std::string what;
};

struct CheckOptions {
  bool timed = false;  ///< bench
  std::vector<std::string> problems;
  std::string cases;
  std::string tensors;
  std::string level = "smoke";
  std::string kernels;  ///< globs; empty: all that support the problem
  std::string inputs;   ///< kinds, comma-separated; empty: normal
  OptionTexts flags;
};

struct SweepCommandOptions {
  std::string file;
  std::string store;
  std::string shard = "1/1";
  std::string filter;
  std::vector<std::string> set;
  bool dry_run = false;
  bool resume = true;
  bool peaks = true;
  OptionTexts flags;
};

struct ReportOptions {
  std::string store;
  std::string out;
  std::string formats;
  std::string title;
  std::string base;
  bool verifier = false;
};

struct CompareOptions {
  std::string first;
  std::string second;
  std::string fail_on;
};

struct MergeOptions {
  std::string out;
  std::vector<std::string> in;
};

struct EmulateOptions {
  std::string file;
  std::string entry;  ///< empty: the only one
  std::string grid;
  std::string block;
  std::uint64_t shared = 0;
  std::vector<std::string> arguments;
  bool sanitize = true;
  bool wide_accumulation = false;
  bool contract = false;
  int threads = 0;
  std::uint64_t instruction_budget = 0;
  double deadline_seconds = 120.0;
  std::uint64_t warp_order = 0;
};

// Each runs one command, writes its result to standard output and throws Error where that cannot be.
ExitCode list_command(const CommonOptions& common, const ListOptions& options);
ExitCode check_command(const CommonOptions& common, const CheckOptions& options);
ExitCode sweep_command(const CommonOptions& common, const SweepCommandOptions& options);
ExitCode report_command(const CommonOptions& common, const ReportOptions& options);
ExitCode compare_command(const CommonOptions& common, const CompareOptions& options);
ExitCode merge_command(const CommonOptions& common, const MergeOptions& options);
ExitCode emulate_command(const CommonOptions& common, const EmulateOptions& options);
ExitCode peaks_command(const CommonOptions& common, const OptionTexts& flags);
ExitCode emulator_peaks_command(const CommonOptions& common, const OptionTexts& flags);
ExitCode doctor_command(const CommonOptions& common);

}  // namespace attest
