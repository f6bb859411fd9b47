// attest.sty: the packages, faces, environments and colours that the tables and figures of a report use.
#pragma once

#include <string>

#include "reports/palette.hpp"

namespace attest::reports {

/// The name under which attest.sty knows the colour of `style`.
std::string latex_colour(const LineStyle& style);

/// The text of attest.sty, with every colour of the palette.
std::string latex_style();

}  // namespace attest::reports
