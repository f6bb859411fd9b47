// Printed output is approved text: any change of a report shows as a change of a file under approved/.
#include <boost/test/unit_test.hpp>

#include "reports/build.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

/// The page's body without its script, so that a new style or script needs no new approval.
std::string body_of(const std::string& html) {
  const std::size_t begin = html.find("<body>");
  return html.substr(begin, html.rfind("<script>") - begin);
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

void check_set(const std::string& set, const ReportInput& input, bool everything) {
  const reports::Report report = build_report(input);
  const reports::Files texts = all_texts(report, pretended(reports::emit_figure_sources(report)));
  for (const auto& [name, text] : texts) {
    if (name == "records.jsonl") continue;                       // the store's own text, tested there
    if (name == "latex/attest.sty" && set != "small") continue;  // the same in every report
    if (name.substr(0, 11) == "latex/data/") continue;           // the files of csv/
    const bool page = name == "report.md" || name == "report.html";
    if (page || everything) check_approved(set + "/" + name, name == "report.html" ? body_of(text) : text);
  }
}

BOOST_AUTO_TEST_SUITE(approved_reports)

BOOST_AUTO_TEST_CASE(a_small_sweep_gives_the_approved_texts_in_every_format) {
  check_set("small", small_sweep(), true);
}

BOOST_AUTO_TEST_CASE(an_empty_store_gives_a_report_that_says_so) {
  check_set("empty", ReportInput{}, true);
  BOOST_TEST(build_report(ReportInput{}).headline ==
             "The store holds no cells: nothing was run, so nothing is proved.");
}

BOOST_AUTO_TEST_CASE(one_cell_gives_a_report_without_comparisons) {
  check_set("one", one_cell(), false);
}

BOOST_AUTO_TEST_CASE(a_sweep_in_which_all_failed_shows_no_time) {
  check_set("failed", all_failed(), false);
  const std::string text = reports::emit_markdown(build_report(all_failed()), {}).at("report.md");
  BOOST_TEST(text.find(" ms") == std::string::npos);
  BOOST_TEST(text.find("3 of 3 cells that ran did not pass") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(emulated_cells_show_counts_and_no_time) {
  check_set("emulated", emulated_sweep(), true);
  const std::string text = reports::emit_markdown(build_report(emulated_sweep()), {}).at("report.md");
  BOOST_TEST(text.find(" ms") == std::string::npos);
  BOOST_TEST(text.find("IO complexity, counted") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_that_mean_something_to_a_format_are_escaped_as_approved) {
  check_set("hostile", hostile_names(), true);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
