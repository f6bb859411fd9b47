// What comes from a kernel, a file name or a reason is data in every format. The inputs are names that would break
// each.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "reports/build.hpp"
#include "reports/format.hpp"
#include "reports/html_parts.hpp"
#include "reports/reproduce.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;

/// All records of a CSV text; false when a quote is left open.
bool csv_records(const std::string& text, std::vector<std::vector<std::string>>& records) {
  std::vector<std::string> record = {""};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted) {
      if (text[i] != '"') {
        record.back() += text[i];
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        record.back() += text[i++];
      } else {
        quoted = false;
      }
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == ',') {
      record.emplace_back();
    } else if (text[i] == '\n') {
      records.push_back(record);
      record = {""};
    } else {
      record.back() += text[i];
    }
  }
  return !quoted;
}

/// Bars of a Markdown line that divide cells: those without a backslash before them.
long dividers(const std::string& line) {
  long count = 0;
  for (std::size_t i = 0; i < line.size(); ++i)
    count += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
  return count;
}

/// The page without the one script that is its own.
std::string without_script(std::string html) {
  const std::size_t begin = html.find("<script>");
  const std::size_t end = html.find("</script>", begin);
  BOOST_TEST_REQUIRE((begin != std::string::npos && end != std::string::npos));
  return html.erase(begin, end + 9 - begin);
}

BOOST_AUTO_TEST_SUITE(escaping)

BOOST_AUTO_TEST_CASE(numbers_round_before_their_digits_are_counted_and_have_no_sign_of_nothing) {
  using Style = NumberFormat::Style;
  BOOST_TEST(format_number(0.99999, {Style::significant, 3}) == "1.00");
  BOOST_TEST(format_number(9.996, {Style::significant, 3}) == "10.0");
  BOOST_TEST(format_number(-0.004, {Style::fixed, 2}) == "0.00");
  BOOST_TEST(format_number(-0.006, {Style::fixed, 2}) == "-0.01");
  BOOST_TEST(format_number(2.0, {Style::shortest, 0}) == "2");
  BOOST_TEST(format_number(5.39, {Style::shortest, 0}) == "5.39");
  BOOST_TEST(threads_text(1) == "1 thread");
  BOOST_TEST(threads_text(2) == "2 threads");
}

