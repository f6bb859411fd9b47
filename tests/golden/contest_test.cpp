// Who is declared the winner: only among kernels of the same function, the same problem and the same inputs, and only
// when the difference is beyond doubt.
#include "reports/contest.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "harness/core/error.hpp"
#include "reports/build.hpp"
#include "tests/golden/sample_records.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;

std::string problem_of(int length) {
  return "b1 hq8 sq" + std::to_string(length) + " d64 f32";
}

std::vector<FamilyContest> contests_of(const std::vector<CellRecord>& cells) {
  // The contests point into the study, which must outlive them in these tests.
  static Study study;
  static std::vector<CellRecord> kept;
  kept = cells;
  study = make_study(kept);
  return hold_contests(study);
}

BOOST_AUTO_TEST_SUITE(winners)

BOOST_AUTO_TEST_CASE(the_sentence_names_the_length_from_which_a_kernel_wins) {
  const auto contests = contests_of(small_sweep().cells);
  BOOST_TEST_REQUIRE(contests.size() == 1U);
  BOOST_TEST(
      winner_sentence(contests[0]) ==
      "standard/cpu_naive is fastest up to 128 (runner-up takes 2.00 times as long); no clear winner between "
      "flash2/cpu_tiled and standard/cpu_naive at 256; flash2/cpu_tiled is fastest from 512 on (runner-up takes 2.00 "
      "times as long).");
  BOOST_TEST(final_standing(contests[0]).kernel == "flash2/cpu_tiled");
  BOOST_TEST(final_standing(contests[0]).from == 512);
}

BOOST_AUTO_TEST_CASE(an_unclear_stretch_is_one_clause_and_names_rivals_only_where_they_stay_the_same) {
  std::vector<CellRecord> cells;
  for (const int length : {128, 256, 512}) {
    cells.push_back(timed_cell("a/one", problem_of(length), 1e-3));
    cells.push_back(timed_cell("b/two", problem_of(length), length == 256 ? 2e-3 : 1.001e-3));
    cells.push_back(timed_cell("c/three", problem_of(length), length == 256 ? 1.001e-3 : 2e-3));
  }
  BOOST_TEST(winner_sentence(contests_of(cells)[0]) == "no clear winner at every length from 128 to 512.");
}

BOOST_AUTO_TEST_CASE(a_kernel_that_loses_one_round_is_no_clear_winner) {
  CellRecord fast = timed_cell("a/one", problem_of(128), 1e-3);
  const CellRecord slow = timed_cell("b/two", problem_of(128), 2e-3);
  BOOST_TEST(contests_of({fast, slow})[0].contests[0].clear);
  for (double& seconds : fast.rounds[1].seconds)
    seconds *= 3;
  BOOST_TEST(!contests_of({fast, slow})[0].contests[0].clear);
}

BOOST_AUTO_TEST_CASE(a_difference_under_two_percent_is_unclear_however_narrow_the_intervals) {
  CellRecord fast = timed_cell("a/one", problem_of(128), 1e-3);
  CellRecord slow = timed_cell("b/two", problem_of(128), 1.015e-3);
  for (CellRecord* record : {&fast, &slow}) {
    record->timing->seconds_ci_low = record->timing->seconds_ci_high = record->timing->seconds_median;
  }
  BOOST_TEST(!contests_of({fast, slow})[0].contests[0].clear);
}

BOOST_AUTO_TEST_CASE(fewer_than_nine_samples_name_no_winner) {
  CellRecord fast = timed_cell("a/one", problem_of(128), 1e-3);
  CellRecord slow = timed_cell("b/two", problem_of(128), 2e-3);
  fast.timing->samples = slow.timing->samples = 9;
  BOOST_TEST(contests_of({fast, slow})[0].contests[0].clear);
  slow.timing->samples = 8;
  BOOST_TEST(!contests_of({fast, slow})[0].contests[0].clear);
}

BOOST_AUTO_TEST_CASE(problems_over_several_lengths_come_first_and_no_winner_has_no_ratio) {
  std::vector<CellRecord> cells;
  for (const char* kernel : {"a/one", "b/two"}) {
    cells.push_back(timed_cell(kernel, "b1 hq1 sq128 d64 f32", kernel[0] == 'a' ? 1e-3 : 2e-3));
    for (const int length : {128, 256})
      cells.push_back(timed_cell(kernel, problem_of(length), 1e-3));
  }
  ReportInput input = small_sweep();
  input.cells = cells;
  const Report report = build_report(input);
  const auto summary = std::find_if(report.sections.begin(), report.sections.end(),
                                    [](const Section& section) { return section.id == "summary"; });
  BOOST_TEST_REQUIRE((summary != report.sections.end()));
  const auto& several = std::get<Table>(summary->blocks.at(0));
  const auto& single = std::get<Table>(summary->blocks.at(1));
  BOOST_TEST_REQUIRE(several.rows.size() == 1U);
  BOOST_TEST(std::holds_alternative<Missing>(several.rows[0].at(3)));
  BOOST_TEST_REQUIRE(single.rows.size() == 1U);
  BOOST_TEST(single.id == "winners_at_one_length");
  BOOST_TEST(std::get<Number>(single.rows[0].at(3)).value == 2.0);
}

