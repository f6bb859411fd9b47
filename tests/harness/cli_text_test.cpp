// What people read: aligned tables, the bar, durations; and the two kinds of cases file.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "harness/cli/cases_file.hpp"
#include "harness/cli/manual.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/core/error.hpp"
#include "harness/sweep/progress.hpp"
#include "tests/harness/sweep_support.hpp"

namespace attest {

BOOST_AUTO_TEST_SUITE(cli_text)

BOOST_AUTO_TEST_CASE(columns_align_numbers_to_the_right_and_empty_ones_go) {
  TextTable table({{"name"}, {"never"}, {"count", true}, {"note"}}, false);
  table.add({"a", "", "7", ""});
  table.add({"longer", "", "1234", "é"});
  BOOST_TEST(table.text() ==
             "name    count  note\n"
             "a           7\n"
             "longer   1234  é\n");
}

BOOST_AUTO_TEST_CASE(colour_takes_no_width_and_only_where_it_is_wanted) {
  for (const bool color : {false, true}) {
    TextTable table({{"verdict"}, {"x", true}}, color);
    table.add({{"failed", 31}, "1"});
    const std::string text = table.text();
    BOOST_TEST(text.ends_with(color ? "\033[31mfailed\033[0m   1\n" : "failed   1\n"), text);
    BOOST_TEST(text.starts_with(color ? "\033[1mverdict\033[0m  \033[1mx" : "verdict  x\n"), text);
  }
}

BOOST_AUTO_TEST_CASE(seconds_have_the_unit_that_fits) {
  BOOST_TEST(format_seconds(1.234) == "1.23 s");
  BOOST_TEST(format_seconds(0.04567) == "45.7 ms");
  BOOST_TEST(format_seconds(4.567e-4) == "457 us");
  BOOST_TEST(format_seconds(5e-9) == "5.00 ns");
}

BOOST_AUTO_TEST_CASE(a_failed_cell_shows_its_figures_and_its_reason) {
  CellRecord record;
  record.key = {.kernel = "a/b", .backend = "cpu", .problem = "sq8", .inputs = "normal", .threads = 1};
  record.verdict = {Outcome::failed, "out[0] is nan"};
  record.accuracy.outputs.resize(1);
  record.accuracy.outputs[0].error_over_bound = 17.0;
  const std::string table = table_of_cells({record}, false);
  BOOST_TEST(table.find("failed") != std::string::npos, table);
  BOOST_TEST(table.find(" 17 ") != std::string::npos, table);
  BOOST_TEST(table.find("out[0] is nan\n") != std::string::npos, table);
  BOOST_TEST(table.find("GFLOP/s") == std::string::npos, table);
  BOOST_TEST(counts_of({record, record}) == "2 failed");
}

BOOST_AUTO_TEST_CASE(the_bar_says_cells_time_left_and_the_current_cell_in_one_line) {
  BOOST_TEST(progress_line(12, 48, 200.0, "flash2/cpu_tiled", 200) ==
             "[######                  ] 12/48, 3m20s left, flash2/cpu_tiled");
  BOOST_TEST(progress_line(1, 2, 1.0, "a long cell", 20).size() == 20U);
  BOOST_TEST(format_duration(44.6) == "45s");
  BOOST_TEST(format_duration(7500) == "2h05m");
}

BOOST_AUTO_TEST_CASE(every_command_has_its_part_of_the_manual) {
  for (const char* command : {"list", "check", "bench", "sweep", "report", "merge", "peaks", "doctor"})
    BOOST_TEST(manual_of(command).find(std::string("attest ") + command) != std::string::npos, command);
  BOOST_TEST(manual_of("frobnicate").empty());
}

BOOST_AUTO_TEST_CASE(levels_of_own_cases_contain_the_ones_before) {
  const RegisteredVariant variant{registered_variants().front().variant,
                                  "[smoke]\nproblems = ['sq1', 'sq2']\n[full]\nproblems = ['sq3']\n"};
  BOOST_TEST(own_cases(variant, "smoke").size() == 2U);
  BOOST_TEST(own_cases(variant, "ci").size() == 2U);
  BOOST_TEST(own_cases(variant, "full").size() == 3U);
  BOOST_CHECK_THROW(own_cases(variant, "hard"), Error);
}

BOOST_AUTO_TEST_CASE(every_variant_brings_cases_that_parse) {
  for (const RegisteredVariant& entry : registered_variants()) {
    BOOST_TEST(!own_cases(entry, "smoke").empty(), entry.variant->name);
    for (const std::string& text : own_cases(entry, "full"))
      BOOST_CHECK_NO_THROW(check_parameters(parse_problem(text), text));
  }
}

BOOST_AUTO_TEST_CASE(a_case_file_names_what_is_wrong_with_it) {
  const TemporaryFolder folder;
  const std::string path = (folder / "cases.toml").string();
  const std::string whole = "[[case]]\nname = 'a'\ntensors = 'a.npz'\nproblem = ''\nrtol = 1e-3\natol = 0\n";
  const auto error_of = [&path](const std::string& text) -> std::string {
    std::ofstream(path) << text;
    try {
      read_cases(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  BOOST_TEST(error_of(whole).empty());
  BOOST_TEST(read_cases(path).front().tensors == (folder / "a.npz").string());
  for (const auto& [text, word] :
       {std::pair<std::string, std::string>{"", "has no case"},
        {"[case]\nname = 'a'\n", "[[case]]"},
        {"[[case]]\nname = 'a'\n", "'tensors'"},
        {whole + "colour = 1\n", ":7: colour"},
        {"[[case]]\nname = 'a'\ntensors = 'a'\nproblem = ''\nrtol = -1.0\natol = 0\n", "'rtol'"}}) {
    BOOST_TEST(error_of(text).find(word) != std::string::npos, text << " gives: " << error_of(text));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest
