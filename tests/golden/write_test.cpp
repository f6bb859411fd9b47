// A report is written whole or not at all, over nothing but an earlier report, and with the same bytes everywhere.
#include "reports/write.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <clocale>
#include <cstdlib>
#include <fstream>
#include <locale>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "harness/core/error.hpp"
#include "reports/build.hpp"
#include "reports/palette.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> tree(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(folder).generic_string()] = read_bytes(entry.path());
  }
  return files;
}

const WriteOptions undrawn{.formats = {"md", "html", "csv", "json"}, .gnuplot = "no-such-gnuplot", .rsvg_convert = ""};

/// Writes numbers as no text format may: 1.234,5.
struct OddNumbers : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

BOOST_AUTO_TEST_SUITE(writing)

BOOST_AUTO_TEST_CASE(the_bytes_are_the_same_in_any_locale_time_zone_folder_and_order_of_records) {
  const TemporaryFolder first;
  const TemporaryFolder second;
  ReportInput input = small_sweep();
  write_report(build_report(input), first.path() / "report");

  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new OddNumbers));
  setenv("TZ", "Asia/Kathmandu", 1);
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  std::reverse(input.cells.begin(), input.cells.end());
  write_report(build_report(input), second.path() / "another folder's report");
  std::locale::global(before);
  unsetenv("TZ");
  unsetenv("LC_ALL");

  const auto expected = tree(first.path() / "report");
  const auto got = tree(second.path() / "another folder's report");
  BOOST_TEST(expected.size() == got.size());
  for (const auto& [name, bytes] : expected)
    BOOST_TEST((got.count(name) == 1 && got.at(name) == bytes), name);
  BOOST_TEST(expected.count("report.html") == 1U);
  BOOST_TEST(expected.count("csv/cells.csv") == 1U);
}

BOOST_AUTO_TEST_CASE(without_gnuplot_the_report_says_so_and_has_all_tables_and_data) {
  const TemporaryFolder folder;
  const WrittenReport written = write_report(build_report(small_sweep()), folder.path() / "r", undrawn);
  BOOST_TEST(written.figure_problem.find("no-such-gnuplot") != std::string::npos);
  const auto files = tree(folder.path() / "r");
  BOOST_TEST(files.at("report.md").find("Figures were not drawn: no-such-gnuplot") != std::string::npos);
  for (const char* page : {"report.md", "report.html"})
    BOOST_TEST(files.at(page).find("Fitted exponents") != std::string::npos, page);
  // The page draws its figures itself.
  BOOST_TEST(files.at("report.html").find("not drawn") == std::string::npos);
  BOOST_TEST(files.count("figures/time_over_length.tsv") == 1U);
  BOOST_TEST(files.count("figures/time_over_length.gp") == 1U);
  BOOST_TEST(files.count("figures/time_over_length.svg") == 0U);
}

