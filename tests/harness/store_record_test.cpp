// Records in JSON: the keys that scripts rely on, the way back, and figures that JSON has no number for.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "harness/store/record.hpp"

namespace attest {
namespace {

using Json = nlohmann::ordered_json;

CellRecord example() {
  CellRecord record;
  record.key = {.kernel = "flash2/cpu_tiled", .backend = "cpu", .problem = "b1 hq1 sq8 d64 bf16", .inputs = "normal"};
  record.verdict = Verdict::passed();
  record.accuracy.rows_checked = 8;
  record.accuracy.rows_total = 8;
  record.accuracy.rules = {{.rule = "F", .ratio = 0.5, .passed = true}};
  record.accuracy.defect_rows = 4;
  record.accuracy.defects = {
      {.name = "scale +1%", .sensitivity = 120.0, .z = 1.5, .c = 0.0125, .expected_z = 60.0, .limit_z = 9.5},
      {.name = "l summed in bf16", .sensitivity = 40.0, .z = 0.5, .c = 0.0125, .expected_z = 9.0, .limit_z = 8.0},
      {.name = "causal +1"}};
  record.accuracy.approximation = ApproximationFigures{.rows = 8, .relative_l2 = 0.25, .cosine = 0.96875};
  record.accuracy.recall = RecallFigures{.queries = 8, .kernel = 5, .reference = 6};
  record.accuracy.outputs.resize(2);
  record.accuracy.outputs[0].output = "out";
  record.accuracy.outputs[0].rmse = 1.0 / 3.0;
  record.accuracy.outputs[0].error_over_bound = 0.5;
  record.flops = 2e9;
  record.workspace_bytes_predicted = 128;
  record.workspace_bytes_measured = 128;
  record.output_hash = std::numeric_limits<std::uint64_t>::max();
  record.seed = std::numeric_limits<std::uint64_t>::max();
  RoundRecord round;
  round.seconds = {0.5, 0.25, 0.5};
  round.stopped_by = "interval";
  round.phases = PhaseFigures{.shares = {0.1, 0.0, 0.6, 0.2, 0.05}, .runs = 3};
  record.rounds = {round};
  record.timing = TimingSummary{.samples = 3, .seconds_median = 0.5, .seconds_ci_low = 0.25, .seconds_ci_high = 0.5};
  record.peak_flops = 1e10;
  record.phases = PhaseFigures{.shares = {0.1, 0.0, 0.6, 0.2, 0.05}, .runs = 9};
  record.reproduce = "attest bench";
  return record;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(record)

BOOST_AUTO_TEST_CASE(json_has_the_documented_keys_and_the_timed_ones_only_when_timed) {
  const std::vector<std::string> always{"kernel", "backend",      "problem",       "inputs", "verdict",
                                        "reason", "rows_checked", "max_abs_error", "rmse",   "error_over_bound"};
  const std::vector<std::string> timed{"seconds_median", "seconds_ci_low", "seconds_ci_high",
                                       "samples",        "gflops",         "percent_of_peak"};
  CellRecord record = example();
  const Json with = to_json(record);
  record.timing.reset();
  const Json without = to_json(record);
  for (const std::string& key : always) {
    BOOST_TEST(with.contains(key), key);
    BOOST_TEST(without.contains(key), key);
  }
  for (const std::string& key : timed) {
    BOOST_TEST(with.contains(key), key);
    BOOST_TEST(!without.contains(key), key);
  }
  BOOST_TEST(with["gflops"].get<double>() == 4.0);
  BOOST_TEST(with["percent_of_peak"].get<double>() == 40.0);
  BOOST_TEST(with["dtype"] == "bf16");
  BOOST_TEST(with["defect_rows"] == 4);
  BOOST_TEST(with["defects"][0]["defect"] == "scale +1%");
  BOOST_TEST(with["defects"][0]["sensitivity"] == 120.0);
  BOOST_TEST(with["defects"][0]["shown"] == true);
  BOOST_TEST(with["defects"][1]["shown"] == false);  // it would be found in no more than some of the kernels
  BOOST_TEST(with["defects"][2]["shown"] == false);
  BOOST_TEST(with["approximation_error"]["relative_l2"] == 0.25);
  BOOST_TEST(with["recall"]["right"] == 5);
  BOOST_TEST(with["recall"]["share_reference"] == 0.75);
  BOOST_TEST(with["workspace_bytes_measured"] == 128);
  BOOST_TEST(with["phases"]["products"] == 0.6);
  BOOST_TEST(with["rounds"][0]["phases"]["runs"] == 3);
}

BOOST_AUTO_TEST_CASE(a_record_comes_back_from_its_json_text) {
  const CellRecord record = example();
  const Json json = to_json(record);
  const CellRecord back = record_from_json(Json::parse(json.dump()));
  BOOST_TEST(to_json(back).dump() == json.dump());
  BOOST_TEST((back.key == record.key));
  BOOST_TEST(back.seed == record.seed);
  BOOST_TEST(back.output_hash == record.output_hash);
}

BOOST_AUTO_TEST_CASE(infinite_and_undefined_errors_survive_json) {
  CellRecord record = example();
  record.accuracy.outputs[0].max_abs_error = std::numeric_limits<double>::infinity();
  record.accuracy.outputs[0].rmse = std::numeric_limits<double>::quiet_NaN();
  const CellRecord back = record_from_json(Json::parse(to_json(record).dump()));
  BOOST_TEST(std::isinf(back.accuracy.outputs[0].max_abs_error));
  BOOST_TEST(std::isnan(back.accuracy.outputs[0].rmse));
}

BOOST_AUTO_TEST_CASE(fewer_than_six_samples_have_no_interval) {
  CellRecord record = example();
  record.timing->samples = 5;
  const Json json = to_json(record);
  BOOST_TEST(json["seconds_ci_low"].is_null());
  BOOST_TEST(json["seconds_ci_high"].is_null());
  const CellRecord back = record_from_json(json);
  BOOST_TEST(!back.timing->has_interval());
  BOOST_TEST(back.timing->seconds_ci_low == record.timing->seconds_min);
  BOOST_TEST(to_json(back).dump() == json.dump());
  record.timing->samples = 6;
  BOOST_TEST(to_json(record)["seconds_ci_low"].is_number());
}

BOOST_AUTO_TEST_CASE(counts_resources_and_findings_survive_json) {
  CellRecord record = example();
  BOOST_TEST(!to_json(record).contains("counts"));
  record.counts.emplace();
  double value = 0.0;
  for_each_count(*record.counts, [&value](const char*, double& count) { count = ++value; });
  record.resources.push_back({.entry = "flash", .registers = 250, .spill_load_bytes = 8, .block_threads = 128});
  record.findings.push_back({.kind = "race", .message = "race: flash at cuda_mma.cu:88"});
  const Json json = to_json(record);
  const CellRecord back = record_from_json(Json::parse(json.dump()));
  BOOST_TEST((back.counts == record.counts));
  BOOST_TEST(back.resources.at(0).registers == 250);
  BOOST_TEST(back.findings.at(0).message == record.findings.at(0).message);
  BOOST_TEST(to_json(back).dump() == json.dump());
  const DeviceCounts& counts = *record.counts;
  BOOST_TEST(json["counts"]["bank_conflicts"] == counts.shared_wavefronts - counts.shared_wavefronts_ideal);
}

BOOST_AUTO_TEST_CASE(an_absent_or_mistyped_key_is_named) {
  for (const char* key : {"kernel", "threads", "verdict", "outputs", "output_hash", "flops", "rounds"}) {
    Json json = to_json(example());
    json[key] = nullptr;
    BOOST_CHECK_EXCEPTION(record_from_json(json), Error, [key](const Error& error) {
      return std::string(error.what()).find(std::string("'") + key + "'") != std::string::npos;
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest
