#include "reports/gnuplot.hpp"

#include <fmt/format.h>
#include <fstream>
#include <iterator>

#include "reports/child.hpp"

namespace attest::reports {
namespace {

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The first line of gnuplot's own words, for the problem's text.
std::string first_words(const std::string& log) {
  std::size_t start = log.find_first_not_of(" \n\t^");
  if (start == std::string::npos) return "";
  const std::size_t end = log.find('\n', start);
  return ": " + log.substr(start, end == std::string::npos ? end : end - start);
}

/// Runs the command, which should write `made` in `folder`, a file that ends with `end`: the file's bytes, or in
/// `problem` why there are none.
std::string make_file(const Command& command, const std::filesystem::path& folder, const std::string& made,
                      std::string_view end, std::string& problem) {
  const std::string log = made + ".log";
  std::string failure = run_child(command, folder, log);
  if (!failure.empty()) failure += first_words(read_all(folder / log));
  std::error_code ignored;
  std::filesystem::remove(folder / log, ignored);
  if (failure.empty()) {
    std::string bytes = read_all(folder / made);
    if (bytes.find(end) != std::string::npos) return bytes;
    failure = fmt::format("{} wrote no whole {}", command.arguments.front(), made);
  }
  std::filesystem::remove(folder / made, ignored);
  if (problem.empty()) problem = failure;
  return "";
}

}  // namespace

RenderedFigures render_figures(const std::filesystem::path& folder, const std::vector<std::string>& ids,
                               const std::string& program) {
  RenderedFigures rendered;
  for (const std::string& id : ids) {
    const Command command{.arguments = {program, "--default-settings", id + ".gp"}, .package = "gnuplot-nox"};
    std::string svg = make_file(command, folder, id + ".svg", "</svg>", rendered.problem);
    if (!svg.empty()) rendered.svg[id] = std::move(svg);
  }
  return rendered;
}

std::string convert_figures(const std::filesystem::path& folder, const std::vector<std::string>& ids,
                            const std::string& program) {
  std::string problem;
  for (const std::string& id : ids) {
    const Command command{.arguments = {program, "--format=pdf", "--output=" + id + ".pdf", id + ".svg"},
                          .package = "librsvg2-bin"};
    make_file(command, folder, id + ".pdf", "%%EOF", problem);
  }
  return problem;
}

}  // namespace attest::reports
