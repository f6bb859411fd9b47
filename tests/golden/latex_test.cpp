// What TeX gives a meaning, and what its fonts lack, is data in LaTeX too; and a printed page, compiled, has no warning
// that changes it. The names hold every character that would break a table or a figure.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "reports/build.hpp"
#include "reports/latex_text.hpp"
#include "reports/write.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

namespace fs = std::filesystem;

/// Every character of TeX in the names of kernels, models and reasons, in the title, and characters beyond ASCII.
ReportInput names_of_tex() {
  ReportInput input = small_sweep();
  input.title = R"(50% of {$x_1^2$} & #7 ~ \end{document} "quoted" `x' -- é 中 μ)";
  for (CellRecord& cell : input.cells) {
    if (cell.key.kernel == "standard/cpu_naive") cell.key.kernel = R"(a\b{c}$d&e/#f_g^h~i%j)";
    if (!cell.verdict.has_passed()) cell.verdict.reason = "\\input{/etc/passwd}\n\n\t}{ %$ é中\xff";
  }
  input.models[0].name = "^^41 \\par {";
  input.models[0].source = "https://example.org/a_very_long_path/that~has%20no/place#to-break?in=it&goes=on";
  return input;
}

/// Braces that are open at the end, backslashed ones apart; -1000 where one is closed that was not open.
long open_braces(const std::string& text) {
  long depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth < 0) {
      return -1000;
    }
  }
  return depth;
}

/// Two kernels at three lengths of 35 problems: tables that are turned on a page, and go on over several.
ReportInput long_tables() {
  ReportInput input;
  for (int heads = 1; heads <= 35; ++heads) {
    for (const int length : {256, 512, 1024}) {
      for (const auto& [kernel, factor] :
           {std::pair{"standard/cpu_naive", 4e-6}, std::pair{"flash2/cpu_tiled", 1e-6}}) {
        input.cells.push_back(
            timed_cell(kernel, "b1 hq" + std::to_string(heads) + " sq" + std::to_string(length) + " d64 f32 causal",
                       factor * heads * length));
      }
    }
  }
  return input;
}

BOOST_AUTO_TEST_SUITE(latex)

BOOST_AUTO_TEST_CASE(every_character_that_tex_gives_a_meaning_is_replaced) {
  struct Case {
    const char* text;
    const char* tex;
    const char* code;  // in the fixed-width face
  };
  for (const auto& [text, tex, code] : std::initializer_list<Case>{{"\\", "$\\backslash$", "\\char\"5C{}"},
                                                                   {"{", "\\{", "\\char\"7B{}"},
                                                                   {"}", "\\}", "\\char\"7D{}"},
                                                                   {"$", "\\$", "\\char\"24{}"},
                                                                   {"&", "\\&", "\\&"},
                                                                   {"#", "\\#", "\\#"},
                                                                   {"%", "\\%", "\\%"},
                                                                   {"_", "\\_", "\\char\"5F{}"},
                                                                   {"^", "\\^{}", "\\char\"5E{}"},
                                                                   {"~", "\\~{}", "\\char\"7E{}"},
                                                                   {"<", "$<$", "<"},
                                                                   {">", "$>$", ">"},
                                                                   {"|", "$|$", "|"},
                                                                   {"é", "é", "é"},
                                                                   {"µ", "$\\mu$", "$\\mu$"},
                                                                   {"²", "$^2$", "$^2$"},
                                                                   {"中", "{[}U+4E2D{]}", "{[}U+4E2D{]}"}}) {
    BOOST_TEST(reports::escape_latex(text) == tex);
    BOOST_TEST(reports::escape_latex(text, true) == code);
  }
  BOOST_TEST(reports::escape_latex("a\nb\tc") == "a b c");
  BOOST_TEST(reports::escape_latex("\xff") == "{[}U+FFFD{]}");
}

