#include "harness/cli/manual.hpp"

#include <fmt/format.h>

namespace attest {

// The text of harness/cli/help.md, put into the program by harness/cmake/AttestEmbed.cmake.
extern const std::string_view embedded_manual;

std::string manual_of(std::string_view command) {
  const std::string heading = command.empty() ? "# attest\n" : fmt::format("\n## attest {}\n", command);
  const std::size_t begin = embedded_manual.find(heading);
  if (begin == std::string_view::npos) return "";
  const std::size_t from = embedded_manual.find_first_not_of('\n', begin + heading.size());
  const std::size_t end = embedded_manual.find("\n## ", from);
  return std::string(embedded_manual.substr(from, end == std::string_view::npos ? end : end - from));
}

}  // namespace attest
