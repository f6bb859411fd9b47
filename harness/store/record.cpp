#include "harness/store/record.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "harness/core/problem.hpp"
#include "harness/store/record_json.hpp"

namespace attest {
namespace {

using record_json::add_device;
using record_json::hash_text;
using record_json::Json;
using record_json::number;
using record_json::read_device;
using record_json::Reader;

Json figures_to_json(const AccuracyFigures& figures) {
  return {{"output", figures.output},
          {"elements", figures.elements},
          {"max_abs_error", number(figures.max_abs_error)},
          {"rmse", number(figures.rmse)},
          {"max_rel_error", number(figures.max_rel_error)},
          {"ulp_median", number(figures.ulp_median)},
          {"ulp_p99", number(figures.ulp_p99)},
          {"ulp_max", number(figures.ulp_max)},
          {"cosine", number(figures.cosine)},
          {"error_over_bound", number(figures.error_over_bound)},
          {"plain_rmse", number(figures.plain_rmse)},
          {"plain_max_abs_error", number(figures.plain_max_abs_error)},
          {"worst", figures.worst}};
}

AccuracyFigures figures_from_json(const Json& json) {
  const Reader read(json, "record, outputs");
  return {.output = read.get<std::string>("output"),
          .elements = read.get<std::int64_t>("elements"),
          .max_abs_error = read.real("max_abs_error"),
          .rmse = read.real("rmse"),
          .max_rel_error = read.real("max_rel_error"),
          .ulp_median = read.real("ulp_median"),
          .ulp_p99 = read.real("ulp_p99"),
          .ulp_max = read.real("ulp_max"),
          .cosine = read.real("cosine"),
          .error_over_bound = read.real("error_over_bound"),
          .plain_rmse = read.real("plain_rmse"),
          .plain_max_abs_error = read.real("plain_max_abs_error"),
          .worst = read.get<std::string>("worst")};
}

Json defect_to_json(const DefectFigure& defect) {
  return {{"defect", defect.name},     {"sensitivity", number(defect.sensitivity)}, {"z", number(defect.z)},
          {"c", number(defect.c)},     {"expected_z", number(defect.expected_z)},   {"limit_z", number(defect.limit_z)},
          {"shown", defect.is_shown()}};
}

DefectFigure defect_from_json(const Json& json) {
  const Reader read(json, "record, defects");
  // Records of before have no expected z: nothing is known to be shown.
  return {.name = read.get<std::string>("defect"),
          .sensitivity = read.real("sensitivity"),
          .z = read.real("z"),
          .c = read.real("c"),
          .expected_z = read.has("expected_z") ? read.real("expected_z") : 0.0,
          .limit_z = read.has("limit_z") ? read.real("limit_z") : 0.0};
}

Json approximation_to_json(const ApproximationFigures& figures) {
  return {{"rows", figures.rows}, {"relative_l2", number(figures.relative_l2)}, {"cosine", number(figures.cosine)}};
}

Json recall_to_json(const RecallFigures& figures) {
  return {{"queries", figures.queries},
          {"right", figures.kernel},
          {"right_reference", figures.reference},
          {"share", number(RecallFigures::share(figures.kernel, figures.queries))},
          {"share_reference", number(RecallFigures::share(figures.reference, figures.queries))}};
}

void read_approximation(const Reader& read, Accuracy& accuracy) {
  if (read.has("approximation_error")) {
    const Reader own(read.at("approximation_error"), "record, approximation_error");
    accuracy.approximation = {
        .rows = own.get<std::int64_t>("rows"), .relative_l2 = own.real("relative_l2"), .cosine = own.real("cosine")};
  }
  if (read.has("recall")) {
    const Reader own(read.at("recall"), "record, recall");
    accuracy.recall = {.queries = own.get<std::int64_t>("queries"),
                       .kernel = own.get<std::int64_t>("right"),
                       .reference = own.get<std::int64_t>("right_reference")};
  }
}

Json phases_to_json(const PhaseFigures& figures) {
  Json json{{"runs", figures.runs}};
  for (int index = 0; index < phase_count; ++index) {
    json[std::string(name_of(static_cast<Phase>(index)))] = number(figures.shares[static_cast<std::size_t>(index)]);
  }
  return json;
}

PhaseFigures phases_from_json(const Json& json) {
  const Reader read(json, "record, phases");
  PhaseFigures figures{.runs = read.get<int>("runs")};
  for (int index = 0; index < phase_count; ++index) {
    figures.shares[static_cast<std::size_t>(index)] =
        read.real(std::string(name_of(static_cast<Phase>(index))).c_str());
  }
  return figures;
}

Json round_to_json(const RoundRecord& round) {
  Json seconds = Json::array();
  for (const double sample : round.seconds)
    seconds.push_back(number(sample));
  Json json{{"round", round.round},
            {"position", round.position},
            {"iterations", round.iterations},
            {"stopped_by", round.stopped_by},
            {"peak_flops", number(round.peak_flops)},
            {"output_hash", hash_text(round.output_hash)},
            {"seconds", std::move(seconds)}};
  if (round.phases) json["phases"] = phases_to_json(*round.phases);
  return json;
}

RoundRecord round_from_json(const Json& json) {
  const Reader read(json, "record, rounds");
  return {.round = read.get<int>("round"),
          .position = read.get<int>("position"),
          .seconds = read.reals("seconds"),
          .iterations = read.get<std::int64_t>("iterations"),
          .stopped_by = read.get<std::string>("stopped_by"),
          .phases = read.has("phases") ? std::optional(phases_from_json(read.at("phases"))) : std::nullopt,
          .peak_flops = read.real("peak_flops"),
          .output_hash = read.hash("output_hash")};
}

std::string dtype_of(const std::string& problem) {
  try {
    return std::string(name_of(parse_partial_problem(problem, "problem").dtype.value_or(DType::f32)));
  } catch (const Error&) {
    return "";
  }
}

void add_timing(Json& json, const CellRecord& record) {
  const TimingSummary& timing = *record.timing;
  json["seconds_median"] = number(timing.seconds_median);
  json["seconds_ci_low"] = timing.has_interval() ? number(timing.seconds_ci_low) : Json();
  json["seconds_ci_high"] = timing.has_interval() ? number(timing.seconds_ci_high) : Json();
  json["seconds_min"] = number(timing.seconds_min);
  json["seconds_max"] = number(timing.seconds_max);
  json["samples"] = timing.samples;
  json["outliers"] = timing.outliers;
  json["gflops"] = number(record.gflops());
  json["percent_of_peak"] = number(record.percent_of_peak());
  json["peak_flops"] = number(record.peak_flops);
}

void add_cold(Json& json, const CellRecord& record) {
  Json rates = Json::array();
  for (const double rate : record.cold->read_rates)
    rates.push_back(number(rate));
  json["cold"] = {{"bytes", number(record.cold->bytes)},
                  {"read_rates", std::move(rates)},
                  {"read_rate", number(record.cold->read_rate)}};
  json["gbytes_per_second"] = number(record.bandwidth() * 1e-9);
  json["percent_of_read"] = number(record.percent_of_read());
}

}  // namespace

std::string CellKey::text() const {
  return fmt::format("{} {} {}", kernel, backend, shape_text());
}

std::string CellKey::shape_text() const {
  return fmt::format("{} inputs={} threads={}", problem, inputs, threads);
}

double CellRecord::gflops() const {
  return timing && timing->seconds_median > 0.0 ? flops / timing->seconds_median * 1e-9 : 0.0;
}

double CellRecord::percent_of_peak() const {
  return peak_flops > 0.0 ? 100.0 * gflops() * 1e9 / peak_flops : 0.0;
}

double CellRecord::bandwidth() const {
  return cold && timing && timing->seconds_median > 0.0 ? cold->bytes / timing->seconds_median : 0.0;
}

double CellRecord::percent_of_read() const {
  const double rate = cold ? cold->read_rate : 0.0;
  return rate > 0.0 ? 100.0 * bandwidth() / rate : 0.0;
}

nlohmann::ordered_json to_json(const CellRecord& record) {
  const AccuracyFigures main = record.accuracy.outputs.empty() ? AccuracyFigures{} : record.accuracy.outputs.front();
  Json json{{"kernel", record.key.kernel},
            {"variant", record.key.kernel.substr(0, record.key.kernel.find('/'))},
            {"backend", record.key.backend},
            {"problem", record.key.problem},
            {"dtype", dtype_of(record.key.problem)},
            {"inputs", record.key.inputs},
            {"threads", record.key.threads},
            {"verdict", name_of(record.verdict.outcome)},
            {"reason", record.verdict.reason},
            {"rows_checked", record.accuracy.rows_checked},
            {"rows_total", record.accuracy.rows_total},
            {"max_abs_error", number(main.max_abs_error)},
            {"rmse", number(main.rmse)},
            {"error_over_bound", number(record.accuracy.error_over_bound())}};
  Json rules = Json::array();
  for (const RuleResult& rule : record.accuracy.rules) {
    rules.push_back({{"rule", rule.rule}, {"ratio", number(rule.ratio)}, {"passed", rule.passed}});
  }
  Json outputs = Json::array();
  for (const AccuracyFigures& figures : record.accuracy.outputs)
    outputs.push_back(figures_to_json(figures));
  json["rules"] = std::move(rules);
  Json defects = Json::array();
  for (const DefectFigure& defect : record.accuracy.defects)
    defects.push_back(defect_to_json(defect));
  json["defect_rows"] = record.accuracy.defect_rows;
  json["defects"] = std::move(defects);
  json["outputs"] = std::move(outputs);
  json["approximation"] = record.approximation;
  if (record.accuracy.approximation)
    json["approximation_error"] = approximation_to_json(*record.accuracy.approximation);
  if (record.accuracy.recall) json["recall"] = recall_to_json(*record.accuracy.recall);
  json["flops"] = number(record.flops);
  json["flops_conventional"] = number(record.flops_conventional);
  json["io_bytes"] = number(record.io_bytes);
  json["tensor_bytes"] = record.tensor_bytes;
  json["workspace_bytes_predicted"] = record.workspace_bytes_predicted;
  json["workspace_bytes_measured"] = record.workspace_bytes_measured;
  json["resident_growth_bytes"] = record.resident_growth_bytes;
  json["output_hash"] = hash_text(record.output_hash);
  json["seed"] = record.seed;
  json["check_seconds"] = number(record.check_seconds);
  if (record.timing) add_timing(json, record);
  if (record.cold) add_cold(json, record);
  if (record.phases) json["phases"] = phases_to_json(*record.phases);
  if (!record.rounds.empty()) {
    Json rounds = Json::array();
    for (const RoundRecord& round : record.rounds)
      rounds.push_back(round_to_json(round));
    json["rounds"] = std::move(rounds);
  }
  add_device(json, record);
  json["reproduce"] = record.reproduce;
  return json;
}

CellRecord record_from_json(const nlohmann::ordered_json& json) {
  const Reader read(json, "record");
  CellRecord record;
  record.key = {.kernel = read.get<std::string>("kernel"),
                .backend = read.get<std::string>("backend"),
                .problem = read.get<std::string>("problem"),
                .inputs = read.get<std::string>("inputs"),
                .threads = read.get<int>("threads")};
  const auto outcome = outcome_named(read.get<std::string>("verdict"));
  if (!outcome) complain("record", fmt::format("verdict {} is unknown", read.at("verdict").dump()), "see the manual");
  record.verdict = {*outcome, read.get<std::string>("reason")};
  record.accuracy.rows_checked = read.get<std::int64_t>("rows_checked");
  record.accuracy.rows_total = read.get<std::int64_t>("rows_total");
  for (const Json& entry : read.array("rules")) {
    const Reader rule(entry, "record, rules");
    record.accuracy.rules.push_back(
        {.rule = rule.get<std::string>("rule"), .ratio = rule.real("ratio"), .passed = rule.get<bool>("passed")});
  }
  // Records of before rule M have none.
  if (read.has("defects")) {
    record.accuracy.defect_rows = read.get<std::int64_t>("defect_rows");
    for (const Json& entry : read.array("defects"))
      record.accuracy.defects.push_back(defect_from_json(entry));
  }
  for (const Json& entry : read.array("outputs"))
    record.accuracy.outputs.push_back(figures_from_json(entry));
  record.approximation = read.get<bool>("approximation");
  read_approximation(read, record.accuracy);
  record.flops = read.real("flops");
  record.flops_conventional = read.real("flops_conventional");
  record.io_bytes = read.real("io_bytes");
  record.tensor_bytes = read.get<std::int64_t>("tensor_bytes");
  record.workspace_bytes_predicted = read.get<std::int64_t>("workspace_bytes_predicted");
  record.workspace_bytes_measured = read.get<std::int64_t>("workspace_bytes_measured");
  record.resident_growth_bytes = read.get<std::int64_t>("resident_growth_bytes");
  record.output_hash = read.hash("output_hash");
  record.seed = read.get<std::uint64_t>("seed");
  record.check_seconds = read.real("check_seconds");
  if (read.has("seconds_median")) {
    record.timing = TimingSummary{.samples = read.get<std::int64_t>("samples"),
                                  .seconds_median = read.real("seconds_median"),
                                  .seconds_min = read.real("seconds_min"),
                                  .seconds_max = read.real("seconds_max"),
                                  .outliers = read.get<std::int64_t>("outliers")};
    // Without an interval the keys are null.
    const bool interval = record.timing->has_interval();
    record.timing->seconds_ci_low = read.real(interval ? "seconds_ci_low" : "seconds_min");
    record.timing->seconds_ci_high = read.real(interval ? "seconds_ci_high" : "seconds_max");
    record.peak_flops = read.real("peak_flops");
  }
  if (read.has("phases")) record.phases = phases_from_json(read.at("phases"));
  if (read.has("cold")) {
    const Reader cold(read.at("cold"), "record, cold");
    record.cold = ColdFigures{
        .bytes = cold.real("bytes"), .read_rates = cold.reals("read_rates"), .read_rate = cold.real("read_rate")};
  }
  if (read.has("rounds")) {
    for (const Json& entry : read.array("rounds"))
      record.rounds.push_back(round_from_json(entry));
  }
  read_device(read, record);
  record.reproduce = read.get<std::string>("reproduce");
  return record;
}

}  // namespace attest