BOOST_AUTO_TEST_CASE(intervals_that_meet_leave_the_winner_open) {
  CellRecord fast = timed_cell("a/one", problem_of(128), 1e-3);
  fast.timing->seconds_ci_high = 1.2e-3;
  CellRecord slow = timed_cell("b/two", problem_of(128), 1.1e-3);
  BOOST_TEST(!contests_of({fast, slow})[0].contests[0].clear);
}

BOOST_AUTO_TEST_CASE(an_approximation_never_wins_over_softmax_attention) {
  CellRecord approximate = timed_cell("linear/cpu_full", problem_of(128), 1e-5);
  approximate.approximation = true;
  const ReportInput input{
      .title = "t",
      .cells = {approximate, timed_cell("a/one", problem_of(128), 1e-3), timed_cell("b/two", problem_of(128), 2e-3)},
      .runs = {},
      .models = {}};
  for (const FamilyContest& family : contests_of(input.cells)) {
    if (family.function_class.empty()) BOOST_TEST(final_standing(family).kernel == "a/one");
  }
  const Report report = build_report(input);
  const Section& summary = report.sections.front();
  bool said = false;
  for (const Block& block : summary.blocks) {
    const auto* paragraph = std::get_if<Paragraph>(&block);
    said = said || (paragraph != nullptr && paragraph->text.find("it does not win") != std::string::npos);
  }
  BOOST_TEST(said);
}

BOOST_AUTO_TEST_CASE(cells_of_other_inputs_or_threads_are_not_compared) {
  CellRecord other_inputs = timed_cell("b/two", problem_of(128), 2e-3);
  other_inputs.key.inputs = "minilm";
  CellRecord other_threads = timed_cell("c/three", problem_of(128), 2e-3);
  other_threads.key.threads = 1;
  for (const FamilyContest& family :
       contests_of({timed_cell("a/one", problem_of(128), 1e-3), other_inputs, other_threads})) {
    BOOST_TEST(!family.is_contested(), family.family);
  }
}

BOOST_AUTO_TEST_CASE(families_of_one_length_are_rows_of_one_table_and_others_have_a_table_each) {
  ReportInput input = small_sweep();
  for (const int length : {64, 96}) {
    const std::string problem = "b" + std::to_string(length) + " hq8 sq128 d32 f32";
    input.cells.push_back(timed_cell("a/one", problem, 1e-3));
    input.cells.push_back(timed_cell("b/two", problem, 3e-3));
  }
  const Report report = build_report(input);
  const auto section = std::find_if(report.sections.begin(), report.sections.end(),
                                    [](const Section& one) { return one.id == "by_length"; });
  BOOST_TEST_REQUIRE((section != report.sections.end()));
  BOOST_TEST_REQUIRE(section->blocks.size() == 2U);
  BOOST_TEST(std::get<Table>(section->blocks[0]).rows.size() == 3U);  // 128, 256, 512
  const auto& single = std::get<Table>(section->blocks[1]);
  BOOST_TEST_REQUIRE(single.rows.size() == 2U);
  BOOST_TEST(std::get<Text>(single.rows[0][0]).text == "b64 hq8 d32 f32");
  BOOST_TEST(std::get<Number>(single.rows[0][1]).value == 128);
  BOOST_TEST(std::get<Text>(single.rows[0][2]).text == "a/one");
  BOOST_TEST(std::get<Number>(single.rows[1][6]).value == 3);
}

BOOST_AUTO_TEST_CASE(a_record_with_a_time_that_did_not_pass_is_refused) {
  for (const Outcome outcome : {Outcome::failed, Outcome::crashed, Outcome::timeout, Outcome::oom, Outcome::skipped}) {
    ReportInput input = one_cell();
    input.cells[0].verdict = {outcome, "a reason"};
    BOOST_CHECK_EXCEPTION(build_report(input), Error, [](const Error& error) {
      return error.code() == ExitCode::storage && std::string(error.what()).find("holds times") != std::string::npos;
    });
  }
}

BOOST_AUTO_TEST_CASE(a_suspect_time_is_shown_nowhere) {
  ReportInput input = one_cell();
  input.cells[0].verdict = {Outcome::suspect, "faster than the peak"};
  for (const Section& section : build_report(input).sections) {
    for (const Block& block : section.blocks) {
      const auto* table = std::get_if<Table>(&block);
      if (table == nullptr || table->id != "cells") continue;
      for (std::size_t i = 0; i < table->columns.size(); ++i) {
        if (table->columns[i].unit == "s") BOOST_TEST(std::holds_alternative<Missing>(table->rows[0][i]));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_stored_problem_that_is_none_is_an_error) {
  ReportInput input = one_cell();
  input.cells[0].key.problem = "hq8 hkv3 sq16";
  BOOST_CHECK_THROW(build_report(input), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