BOOST_AUTO_TEST_CASE(html_holds_no_tag_that_a_name_brought) {
  const std::string html = without_script(emit_html(build_report(hostile_names()), {}).at("report.html"));
  for (const char* tag : {"<script", "<img", "<i>", "<b>|", "</td></table><"}) {
    BOOST_TEST(html.find(tag) == std::string::npos, "found " << tag);
  }
  BOOST_TEST(html.find("&lt;script&gt;alert(&#39;t&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(html_asks_for_nothing_outside_itself) {
  const std::string html = without_script(emit_html(build_report(sample_sweep()), {}).at("report.html"));
  for (const char* reference : {"http:", "https:", " src=", "<link", "<script", "@import", "url("}) {
    BOOST_TEST(html.find(reference) == std::string::npos, "found " << reference);
  }
}

BOOST_AUTO_TEST_CASE(every_row_of_a_markdown_table_has_as_many_cells_as_its_head) {
  std::istringstream lines(emit_markdown(build_report(hostile_names()), {}).at("report.md"));
  std::string line;
  long expected = 0;
  while (std::getline(lines, line)) {
    if (line.empty() || line[0] != '|') {
      expected = 0;
    } else if (expected == 0) {
      expected = dividers(line);
    } else {
      BOOST_TEST(dividers(line) == expected, line);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_record_of_a_csv_has_as_many_fields_as_its_head_and_names_come_back) {
  std::set<std::string> kernels;
  for (const auto& [name, text] : emit_csv(build_report(hostile_names()), {})) {
    std::vector<std::vector<std::string>> records;
    BOOST_TEST(csv_records(text, records), name);
    for (const auto& record : records) {
      BOOST_TEST(record.size() == records.front().size(), name);
      if (name == "csv/cells.csv" && &record != &records.front()) kernels.insert(record.front());
    }
  }
  BOOST_TEST((kernels == std::set<std::string>{"it's/<b>|_*`$(x)", "comma,\"q\"/a\\b"}));
}

BOOST_AUTO_TEST_CASE(json_parses_back_whatever_the_names_hold) {
  for (const ReportInput& input : {hostile_names(), sample_sweep(), all_failed(), ReportInput{}}) {
    const Files files = emit_json(build_report(input), {});
    BOOST_TEST(nlohmann::json::accept(files.at("report.json")));
    std::istringstream lines(files.at("records.jsonl"));
    std::string line;
    std::size_t count = 0;
    while (std::getline(lines, line)) {
      BOOST_TEST(nlohmann::json::accept(line));
      ++count;
    }
    BOOST_TEST(count == input.cells.size());
  }
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_become_the_replacement_character) {
  BOOST_TEST(clean_utf8("a\xff"
                        "b\x01\xc3\xa9\xed\xa0\x80") ==
             "a\xEF\xBF\xBD"
             "b\xEF\xBF\xBD\xc3\xa9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  BOOST_TEST(clean_utf8("\xe0\x80\xaf") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  BOOST_TEST(clean_utf8("\xf0\x9f\x98\x80 \xc0\xaf") == "\xf0\x9f\x98\x80 \xEF\xBF\xBD\xEF\xBF\xBD");
}

BOOST_AUTO_TEST_CASE(a_gnuplot_string_cannot_be_left) {
  BOOST_TEST(gnuplot_string("it's\n`x`") == "'it''s `x`'");
  BOOST_TEST(markdown_code("a`b|c") == "`` a`b\\|c ``");
  BOOST_TEST(csv_field("a,\"b\"") == "\"a,\"\"b\"\"\"");
}

BOOST_AUTO_TEST_CASE(a_hash_in_hexadecimal_is_written_in_base64) {
  // RFC 4648, 10.
  BOOST_TEST(base64_of_hexadecimal("666f6f626172") == "Zm9vYmFy");
  BOOST_TEST(base64_of_hexadecimal("666f6f6261") == "Zm9vYmE=");
  BOOST_TEST(base64_of_hexadecimal("666f6f62") == "Zm9vYg==");
  BOOST_TEST(base64_of_hexadecimal("") == "");
}

BOOST_AUTO_TEST_CASE(a_word_for_a_shell_stays_one_word) {
  BOOST_TEST(shell_word("a/b-c_1.toml") == "a/b-c_1.toml");
  BOOST_TEST(shell_word("") == "''");
  BOOST_TEST(shell_word("it's $(x)") == "'it'\\''s $(x)'");
}

BOOST_AUTO_TEST_CASE(a_filter_matches_its_cells_whatever_their_names_and_few_others) {
  for (const ReportInput& input : {hostile_names(), sample_sweep()}) {
    const Study study = make_study(input.cells);
    for (const auto& [family, views] : group_views(study, [](const View& view) { return view.family; })) {
      const std::regex filter(filter_of(views), std::regex::ECMAScript);
      for (const View& view : study.views) {
        const bool matches = std::regex_search(view.record->key.text(), filter);
        const bool kernel = std::any_of(views.begin(), views.end(), [&](const View* one) {
          return one->record->key.kernel == view.record->key.kernel;
        });
        BOOST_TEST(matches == (kernel && view.family == family), family << ": " << view.record->key.text());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_sweeps_come_without_what_chose_their_store_and_their_part) {
  const auto run = [](const char* arguments) {
    return RunRecord{.id = 1, .started = "", .provenance = arguments, .peaks = "", .sweep = ""};
  };
  const std::vector<std::string> commands = sweep_commands(
      {run(R"({"arguments":["/x/attest","sweep","my sweep.toml","--store","s.db","--shard=1/4","--threads","2"]})"),
       run(R"({"arguments":["/x/attest","sweep","my sweep.toml","--shard","2/4","--no-resume","--threads","2"]})"),
       run(R"({"arguments":["/x/attest","peaks"]})"), run("no json"), run("{}")});
  BOOST_TEST(commands == std::vector<std::string>{"attest sweep 'my sweep.toml' --threads 2 --store again.db"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_folded_table_of_thousands_of_rows_says_where_the_rest_is) {
  Table table{.id = "many", .title = "t", .note = "", .columns = {integer_column("n")}, .rows = {}, .collapsed = true};
  for (int i = 0; i < 2001; ++i)
    table.rows.push_back({number_entry(i)});
  const std::string folded = html_table(table);
  BOOST_TEST(folded.find("<td>1999") != std::string::npos);
  BOOST_TEST(folded.find("<td>2000") == std::string::npos);
  BOOST_TEST(folded.find("The first 2000 of 2001 rows; all are in csv/many.csv") != std::string::npos);
  table.collapsed = false;
  BOOST_TEST(html_table(table).find("<td>2000") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
