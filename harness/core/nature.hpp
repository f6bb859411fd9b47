#pragma once

namespace attest {

/// What the numbers of inputs are like; which verdict rules hold follows from it. Neither: structured, where only the
/// bound that holds for every input does.
struct Nature {
  bool continuous = false;    ///< rounding errors are independent, with mean zero: rule P holds
  bool exchangeable = false;  ///< the order of the keys means nothing; with continuous numbers rule S holds

  bool operator==(const Nature&) const = default;
};

}  // namespace attest