BOOST_AUTO_TEST_CASE(gnuplot_draws_every_figure_where_it_is_installed) {
  const TemporaryFolder folder;
  const WrittenReport written = write_report(build_report(hostile_names()), folder.path() / "r");
  if (written.figure_problem.find("cannot be run") != std::string::npos ||
      written.figure_problem.find("is not there") != std::string::npos) {
    BOOST_TEST_MESSAGE("skipped: " << written.figure_problem);
    return;
  }
  BOOST_TEST(written.figure_problem == "");
  for (const auto& [name, bytes] : tree(folder.path() / "r" / "figures")) {
    if (name.substr(name.size() - 3) == ".gp")
      BOOST_TEST(fs::exists(folder.path() / "r/figures" / (name.substr(0, name.size() - 3) + ".svg")));
    BOOST_TEST(name.find(".log") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(an_earlier_report_is_replaced_and_nothing_is_left_beside_it) {
  const TemporaryFolder folder;
  write_report(build_report(small_sweep()), folder.path() / "r", undrawn);
  write_report(build_report(one_cell()), folder.path() / "r/", undrawn);
  BOOST_TEST(tree(folder.path() / "r").count("figures/time_over_length.tsv") == 0U);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  BOOST_TEST(names == std::vector<std::string>{"r"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_no_report_is_refused_and_left_alone) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "thesis.tex") << "years of work";
  BOOST_CHECK_EXCEPTION(write_report(build_report(one_cell()), folder.path(), undrawn), Error, [](const Error& error) {
    return error.code() == ExitCode::usage &&
           std::string(error.what()).find("no report of Attest") != std::string::npos;
  });
  const auto files = tree(folder.path());
  BOOST_TEST(files.size() == 1U);
  BOOST_TEST(files.at("thesis.tex") == "years of work");
}

BOOST_AUTO_TEST_CASE(a_report_to_which_somebody_added_a_file_is_refused_by_that_file) {
  const TemporaryFolder folder;
  write_report(build_report(one_cell()), folder.path() / "r", undrawn);
  std::ofstream(folder.path() / "r/csv/notes.txt") << "mine";
  BOOST_CHECK_EXCEPTION(
      write_report(build_report(one_cell()), folder.path() / "r", undrawn), Error,
      [](const Error& error) { return std::string(error.what()).find("notes.txt") != std::string::npos; });
  BOOST_TEST(fs::exists(folder.path() / "r/csv/notes.txt"));
}

BOOST_AUTO_TEST_CASE(a_file_in_the_place_of_the_folder_and_an_unknown_format_are_refused) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "r") << "a file";
  BOOST_CHECK_THROW(write_report(build_report(one_cell()), folder.path() / "r", undrawn), Error);
  BOOST_CHECK_EXCEPTION(
      write_report(build_report(one_cell()), folder.path() / "s",
                   {.formats = {"docx"}, .gnuplot = "x", .rsvg_convert = ""}),
      Error, [](const Error& error) {
        return std::string(error.what()).find("md, html, latex, csv, json, gbench, gnuplot, svg, pdf") !=
               std::string::npos;
      });
  BOOST_TEST(!fs::exists(folder.path() / "s"));
}

BOOST_AUTO_TEST_CASE(only_the_formats_asked_for_are_written) {
  const TemporaryFolder folder;
  const auto top_of = [&](const std::string& format) {
    const fs::path report = folder.path() / format;
    write_report(build_report(small_sweep()), report,
                 {.formats = {format}, .gnuplot = "no-such-gnuplot", .rsvg_convert = "no-such-program"});
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(report))
      names.insert(entry.path().filename().string());
    return names;
  };
  BOOST_TEST((top_of("csv") == std::set<std::string>{".attest-report", "csv"}));
  BOOST_TEST((top_of("json") == std::set<std::string>{".attest-report", "records.jsonl", "report.json"}));
  BOOST_TEST((top_of("latex") == std::set<std::string>{".attest-report", "latex"}));
  BOOST_TEST((top_of("gnuplot") == std::set<std::string>{".attest-report", "figures"}));
  for (const auto& [name, bytes] : tree(folder.path() / "gnuplot/figures"))
    BOOST_TEST((name.substr(name.size() - 3) == ".gp" || name.substr(name.size() - 4) == ".tsv"), name);
}

