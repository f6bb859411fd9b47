#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attest::test {

/// How many of the runs each rule rejected.
struct Count {
  int runs = 0;
  std::map<std::string, int> rejected;  ///< by the rule's name; rules that rejected none are there with 0
};

/// What became of one defect in one type.
struct DefectRow {
  std::string defect;
  std::string kind;
  std::string type;
  Count normal;  ///< on normal and outlier inputs
  Count all;     ///< on those and large_logits
};

/// What became of right kernels in one type.
struct RightRow {
  std::string type;
  Count count;
};

/// How many rows the finest defect, "scale +0.1%", takes to be rejected in one type, on normal inputs of full attention
/// with one head of 64 dimensions, when rule M looks at all of them.
struct Reach {
  std::string type;
  std::int64_t keys = 0;
  /// The least power of 2 from which on, to the greatest tried, kernels that have it are rejected for every seed and
  /// their verdicts say that the inputs show it (DefectFigure::is_shown); 0 where there is none.
  std::int64_t rows = 0;
};

/// The verifier's own quality: what the rules say of kernels that are known to be wrong, and of right ones. Of `out`
/// alone, since lse, which few others check, would give some defects away.
struct KillTable {
  std::uint64_t seed = 0;
  std::vector<std::string> own_rules;  ///< F, P, S, ...; "Attest" is all of them together
  std::vector<DefectRow> defects;
  std::vector<RightRow> right;
  std::vector<Reach> reach{};  ///< of reach_of(), which takes minutes; empty unless asked for
};

/// The name of all own rules together.
inline constexpr const char* together = "Attest";

/// Runs every defect on every setting where it shows, in f32, bf16 and f16, and right kernels of many schedules on the
/// same benches and `right_seeds` sets of inputs.
KillTable make_kill_table(std::uint64_t seed, int right_seeds);

/// The reach on 64 to 1024 keys in every type, 4 to 256 rows and `seeds` seeds.
std::vector<Reach> reach_of(std::uint64_t seed, int seeds);

/// The table as text for a person.
std::string text_of(const KillTable& table);

/// Runs of defects of meaning on normal and outlier inputs that passed: none may be there. One line each.
std::string missed_of_meaning(const KillTable& table);

/// The table as the data file that a report prints, provenance first; and one back from its text.
std::string to_json(const KillTable& table, const std::map<std::string, std::string>& made);
KillTable kill_table_from_json(const std::string& text);

/// Share of the runs of some rows that a rule rejected, runs of all rows taken together.
struct Share {
  int rejected = 0;
  int runs = 0;
  double value() const { return runs == 0 ? 0.0 : static_cast<double>(rejected) / runs; }
};
Share share_of(const KillTable& table, const std::string& rule, const std::string& type, const std::string& kind,
               bool normal_only);

}  // namespace attest::test
