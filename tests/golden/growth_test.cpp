// Exponents against each axis, from records whose times are powers of it.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "reports/build.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;

std::string text(const Entry& entry) {
  return std::get<Text>(entry).text;
}
double value(const Entry& entry) {
  return std::get<Number>(entry).value;
}

BOOST_AUTO_TEST_SUITE(growth)

BOOST_AUTO_TEST_CASE(time_over_window_and_heads_is_fitted_at_the_longest_length_and_the_law_knows_the_window) {
  ReportInput input;
  for (const int length : {1024, 2048, 4096, 8192}) {
    for (const int window : {64, 256, 512}) {
      input.cells.push_back(timed_cell(
          "sliding_window/cpu_banded",
          "b1 hq4 sq" + std::to_string(length) + " d64 f32 causal window=" + std::to_string(window - 1) + ",0",
          1e-9 * length * window));
    }
    for (const int heads : {2, 4, 8}) {
      // At the longest length alone it grows as the heads do.
      const double power = length == 8192 ? 1 : 0.5;
      input.cells.push_back(timed_cell("flash2/cpu_tiled",
                                       "b1 hq" + std::to_string(heads) + " sq" + std::to_string(length) + " d64 f32",
                                       1e-9 * length * std::pow(heads, power)));
    }
  }
  const Report report = build_report(input);
  const Table windows = table_of(report, "exponents_over_window");
  BOOST_TEST_REQUIRE(windows.rows.size() == 1U);
  BOOST_TEST(text(windows.rows[0][1]) == "b1 hq4 sq8192 d64 f32 causal, window=w,0");
  BOOST_TEST(text(windows.rows[0][2]) == "64 to 512 (3)");
  BOOST_TEST(value(windows.rows[0][3]) == 1, boost::test_tools::tolerance(1e-9));
  const Table heads = table_of(report, "exponents_over_heads");
  BOOST_TEST_REQUIRE(heads.rows.size() == 1U);
  BOOST_TEST(text(heads.rows[0][2]) == "2 to 8 (3)");
  BOOST_TEST(value(heads.rows[0][3]) == 1, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(value(heads.rows[0][7]) == 1, boost::test_tools::tolerance(1e-9));  // FLOPs
  const Table law = table_of(report, "law_with_window");
  BOOST_TEST_REQUIRE(law.rows.size() == 1U);
  BOOST_TEST(value(law.rows[0][2]) == 12);
  BOOST_TEST(text(law.rows[0][3]) == "n*w");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
