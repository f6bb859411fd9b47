#include "tests/golden/support.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <stdlib.h>

namespace attest::golden {
namespace {

namespace fs = std::filesystem;

/// The first line in which two texts differ, for the failure message.
std::string first_difference(const std::string& expected, const std::string& got) {
  std::size_t start = 0;
  std::size_t line = 1;
  for (std::size_t i = 0; i < expected.size() && i < got.size() && expected[i] == got[i]; ++i) {
    if (expected[i] == '\n') {
      start = i + 1;
      ++line;
    }
  }
  const auto line_at = [start](const std::string& text) {
    return start < text.size() ? text.substr(start, text.find('\n', start) - start) : std::string("(end)");
  };
  return fmt::format("line {}\n  approved: {}\n  got:      {}", line, line_at(expected), line_at(got));
}

}  // namespace

std::string rounded(const std::string& text) {
  static const std::regex number(R"([0-9]+\.[0-9]{6,}(e[-+]?[0-9]+)?)");
  std::string result;
  auto last = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), number), end; match != end; ++match) {
    result.append(last, match->prefix().second);
    const std::string digits = match->str();
    result += digits.size() > 12 ? fmt::format("{:.10g}", std::strtod(digits.c_str(), nullptr)) : digits;
    last = match->suffix().first;
  }
  return result.append(last, text.cend());
}

void check_approved(const std::string& name, const std::string& text) {
  const fs::path path = fs::path(ATTEST_SOURCE_DIR) / "tests/golden/approved" / name;
  const std::string got = rounded(text);
  const char* approve = std::getenv("ATTEST_APPROVE");
  if (approve != nullptr && std::string(approve) == "1") {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << got;
    return;
  }
  BOOST_TEST_REQUIRE(fs::exists(path), "no approved text " << path << "; look at it and approve with approve.py");
  const std::string expected = read_bytes(path);
  BOOST_TEST((expected == got), name << " is not the approved text, " << first_difference(expected, got));
}

reports::Table table_of(const reports::Report& report, const std::string& id) {
  for (const reports::Section& section : report.sections) {
    for (const reports::Block& block : section.blocks) {
      const auto* table = std::get_if<reports::Table>(&block);
      if (table != nullptr && table->id == id) return *table;
    }
  }
  BOOST_REQUIRE_MESSAGE(false, "no table " << id);
  return {};
}

reports::Files all_texts(const reports::Report& report, const reports::RenderedFigures& figures) {
  reports::Files all = reports::emit_figure_sources(report);
  for (const reports::Emitter& emitter : reports::emitters())
    all.merge(emitter.emit(report, figures));
  return all;
}

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "attest-golden-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder can be made");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace attest::golden