BOOST_AUTO_TEST_CASE(a_format_of_drawn_figures_names_the_package_that_is_missing_and_writes_nothing) {
  const TemporaryFolder folder;
  const auto message = [&](const WriteOptions& options) {
    try {
      write_report(build_report(small_sweep()), folder.path() / "r", options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string svg =
      message({.formats = {"md", "svg"}, .gnuplot = "no-such-gnuplot", .rsvg_convert = "no-such-rsvg"});
  BOOST_TEST(
      svg ==
      "--format: 'svg' needs figures that were not drawn: no-such-gnuplot is not there; install the Debian package "
      "gnuplot-nox; without 'svg' the report has their data and programs");
  const std::string pdf = message({.formats = {"pdf"}, .gnuplot = "gnuplot", .rsvg_convert = "no-such-rsvg"});
  BOOST_TEST(pdf.find("no-such-rsvg is not there; install the Debian package librsvg2-bin") != std::string::npos, pdf);
  BOOST_TEST(!fs::exists(folder.path() / "r"));
}

BOOST_AUTO_TEST_CASE(every_figure_is_a_pdf_with_the_same_bytes_each_time) {
  const TemporaryFolder folder;
  for (const char* name : {"first", "second"}) {
    write_report(build_report(small_sweep()), folder.path() / name,
                 {.formats = {"pdf"}, .gnuplot = "gnuplot", .rsvg_convert = "rsvg-convert"});
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // a second later: no time stamp may tell
  }
  const auto first = tree(folder.path() / "first/figures");
  BOOST_TEST((first == tree(folder.path() / "second/figures")));
  long programs = 0;
  long pages = 0;
  for (const auto& [name, bytes] : first) {
    programs += name.substr(name.size() - 3) == ".gp" ? 1 : 0;
    pages += name.substr(name.size() - 4) == ".pdf" && bytes.substr(0, 5) == "%PDF-" ? 1 : 0;
  }
  BOOST_TEST(programs > 0);
  BOOST_TEST(pages == programs);
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_an_error_of_the_disk) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  BOOST_CHECK_EXCEPTION(write_report(build_report(one_cell()), folder.path() / "file" / "r", undrawn), Error,
                        [](const Error& error) { return error.code() == ExitCode::storage; });
}

/// Those that variants/ has.
const std::vector<std::string> all_kernels = {"cross/cpu_tiled",
                                              "cross/cuda_mma",
                                              "flash2/cpu_split_kv",
                                              "flash2/cpu_tiled",
                                              "flash2/cuda_mma",
                                              "flash2/cuda_split_kv",
                                              "flash2/cuda_tiled",
                                              "gqa/cpu_decode",
                                              "gqa/cpu_packed",
                                              "gqa/cuda_decode",
                                              "gqa/cuda_packed",
                                              "linear/cpu_chunked",
                                              "linear/cpu_full",
                                              "linear/cpu_recurrent",
                                              "linear/cuda_chunked",
                                              "multihead/cpu",
                                              "multihead/cuda",
                                              "sliding_window/cpu_banded",
                                              "sliding_window/cuda_banded",
                                              "standard/cpu_blas",
                                              "standard/cpu_naive",
                                              "standard/cuda_naive"};

BOOST_AUTO_TEST_CASE(a_kernel_looks_the_same_whatever_else_a_report_holds) {
  for (const std::string& kernel : all_kernels) {
    const reports::LineStyle alone = reports::line_style(kernel, {kernel});
    const reports::LineStyle among = reports::line_style(kernel, all_kernels);
    BOOST_TEST(alone.colour == among.colour, kernel);
    BOOST_TEST(alone.mark == among.mark, kernel);
    BOOST_TEST(alone.dash == among.dash, kernel);
  }
}

BOOST_AUTO_TEST_CASE(the_variant_is_the_colour_and_kernels_of_a_variant_differ_in_all_else) {
  std::map<std::string, std::string> colours;
  std::set<std::pair<std::string, int>> marks;
  std::set<std::tuple<std::string, std::string, int>> dashes, fills;
  for (const std::string& kernel : all_kernels) {
    const reports::LineStyle style = reports::line_style(kernel, all_kernels);
    const std::string backend = kernel.find("/cpu") != std::string::npos ? "cpu" : "cuda";
    const auto [place, is_new] = colours.emplace(kernel.substr(0, kernel.find('/')), style.colour);
    BOOST_TEST((is_new || place->second == style.colour), kernel);
    BOOST_TEST(marks.emplace(style.colour, style.mark).second, kernel);
    BOOST_TEST(dashes.emplace(backend, style.colour, style.dash).second, kernel);
    BOOST_TEST(fills.emplace(backend, style.colour, style.fill).second, kernel);
  }
  std::set<std::string> different;
  for (const auto& [variant, colour] : colours)
    different.insert(colour);
  BOOST_TEST(different.size() == 7U);
}

BOOST_AUTO_TEST_CASE(kernels_of_unknown_names_are_told_apart) {
  std::vector<std::string> one_variant = all_kernels, many_variants = all_kernels;
  for (int i = 0; i < 15; ++i) {
    one_variant.push_back("mine/cpu_" + std::to_string(i));
    many_variants.push_back("mine" + std::to_string(i) + "/cpu_tiled");
  }
  for (std::vector<std::string> kernels : {one_variant, many_variants}) {
    std::sort(kernels.begin(), kernels.end());
    std::set<std::tuple<std::string, int, int>> styles;
    for (const std::string& kernel : kernels) {
      const reports::LineStyle style = reports::line_style(kernel, kernels);
      BOOST_TEST(styles.emplace(style.colour, style.mark, style.dash).second, kernel);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
