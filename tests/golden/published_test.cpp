// Figures of papers beside those of a store made so that ours are known.
#include "reports/published.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "reports/build_parts.hpp"
#include "tests/golden/sample_records.hpp"
#include "tests/golden/support.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;
using Json = nlohmann::ordered_json;

constexpr double mebibyte = 1048576;

Json comparison(const std::string& id) {
  const Json published = Json::parse(embedded_published_figures);
  for (const Json& one : published.at("comparisons")) {
    if (one.at("id") == id) return one;
  }
  BOOST_REQUIRE_MESSAGE(false, "no comparison " << id);
  return {};
}

/// Column `column` of the comparison's table, missing entries as NaN; none where it is not shown.
std::vector<double> column_of(const std::string& id, const std::vector<CellRecord>& cells, std::size_t column) {
  const Study study = make_study(cells);
  const std::vector<Block> blocks = published_comparison(study, comparison(id));
  std::vector<double> values;
  if (blocks.empty()) return values;
  BOOST_TEST(std::get<Paragraph>(blocks.at(0)).text.find("arXiv:") != std::string::npos);
  for (const auto& row : std::get<Table>(blocks.at(1)).rows) {
    const auto* number = std::get_if<Number>(&row.at(column));
    values.push_back(number == nullptr ? NAN : number->value);
  }
  return values;
}
std::vector<double> ours(const std::string& id, const std::vector<CellRecord>& cells) {
  return column_of(id, cells, 3);
}

CellRecord with_memory(CellRecord record, double tensors, double workspace) {
  record.tensor_bytes = static_cast<std::int64_t>(tensors);
  record.workspace_bytes_measured = static_cast<std::int64_t>(workspace);
  return record;
}

BOOST_AUTO_TEST_SUITE(published)

BOOST_AUTO_TEST_CASE(memory_is_tensors_and_workspace_and_is_shown_when_every_row_has_a_cell) {
  std::vector<CellRecord> cells;
  std::vector<double> expected;
  for (const char* kernel : {"standard/cpu_blas", "flash2/cpu_tiled"}) {
    for (const int length : {512, 1024, 2048, 4096}) {
      const std::string problem = "b16 hq8 sq" + std::to_string(length) + " d64 f16";
      cells.push_back(with_memory(timed_cell(kernel, problem, 1), length * mebibyte, 2 * mebibyte));
      expected.push_back(length + 2);
    }
  }
  BOOST_TEST(ours("published_fa1_memory", cells) == expected, boost::test_tools::per_element());
  BOOST_TEST(
      column_of("published_fa1_memory", cells, 1) == (std::vector<double>{336, 1184, 4416, 17024, 104, 209, 418, 836}),
      boost::test_tools::per_element());
  cells.back().verdict = {Outcome::timeout, "not done"};
  cells.back().timing.reset();
  const std::vector<double> without = ours("published_fa1_memory", cells);
  BOOST_TEST((without.size() == 8U && std::isnan(without[7]) && without[6] == expected[6]));
  cells.pop_back();
  BOOST_TEST(ours("published_fa1_memory", cells).empty());
}

BOOST_AUTO_TEST_CASE(a_ratio_of_times_pairs_problems_that_differ_in_the_dropped_token_alone) {
  const std::string whole = "b1 hq4 hkv1 sq16384 d128 bf16 causal";
  std::vector<CellRecord> cells = {timed_cell("flash2/cpu_tiled", whole, 3),
                                   timed_cell("sliding_window/cpu_banded", whole + " window=4095,0", 2)};
  BOOST_TEST(ours("published_mistral", cells) == std::vector<double>{1.5}, boost::test_tools::per_element());
  const double low = column_of("published_mistral", cells, 4).at(0),
               high = column_of("published_mistral", cells, 5).at(0);
  BOOST_TEST((low <= 1.5 && 1.5 <= high && low > 1.4 && high < 1.6));
  BOOST_TEST(column_of("published_mistral", cells, 6) == std::vector<double>{3}, boost::test_tools::per_element());
  BOOST_TEST(column_of("published_mistral", cells, 7) == std::vector<double>{2}, boost::test_tools::per_element());
  std::vector<CellRecord> few = cells;
  few[0].rounds.resize(1);  // five samples have no interval
  BOOST_TEST(ours("published_mistral", few) == std::vector<double>{1.5}, boost::test_tools::per_element());
  BOOST_TEST(std::isnan(column_of("published_mistral", few, 4).at(0)));
  cells[1].key.inputs = "minilm";
  BOOST_TEST(ours("published_mistral", cells).empty());
  cells[1].key.inputs = cells[0].key.inputs;
  cells[1].key.problem = "b1 hq4 hkv1 sq16384 d128 f32 causal window=4095,0";
  BOOST_TEST(ours("published_mistral", cells).empty());
}

BOOST_AUTO_TEST_CASE(grouped_decoding_and_its_cache) {
  const auto step = [](const std::string& heads, double seconds) {
    return timed_cell("gqa/cpu_decode", "b8 " + heads + " sq1 skv2048 d64 bf16", seconds);
  };
  const std::vector<CellRecord> steps = {step("hq64", 8), step("hq64 hkv8", 2), step("hq64 hkv1", 1)};
  BOOST_TEST(ours("published_gqa", steps) == (std::vector<double>{4, 8}), boost::test_tools::per_element());

  std::vector<CellRecord> layers;
  for (const char* heads : {"hq32", "hq64 hkv8", "hq32 hkv8"})
    layers.push_back(timed_cell("gqa/cpu_decode", "b1 " + std::string(heads) + " sq1 skv4096 d128 bf16", 1));
  BOOST_TEST(ours("published_kv", layers) == column_of("published_kv", layers, 1), boost::test_tools::per_element());
  BOOST_TEST(ours("published_kv", layers) == (std::vector<double>{512, 320, 128}), boost::test_tools::per_element());
  layers[0].tensor_bytes += 4096;
  BOOST_TEST(ours("published_kv", layers).at(0) > 512);
}

BOOST_AUTO_TEST_CASE(growth_is_the_fitted_exponent) {
  std::vector<CellRecord> cells;
  for (int length = 512; length <= 4096; length *= 2) {
    const std::string problem = "b1 hq8 sq" + std::to_string(length) + " d64 f32 causal";
    cells.push_back(timed_cell("flash2/cpu_tiled", problem, 1e-9 * std::pow(length, 2)));
    cells.push_back(timed_cell("standard/cpu_blas", problem, 1e-9 * std::pow(length, 1.75)));
    cells.push_back(timed_cell("linear/cpu_chunked", problem, 1e-9 * length));
  }
  const std::vector<double> exponents = ours("published_linear", cells);
  BOOST_TEST_REQUIRE(exponents.size() == 3U);
  BOOST_TEST(exponents[0] == 2, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(exponents[1] == 1.75, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(exponents[2] == 1, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(the_share_of_the_peak_turns_the_interval_of_the_time_round) {
  CellRecord record = timed_cell("flash2/cpu_tiled", "b1 hq16 sq2048 d128 f32", 1);
  record.flops = 50e9;
  record.peak_flops = 100e9;
  record.timing->seconds_ci_low = 0.8;
  record.timing->seconds_ci_high = 1.25;
  BOOST_TEST(ours("published_fa2", {record}) == std::vector<double>{50}, boost::test_tools::per_element());
  BOOST_TEST(column_of("published_fa2", {record}, 4) == std::vector<double>{40}, boost::test_tools::per_element());
  BOOST_TEST(column_of("published_fa2", {record}, 5) == std::vector<double>{62.5}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
