// The reviewer's page answers from the records: a record that breaks a rule turns that rule's answer, and no other's.
#include <boost/test/unit_test.hpp>

#include "reports/build.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;

constexpr const char* whole_provenance =
    R"({"arguments":["attest","sweep","s.toml","--store","s.db"],"build":{"commit":"0123abcd","dirty":false,)"
    R"("compiler":"g++ 12.2.0","flags":"-O3"},"machine":{"operating_system":"Linux","cpu_model":"Example CPU",)"
    R"("microcode":"0x1","cpus":2,"cores":2,"simultaneous_threads":false,"affinity":"0-1","governor":"performance",)"
    R"("caches":[{"bytes":32768}],"transparent_huge_pages":"always","load_average":[0,0,0],"virtual_machine":false},)"
    R"("limits":{"memory_bytes":"unlimited"},"environment":{},"libraries":{"fmt":"9.1.0"},"timer_resolution_seconds":2e-08})";

ReportInput clean_sweep() {
  ReportInput input = small_sweep();
  std::erase_if(input.cells, [](const CellRecord& record) { return !record.verdict.has_passed(); });
  input.runs = {{.id = 1, .started = "2026-01-02T03:04:05Z", .provenance = whole_provenance, .peaks = "", .sweep = ""}};
  return input;
}

/// The answers to rules 1 to 12.
std::vector<std::string> answers(const ReportInput& input) {
  std::vector<std::string> words;
  const Table table = table_of(build_report(input), "reviewer_checklist");
  for (const auto& row : table.rows)
    words.push_back(std::get<Status>(row.at(2)).word);
  return words;
}

/// Breaks something and expects exactly these rules to be no longer kept.
template <typename Break>
void expect_broken(const std::vector<std::size_t>& rules, Break breaks) {
  ReportInput input = clean_sweep();
  std::vector<std::string> expected = answers(input);
  breaks(input);
  for (const std::size_t rule : rules)
    expected.at(rule - 1) = "not kept";
  BOOST_TEST(answers(input) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE(reviewer)

BOOST_AUTO_TEST_CASE(a_clean_sweep_keeps_all_twelve_rules) {
  BOOST_TEST(answers(clean_sweep()) == std::vector<std::string>(12, "kept"), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_times_the_rules_of_timing_do_not_apply) {
  const std::vector<std::string> words = answers(all_failed());
  for (const std::size_t rule : {1U, 3U, 4U, 5U, 6U, 7U, 8U, 10U, 11U, 12U})
    BOOST_TEST(words.at(rule - 1) == "not applicable", "rule " << rule);
}

BOOST_AUTO_TEST_CASE(a_narrowed_sweep_idle_processors_and_a_missing_reason_break_rule_2) {
  expect_broken({2}, [](ReportInput& input) {
    std::string& text = input.runs[0].provenance;
    text.replace(text.find("\"--store\""), 0, "\"--filter\",\"flash2\",");
  });
  expect_broken({2}, [](ReportInput& input) {
    std::string& text = input.runs[0].provenance;
    text.replace(text.find("\"cpus\":2"), 8, "\"cpus\":8");
  });
  expect_broken({2}, [](ReportInput& input) {
    input.cells.push_back(all_failed().cells[0]);
    input.cells.back().verdict.reason = "";
  });
}

BOOST_AUTO_TEST_CASE(five_samples_break_the_rules_of_intervals_and_comparisons) {
  expect_broken({5, 7, 10, 12}, [](ReportInput& input) {
    CellRecord& record = input.cells[0];
    record.rounds.resize(1);
    record.timing->samples = 5;
  });
}

BOOST_AUTO_TEST_CASE(an_interval_that_is_not_that_of_the_raw_samples_breaks_rule_6) {
  expect_broken({6}, [](ReportInput& input) { input.cells[0].timing->seconds_ci_low *= 0.999; });
  expect_broken({6}, [](ReportInput& input) { input.cells[0].timing->seconds_median *= 1.001; });
}

BOOST_AUTO_TEST_CASE(lost_samples_break_the_rules_that_need_them) {
  expect_broken({6, 8},
                [](ReportInput& input) { input.cells[0].rounds[2].seconds = {input.cells[0].rounds[2].seconds[0]}; });
}

BOOST_AUTO_TEST_CASE(a_changed_checkout_and_a_fact_that_is_not_known_break_rule_9) {
  expect_broken({9}, [](ReportInput& input) {
    std::string& text = input.runs[0].provenance;
    text.replace(text.find("false"), 5, "true");
  });
  expect_broken({9}, [](ReportInput& input) {
    std::string& text = input.runs[0].provenance;
    text.replace(text.find("performance"), 11, "not available");
  });
  expect_broken({2, 9}, [](ReportInput& input) { input.runs.clear(); });
}

BOOST_AUTO_TEST_CASE(a_rate_without_a_bound_breaks_rule_11) {
  expect_broken({11}, [](ReportInput& input) { input.cells[0].peak_flops = 0; });
}

BOOST_AUTO_TEST_CASE(reasons_that_differ_in_numbers_alone_are_one_row) {
  ReportInput input = clean_sweep();
  for (const char* reason :
       {"needs 32.0 GiB, the limit is 8.00 GiB", "needs 1.5 GiB, the limit is 8.00 GiB", "no window"}) {
    input.cells.push_back(all_failed().cells[0]);
    input.cells.back().verdict = {Outcome::skipped, reason};
    input.cells.back().key.problem = "b1 hq1 sq" + std::to_string(input.cells.size()) + " d64 f32";
  }
  const Table table = table_of(build_report(input), "reviewer_left_out");
  BOOST_TEST_REQUIRE(table.rows.size() == 2U);
  BOOST_TEST(std::get<Number>(table.rows[0].at(2)).value + std::get<Number>(table.rows[1].at(2)).value == 3);
}

BOOST_AUTO_TEST_CASE(what_a_passed_cell_does_not_prove_stands_in_the_headline_and_in_a_table) {
  ReportInput input = clean_sweep();
  BOOST_TEST(build_report(input).headline.find("reservation") == std::string::npos);
  input.cells[1].verdict.reason = "3 of 8 rows prove nothing";
  const Report report = build_report(input);
  BOOST_TEST(report.headline.find("One cell passed with a reservation") != std::string::npos, report.headline);
  BOOST_TEST((report.headline_tone == Tone::warning));
  const Table table = table_of(report, "reservations");
  BOOST_TEST_REQUIRE(table.rows.size() == 1U);
  BOOST_TEST(std::get<Text>(table.rows[0].at(4)).text == "3 of 8 rows prove nothing");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
