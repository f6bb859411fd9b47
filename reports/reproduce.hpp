// The commands that make a figure's cells again.
#pragma once

#include <string>
#include <vector>

#include "harness/store/store.hpp"
#include "reports/study.hpp"

namespace attest::reports {

/// A regular expression for `attest sweep --filter` that matches the cells of `views`, and others that differ from them
/// in lengths alone; few others. Empty without views.
std::string filter_of(const std::vector<const View*>& views);

/// The command line that made the run, for a shell; empty where it is not known.
std::string command_as_run(const RunRecord& run);

/// The sweeps that made the store, each a line for a shell that writes to again.db and takes a --filter at its end; as
/// the runs' arguments say, without what chose their store and their part of the cells.
std::vector<std::string> sweep_commands(const std::vector<RunRecord>& runs);

/// The sweeps narrowed to the figure's cells; empty where it shows none, or the store does not say how it was made.
std::string figure_command(const Report& report, const Figure& figure);

/// `word` as one word for a POSIX shell.
std::string shell_word(const std::string& word);

}  // namespace attest::reports
