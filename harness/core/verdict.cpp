#include "harness/core/verdict.hpp"

#include <array>

namespace attest {
namespace {

constexpr std::array<std::string_view, 8> names{"passed",  "failed",  "skipped", "unsupported",
                                                "suspect", "crashed", "timeout", "oom"};

}  // namespace

std::string_view name_of(Outcome outcome) {
  return names[static_cast<std::size_t>(outcome)];
}

std::optional<Outcome> outcome_named(std::string_view name) {
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index] == name) return static_cast<Outcome>(index);
  }
  return std::nullopt;
}

}  // namespace attest
