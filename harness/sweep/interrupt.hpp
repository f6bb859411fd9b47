#pragma once

namespace attest {

/// SIGINT and SIGTERM from the construction on: they are noted, and wake whoever polls descriptor(). One object a
/// process at a time; the destructor puts the former handlers back.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a signal has come to any guard of this process.
  static bool interrupted();
  /// Readable once a signal has come; -1 without a guard.
  static int descriptor();
  /// Throws Error (exit 130) when a signal has come.
  static void check();
};

}  // namespace attest
