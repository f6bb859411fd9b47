#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace attest {

/// How a cell ended. No outcome at all is a failure of the harness and is treated as one.
enum class Outcome { passed, failed, skipped, unsupported, suspect, crashed, timeout, oom };

std::string_view name_of(Outcome outcome);
std::optional<Outcome> outcome_named(std::string_view name);

/// An outcome with its reason; all but passed carry one, and a passed one where it leaves something unproved.
struct Verdict {
  Outcome outcome = Outcome::failed;
  std::string reason = "no verdict was reached";

  static Verdict passed() { return {Outcome::passed, ""}; }
  bool has_passed() const { return outcome == Outcome::passed; }
};

}  // namespace attest