BOOST_AUTO_TEST_CASE(in_code_no_two_characters_become_one) {
  for (const char* pair : {"--", "''", "``", "?`", "!`", ",,"}) {
    const std::string tex = reports::escape_latex(pair, true);
    BOOST_TEST(tex.find(pair) == std::string::npos, tex);
  }
}

BOOST_AUTO_TEST_CASE(numbers_have_powers_of_ten_and_a_minus_sign) {
  using reports::NumberFormat;
  BOOST_TEST(reports::latex_number(-1.25e-7, {NumberFormat::Style::scientific, 2}) == "$-1.25{\\times}10^{-7}$");
  BOOST_TEST(reports::latex_number(3e10, {NumberFormat::Style::scientific, 0}) == "$3{\\times}10^{10}$");
  BOOST_TEST(reports::latex_number(-0.5, {NumberFormat::Style::fixed, 1}) == "$-$0.5");
  BOOST_TEST(reports::latex_number(2.5e-6, {NumberFormat::Style::seconds, 3}) == "2.50\\,$\\mu$s");
}

BOOST_AUTO_TEST_CASE(no_name_opens_a_group_a_comment_or_a_command) {
  for (const ReportInput& input : {names_of_tex(), hostile_names(), sample_sweep(), emulated_sweep(), ReportInput{}}) {
    const reports::Files files = emit_latex(build_report(input), {});
    for (const auto& [name, text] : files) {
      if (name.substr(name.size() - 4) != ".tex") continue;
      BOOST_TEST(open_braces(text) == 0, name);
      std::istringstream lines(text);
      std::string line;
      while (std::getline(lines, line)) {
        for (std::size_t i = line.find('%'); i != std::string::npos; i = line.find('%', i + 1)) {
          const bool ours = i == 0 || i + 1 == line.size();  // a comment of the emitter, or the end of its line
          BOOST_TEST((ours || line[i - 1] == '\\'), name << ": " << line);
        }
      }
      for (const char* command : {"\\input{/etc", "\\end{document} ", "\\par {", "^^41"})
        BOOST_TEST(text.find(command) == std::string::npos, name << " holds " << command);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_table_of_many_rows_is_a_file_of_its_own_and_the_page_names_it) {
  ReportInput input;
  for (int i = 1; i <= 81; ++i)
    input.cells.push_back(timed_cell("standard/cpu_naive", "b1 hq8 sq" + std::to_string(i) + " d64 f32", 1e-4 * i));
  const reports::Files files = emit_latex(build_report(input), {});
  const std::string& page = files.at("latex/main.tex");
  BOOST_TEST(page.find("\\input{tables/cells}") == std::string::npos);
  BOOST_TEST(page.find("Its 81 rows are too many for these pages; they are in \\attestcode{tables/") !=
             std::string::npos);
  BOOST_TEST(files.count("latex/tables/cells.tex") == 1U);
  BOOST_TEST(files.at("latex/data/cells.csv") == emit_csv(build_report(input), {}).at("csv/cells.csv"));
}

BOOST_AUTO_TEST_CASE(a_turned_table_waits_for_the_next_page_and_what_follows_it_fills_this_one) {
  const reports::Files files = emit_latex(build_report(long_tables()), {});
  const std::string& page = files.at("latex/main.tex");
  std::size_t turned = 0, upright = 0;
  for (const auto& [name, text] : files) {
    if (name.rfind("latex/tables/", 0) != 0) continue;
    const bool is_turned = text.rfind("\\begin{attestlandscape}", 0) == 0;
    const std::string place = "{" + name.substr(6, name.size() - 10) + "}";
    if (page.find(place) == std::string::npos) continue;  // too long for the page
    BOOST_TEST((page.find("\\attestafterpage" + place) != std::string::npos) == is_turned, name);
    BOOST_TEST((page.find("\\input" + place) != std::string::npos) == !is_turned, name);
    ++(is_turned ? turned : upright);
  }
  BOOST_TEST(turned >= 1U);
  BOOST_TEST(upright >= 1U);
}

BOOST_AUTO_TEST_SUITE_END()

// Run by ctest under the label slow: latexmk takes ten seconds a report.
BOOST_AUTO_TEST_SUITE(latex_slow, *boost::unit_test::disabled())

/// What `command`, run in `folder`, writes; a failure of it fails the test.
std::string output_of(const std::string& command, const fs::path& folder) {
  const int status = std::system(("cd '" + folder.string() + "' && " + command + " >command.out 2>&1").c_str());
  const std::string text = read_bytes(folder / "command.out");
  BOOST_TEST(status == 0, command << ": " << text);
  return text;
}

/// Compiles `document` in `folder` and looks for warnings that change the page. A box may stick out by `most_over`
/// points.
void check_compiles(const fs::path& folder, const std::string& document, double most_over = 1) {
  const std::string command = "cd '" + folder.string() + "' && latexmk -pdf -interaction=nonstopmode -halt-on-error " +
                              document + ".tex >latexmk.out 2>&1 </dev/null";
  const int status = std::system(command.c_str());
  BOOST_TEST(status == 0,
             "latexmk fails (Debian packages latexmk, texlive-latex-recommended, texlive-pictures, lmodern):\n"
                 << read_bytes(folder / "latexmk.out"));
  const std::string log = read_bytes(folder / (document + ".log"));
  BOOST_TEST(log.find("Output written on") != std::string::npos);
  const std::regex overfull(R"(Overfull \\[hv]box \(([0-9.]+)pt[^\n]*)");
  for (std::sregex_iterator match(log.begin(), log.end(), overfull), end; match != end; ++match)
    BOOST_TEST(std::stod((*match)[1]) <= most_over, match->str());
  const std::regex warning(
      R"([^\n]*(Missing character|undefined|multiply defined|Float too large|Reference|Font Warning|Package attest Warning|)"
      R"(Font shape `O?T1/[^\n]*not available)[^\n]*)");
  for (std::sregex_iterator match(log.begin(), log.end(), warning), end; match != end; ++match)
    BOOST_TEST(false, match->str());
}

BOOST_AUTO_TEST_CASE(reports_compile_without_a_warning_that_changes_the_page) {
  const std::pair<const char*, ReportInput> inputs[] = {{"sample", sample_sweep()},   {"names", names_of_tex()},
                                                        {"hostile", hostile_names()}, {"emulated", emulated_sweep()},
                                                        {"one", one_cell()},          {"failed", all_failed()},
                                                        {"empty", ReportInput{}}};
  for (const auto& [name, input] : inputs) {
    const TemporaryFolder folder;
    BOOST_TEST_MESSAGE(name);
    write_report(build_report(input), folder.path() / "r", {.formats = {"latex"}, .gnuplot = "", .rsvg_convert = ""});
    check_compiles(folder.path() / "r/latex", "main");
  }
}

BOOST_AUTO_TEST_CASE(a_page_compiled_twice_has_the_same_bytes) {
  const TemporaryFolder folder;
  std::string pages[2];
  for (int i = 0; i < 2; ++i) {
    const fs::path report = folder.path() / ("report " + std::to_string(i));
    write_report(build_report(emulated_sweep()), report, {.formats = {"latex"}, .gnuplot = "", .rsvg_convert = ""});
    check_compiles(report / "latex", "main");
    pages[i] = read_bytes(report / "latex/main.pdf");
  }
  BOOST_TEST((pages[0] == pages[1]));
}

BOOST_AUTO_TEST_CASE(a_paper_in_two_columns_takes_each_table_and_figure_by_itself) {
  const TemporaryFolder folder;
  write_report(build_report(sample_sweep()), folder.path() / "r",
               {.formats = {"latex"}, .gnuplot = "", .rsvg_convert = ""});
  fs::copy_file(folder.path() / "r/latex/attest.sty", folder.path() / "attest.sty");
  std::string text =
      "\\documentclass[twocolumn]{article}\n\\newcommand{\\attestfolder}{r/latex}\n\\usepackage[float]{attest}\n"
      "\\begin{document}\nSee Table~\\ref{tab:winners} and Figure~\\ref{fig:time_over_length}.\n";
  for (const char* name : {"tables/winners", "tables/exponents", "tables/kv_cache", "figures/time_over_length",
                           "figures/workspace_over_length"})
    text += std::string("\\input{r/latex/") + name + "}\n";
  std::ofstream(folder.path() / "paper.tex") << text << "\\end{document}\n";
  check_compiles(folder.path(), "paper");
}

BOOST_AUTO_TEST_CASE(a_kernel_that_is_bold_is_set_in_a_face_that_is) {
  const TemporaryFolder folder;
  write_report(build_report(sample_sweep()), folder.path() / "r",
               {.formats = {"latex"}, .gnuplot = "", .rsvg_convert = ""});
  const std::string page = read_bytes(folder.path() / "r/latex/tables/winners.tex");
  BOOST_TEST(page.find("\\attestbest{\\attestcode{") != std::string::npos);
  std::ofstream(folder.path() / "r/latex/one.tex")
      << "\\documentclass{article}\n\\usepackage{attest}\n\\begin{document}\n\\attestbest{\\attestcode{bold}} "
         "\\attestcode{plain}\n\\end{document}\n";
  check_compiles(folder.path() / "r/latex", "one");
  const std::string fonts = output_of("pdffonts one.pdf", folder.path() / "r/latex");
  BOOST_TEST(fonts.find("LMMonoLt10-Bold") != std::string::npos, fonts);
  BOOST_TEST(fonts.find("CMTT10") != std::string::npos,
             fonts);  // a paper's own face stays where there is nothing to show
}

BOOST_AUTO_TEST_CASE(a_long_table_in_a_paper_goes_on_over_pages_in_letters_that_can_be_read) {
  const TemporaryFolder folder;
  write_report(build_report(long_tables()), folder.path() / "r",
               {.formats = {"latex"}, .gnuplot = "", .rsvg_convert = ""});
  const fs::path latex = folder.path() / "r/latex";
  check_compiles(latex, "main");  // turned tables wait for the next page
  BOOST_TEST(output_of("pdftotext main.pdf /dev/stdout", latex).find("Which kernel for which length") !=
             std::string::npos);
  for (const std::string table : {"exponents", "cells"}) {
    for (const std::string option : {"", "[twocolumn]"}) {
      std::ofstream(latex / "paper.tex")
          << "\\documentclass" << option
          << "{article}\n\\usepackage[float]{attest}\n\\begin{document}\nText.\n\\input{tables/" << table
          << "}\n\\end{document}\n";
      check_compiles(latex, "paper", 5);  // a column that is narrower than its words sticks out into the gap beside it
      const std::string words = output_of("pdftotext -bbox paper.pdf /dev/stdout", latex);
      const std::regex word(R"re(xMin="([0-9.]+)" yMin="([0-9.]+)" xMax="([0-9.]+)" yMax="([0-9.]+)">([^<]*)<)re");
      std::set<std::string> problems;
      double least = 1000;
      double right = 0;
      std::size_t count = 0;
      for (std::sregex_iterator match(words.begin(), words.end(), word), end; match != end; ++match, ++count) {
        const double width = std::stod((*match)[3]) - std::stod((*match)[1]);
        const double height = std::stod((*match)[4]) - std::stod((*match)[2]);
        const std::string text = (*match)[5];
        if (text.size() > 4) least = std::min({least, width, height});  // the height of turned letters is their width
        right = std::max({right, std::stod((*match)[3])});
        if (text.substr(0, 2) == "hq") problems.insert(text);
      }
      BOOST_TEST_MESSAGE(table << option << ": " << count << " words, the lowest " << least << " pt, to " << right);
      BOOST_TEST(problems.size() == 35U, table << option);
      // The box of a word is 0.83 of the size of its face high.
      BOOST_TEST(least > 0.82 * 6, table << option << ": letters of " << least << " pt");
      BOOST_TEST(right < 612, table << option << ": leaves the paper");
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
