// Range and ticks of an axis, chosen here and not by the plotting tool, so that every emitter shows the same.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reports/model.hpp"

namespace attest::reports {

struct AxisLayout {
  double low = 0;
  double high = 1;
  std::vector<std::pair<double, std::string>> ticks;  // value and label; the label is empty for a minor tick
};

/// Range and ticks that hold all of `values` (in the axis's unit) with a margin. Log axes ignore values that are not
/// positive; a linear axis that is close to 0 starts there. At most `most` ticks carry a label; categories all do.
AxisLayout lay_out_axis(const Axis& axis, const std::vector<double>& values, int most);

}  // namespace attest::reports
