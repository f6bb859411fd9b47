// The time of one cell over that of another, with its interval.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/measure/comparison.hpp"
#include "reports/study.hpp"

namespace attest::reports {

/// What the notes of tables say of the interval.
inline constexpr const char* ratio_interval_rule =
    "The interval holds with at least 95%: those of the two medians, each of 97.5% by ranks.";

struct TimeRatio {
  Comparison comparison;      // ratio and ratio_interval: the second's time over the first's
  bool has_interval = false;  // both have samples enough for one; else ratio_interval is {0, inf}
};

/// Of two timed views. Two intervals of medians hold together with 95% when each does with 97.5% (Bonferroni).
TimeRatio time_ratio(const View& first, const View& second);

/// Two entries of a row: the ends of the interval, or why there is none and nothing.
void add_interval(const std::optional<attest::Interval>& interval, const std::string& without, std::vector<Entry>& row);

}  // namespace attest::reports
