#pragma once

#include <string_view>

namespace attest {

/// Figures of papers with their sources: the text of reports/published.json.
extern const std::string_view embedded_published_figures;

}  // namespace attest
