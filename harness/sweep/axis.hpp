#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attest {

/// One axis of a sweep: a token of the problem text, and the values that it takes.
struct Axis {
  std::string name;                 ///< "sq", "window", "causal", "dtype", or a variant's own parameter
  std::vector<std::string> tokens;  ///< one problem token a value: "sq128", "window=255,0"; "causal" or "" for causal
  std::string place;                ///< where it was said, for messages

  bool operator==(const Axis&) const = default;
};

/// The problem token that says `value` for the axis. An integer W of `window` is the last W keys, with the query's own
/// (Mistral's convention): window=W-1,0; "L,R" is the text form; "full" is unbounded. causal takes true or false.
/// Throws Error naming `place` when the value is none.
std::string axis_token(std::string_view name, std::string_view value, std::string_view place);

/// The values of a range: "pow2 7:10" is 128 256 512 1024; "64:256:64" is 64 128 192 256. Anything else is itself.
/// Throws Error naming `place` when a range is malformed, empty, or has more than 10000 values.
std::vector<std::string> axis_values(std::string_view text, std::string_view place);

/// An axis from text, as `--set` gives it: ranges and single values between commas (window pairs between spaces or
/// semicolons). Duplicates are dropped. Throws Error when there is no value.
Axis parse_axis(std::string_view name, const std::vector<std::string>& values, std::string_view place);

}  // namespace attest
