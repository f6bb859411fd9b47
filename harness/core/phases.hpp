#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace attest {

/// What a thread of a kernel is at. What is none of these is waiting for other threads, or their start.
enum class Phase {
  packing,      ///< operands are widened, transposed, mapped to features, gathered
  projections,  ///< a module's products with its matrices
  products,     ///< products that the count of FLOPs is of; of a decoding step, the reading of K and V too
  softmax,      ///< scores to weights: scaling, masks, exp, sums
  storing,      ///< results are merged, divided and written
};
inline constexpr int phase_count = 5;

/// "packing" and so on.
std::string_view name_of(Phase phase);
std::optional<Phase> phase_named(std::string_view name);

/// Seconds or shares, one a phase.
using PerPhase = std::array<double, phase_count>;

/// Where a kernel's threads spend their time. Kept in runs of their own, which no timing comes from: reading the clock
/// costs some 25 ns at each change.
class Phases {
 public:
  explicit Phases(int threads) : laps_(static_cast<std::size_t>(threads)) {}

  /// From now on `thread` (from 0) is at `phase`; nothing: it is done, or waits.
  void enter(int thread, std::optional<Phase> phase);

  /// Seconds in each phase, summed over the threads.
  PerPhase seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct alignas(64) Lap {
    std::optional<Phase> phase;
    Clock::time_point since;
    PerPhase seconds{};
  };
  std::vector<Lap> laps_;
};

/// One thread's part of a call: does nothing unless the phases are wanted.
struct PhaseClock {
  Phases* phases = nullptr;
  int thread = 0;

  void enter(Phase phase) const {
    if (phases != nullptr) phases->enter(thread, phase);
  }
  void leave() const {
    if (phases != nullptr) phases->enter(thread, std::nullopt);
  }
};

}  // namespace attest
