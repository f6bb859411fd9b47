// The twelve rules of Hoefler and Belli, each judged from the store.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "reports/contest.hpp"
#include "reports/model.hpp"
#include "reports/study.hpp"

namespace attest::reports {

struct Evidence {
  enum class Answer { kept, not_kept, not_applicable };
  Answer answer = Answer::not_applicable;
  std::string text;
};

/// What all rules look at.
struct Dossier {
  const Study& study;
  const Report& report;
  std::vector<const View*> timed;
  std::vector<const Contest*> comparisons;         // with a runner-up
  std::vector<nlohmann::ordered_json> provenance;  // of every run whose text is an object
  std::size_t runs = 0;
};

struct Rule {
  const char* text;
  Evidence (*judge)(const Dossier&);
};

/// In the order of Hoefler and Belli 2015, "Scientific benchmarking of parallel computing systems", SC'15.
const std::vector<Rule>& benchmarking_rules();

/// The text at a path such as "machine/cpu_model"; empty where it is not known.
std::string known(const nlohmann::ordered_json& provenance, const std::string& path);

/// "a, b, c, d and 3 more".
std::string listed(const std::set<std::string>& texts);

}  // namespace attest::reports
