#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "harness/sweep/cell.hpp"

namespace attest {

using Json = nlohmann::ordered_json;

nlohmann::ordered_json to_json(const CellJob& job) {
  Json json{{"kernel", job.key.kernel},
            {"backend", job.key.backend},
            {"problem", job.key.problem},
            {"inputs", job.key.inputs},
            {"threads", job.key.threads},
            {"tensors", job.tensors},
            {"seed", job.seed},
            {"check_budget", job.check_budget},
            {"check_threads", job.check_threads},
            {"sanitize", job.sanitize},
            {"address_space_bytes", job.address_space_bytes}};
  if (job.proven_hash) json["proven_hash"] = *job.proven_hash;
  if (job.expected) {
    json["expected"] = {{"rtol", job.expected->rtol}, {"atol", job.expected->atol}, {"cases", job.expected->cases}};
  }
  if (job.timing) {
    json["timing"] = {{"round", job.timing->round},
                      {"position", job.timing->position},
                      {"min_samples", job.timing->min_samples},
                      {"least_samples", job.timing->least_samples},
                      {"max_seconds", job.timing->max_seconds},
                      {"peak_flops", job.timing->peak_flops}};
  }
  return json;
}

CellJob job_from_json(const nlohmann::ordered_json& json) {
  CellJob job;
  try {
    json.at("kernel").get_to(job.key.kernel);
    json.at("backend").get_to(job.key.backend);
    json.at("problem").get_to(job.key.problem);
    json.at("inputs").get_to(job.key.inputs);
    json.at("threads").get_to(job.key.threads);
    json.at("tensors").get_to(job.tensors);
    json.at("seed").get_to(job.seed);
    json.at("check_budget").get_to(job.check_budget);
    json.at("check_threads").get_to(job.check_threads);
    json.at("sanitize").get_to(job.sanitize);
    json.at("address_space_bytes").get_to(job.address_space_bytes);
    if (json.contains("proven_hash")) job.proven_hash = json.at("proven_hash").get<std::uint64_t>();
    if (json.contains("expected")) {
      const Json& expected = json.at("expected");
      job.expected = ExpectedJob{.rtol = expected.at("rtol").get<double>(),
                                 .atol = expected.at("atol").get<double>(),
                                 .cases = expected.at("cases").get<std::string>()};
    }
    if (json.contains("timing")) {
      const Json& timing = json.at("timing");
      job.timing = RoundJob{.round = timing.at("round").get<int>(),
                            .position = timing.at("position").get<int>(),
                            .min_samples = timing.at("min_samples").get<int>(),
                            .least_samples = timing.at("least_samples").get<int>(),
                            .max_seconds = timing.at("max_seconds").get<double>(),
                            .peak_flops = timing.at("peak_flops").get<double>()};
    }
  } catch (const nlohmann::json::exception& error) {
    complain("worker", fmt::format("the job is malformed ({})", error.what()), "the command itself writes it");
  }
  return job;
}

}  // namespace attest
