// A store of 10,000 cells gives its report in seconds, in every format that is text.
#include <boost/test/unit_test.hpp>
#include <ctime>

#include "reports/build.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

/// Five kernels on 2000 problems: 20 lengths, 10 numbers of heads, 5 head dims, both masks.
ReportInput ten_thousand_cells() {
  ReportInput input = sample_sweep();
  input.cells.clear();
  for (const char* kernel :
       {"standard/cpu_naive", "standard/cpu_blas", "flash2/cpu_tiled", "gqa/cpu_packed", "cross/cpu_tiled"}) {
    const double rate = 1e9 * static_cast<double>(10 + input.cells.size() / 2000 * 7);
    for (int length = 128; length <= 2560; length += 128) {
      for (int heads = 1; heads <= 10; ++heads) {
        for (const int dim : {32, 64, 80, 96, 128}) {
          for (const bool causal : {false, true}) {
            const std::string problem = "b1 hq" + std::to_string(heads) + " sq" + std::to_string(length) + " d" +
                                        std::to_string(dim) + " f32" + (causal ? " causal" : "");
            const double work = 4.0 * heads * length * length * dim * (causal ? 0.5 : 1);
            input.cells.push_back(timed_cell(kernel, problem, 1e-5 + work / rate));
          }
        }
      }
    }
  }
  return input;
}

BOOST_AUTO_TEST_SUITE(size)

BOOST_AUTO_TEST_CASE(ten_thousand_cells_take_less_than_ten_seconds) {
  const ReportInput input = ten_thousand_cells();
  BOOST_TEST_REQUIRE(input.cells.size() == 10000U);
  // Of the processor, so that other work on the machine does not count; all of it is on one thread.
  const std::clock_t start = std::clock();
  const reports::Report report = build_report(input);
  const std::clock_t built = std::clock();
  const reports::Files files = all_texts(report);
  const std::clock_t end = std::clock();
  const auto seconds = [](std::clock_t time) { return static_cast<double>(time) / CLOCKS_PER_SEC; };
  BOOST_TEST_MESSAGE("built in " << seconds(built - start) << " s, written in " << seconds(end - built) << " s");
  BOOST_TEST(seconds(end - start) < 10);
  BOOST_TEST(files.at("latex/main.tex").size() < 1000000U);  // long tables are files of their own
  BOOST_TEST(files.count("latex/tables/cells.tex") == 1U);
  // And are not printed.
  BOOST_TEST(files.at("report.html").find("<details id=\"cells\" class=\"long\">") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
