// Printed output is approved text: any change of a report shows as a change of a file under approved/.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <fmt/format.h>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "reports/build.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

/// The page's body without its script, so that a new style or script needs no new approval, in lines.
std::vector<std::string> body_of(const std::string& html) {
  const std::size_t begin = html.find("<body>");
  std::istringstream body(html.substr(begin, html.rfind("<script>") - begin));
  std::vector<std::string> lines;
  for (std::string line; std::getline(body, line);)
    lines.push_back(line);
  return lines;
}

struct Sample {
  const char* set;
  ReportInput (*make)();
};
const Sample samples[]{{"small", small_sweep},
                       {"empty", [] { return ReportInput{}; }},
                       {"one", one_cell},
                       {"failed", all_failed},
                       {"emulated", emulated_sweep},
                       {"hostile", hostile_names}};

/// Lines first .. first + count - 1 of the page of another sample.
struct Run {
  const char* set = "";
  std::size_t first = 0, count = 0;
};

Run longest_run(const std::vector<std::string>& lines, std::size_t at, const Sample& sample,
                const std::vector<std::string>& page) {
  Run longest{.set = sample.set};
  for (std::size_t first = 0; first < page.size(); ++first) {
    std::size_t count = 0;
    while (at + count < lines.size() && first + count < page.size() && lines[at + count] == page[first + count])
      ++count;
    if (count > longest.count) longest = {sample.set, first, count};
  }
  return longest;
}

/// Which lines they are, in words that stay when others before them change: "(7 lines of small, from <h2>Method,
/// 1a2b3c4d)".
std::string described(const Run& run, const std::vector<std::string>& lines, std::size_t at) {
  std::uint32_t hash = 2166136261;  // FNV-1a
  for (std::size_t line = at; line < at + run.count; ++line) {
    for (const char byte : rounded(lines[line]) + '\n')
      hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619;
  }
  return fmt::format("({} lines of {}, from {}, {:08x})", run.count, run.set, lines[at].substr(0, 60), hash);
}

/// What pages share is approved once: five lines and more that stand in the page of a sample before this one are a line
/// that says which they are.
std::string own_lines(const std::string& set, const std::vector<std::string>& lines) {
  constexpr std::size_t worth_a_word = 5;
  std::vector<std::pair<const Sample*, std::vector<std::string>>> before;
  for (const Sample& sample : samples) {
    if (sample.set == set) break;
    before.emplace_back(&sample, body_of(reports::emit_html(build_report(sample.make()), {}).at("report.html")));
  }
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    Run longest;
    for (const auto& [sample, page] : before) {
      const Run run = longest_run(lines, at, *sample, page);
      if (run.count > longest.count) longest = run;
    }
    if (longest.count < worth_a_word) {
      text += lines[at++] + "\n";
      continue;
    }
    text += described(longest, lines, at) + "\n";
    at += longest.count;
  }
  return text;
}

/// Figures as if they had been drawn, to see where they stand.
reports::RenderedFigures pretended(const reports::Files& texts) {
  reports::RenderedFigures figures;
  for (const auto& [name, text] : texts) {
    if (name.size() > 11 && name.substr(name.size() - 3) == ".gp") {
      figures.svg[name.substr(8, name.size() - 11)] = "<?xml?>\n<svg id='canvas'><use href='#canvas'/></svg>\n";
    }
  }
  return figures;
}

void check_set(const std::string& set, bool everything) {
  const auto* sample =
      std::find_if(std::begin(samples), std::end(samples), [&](const Sample& one) { return one.set == set; });
  BOOST_REQUIRE(sample != std::end(samples));
  const reports::Report report = build_report(sample->make());
  const reports::Files texts = all_texts(report, pretended(reports::emit_figure_sources(report)));
  for (const auto& [name, text] : texts) {
    if (name == "records.jsonl") continue;                       // the store's own text, tested there
    if (name == "latex/attest.sty" && set != "small") continue;  // the same in every report
    if (name.substr(0, 11) == "latex/data/") continue;           // the files of csv/
    const bool page = name == "report.md" || name == "report.html";
    if (page || everything)
      check_approved(set + "/" + name, name == "report.html" ? own_lines(set, body_of(text)) : text);
  }
}

BOOST_AUTO_TEST_SUITE(approved_reports)

BOOST_AUTO_TEST_CASE(a_small_sweep_gives_the_approved_texts_in_every_format) {
  check_set("small", true);
}

BOOST_AUTO_TEST_CASE(an_empty_store_gives_a_report_that_says_so) {
  check_set("empty", true);
  BOOST_TEST(build_report(ReportInput{}).headline ==
             "The store holds no cells: nothing was run, so nothing is proved.");
}

BOOST_AUTO_TEST_CASE(one_cell_gives_a_report_without_comparisons) {
  check_set("one", false);
}

BOOST_AUTO_TEST_CASE(a_sweep_in_which_all_failed_shows_no_time) {
  check_set("failed", false);
  const std::string text = reports::emit_markdown(build_report(all_failed()), {}).at("report.md");
  BOOST_TEST(text.find(" ms") == std::string::npos);
  BOOST_TEST(text.find("3 of 3 cells that ran did not pass") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(emulated_cells_show_counts_and_no_time) {
  check_set("emulated", true);
  const std::string text = reports::emit_markdown(build_report(emulated_sweep()), {}).at("report.md");
  BOOST_TEST(text.find(" ms") == std::string::npos);
  BOOST_TEST(text.find("IO complexity, counted") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_that_mean_something_to_a_format_are_escaped_as_approved) {
  check_set("hostile", true);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
