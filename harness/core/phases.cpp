#include "harness/core/phases.hpp"

namespace attest {
namespace {

constexpr std::array<std::string_view, phase_count> names{"packing", "projections", "products", "softmax", "storing"};

}  // namespace

std::string_view name_of(Phase phase) {
  return names[static_cast<std::size_t>(phase)];
}

std::optional<Phase> phase_named(std::string_view name) {
  for (int index = 0; index < phase_count; ++index) {
    if (names[static_cast<std::size_t>(index)] == name) return static_cast<Phase>(index);
  }
  return std::nullopt;
}

void Phases::enter(int thread, std::optional<Phase> phase) {
  Lap& lap = laps_[static_cast<std::size_t>(thread)];
  const Clock::time_point now = Clock::now();
  if (lap.phase) {
    lap.seconds[static_cast<std::size_t>(*lap.phase)] += std::chrono::duration<double>(now - lap.since).count();
  }
  lap.phase = phase;
  lap.since = now;
}

PerPhase Phases::seconds() const {
  PerPhase sums{};
  for (const Lap& lap : laps_) {
    for (std::size_t index = 0; index < sums.size(); ++index)
      sums[index] += lap.seconds[index];
  }
  return sums;
}

}  // namespace attest
