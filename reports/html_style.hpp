#pragma once

#include <string_view>

namespace attest::reports {

/// The style sheet of report.html: light and dark, narrow screens, print. It names no font or image to load.
std::string_view html_style();

}  // namespace attest::reports
