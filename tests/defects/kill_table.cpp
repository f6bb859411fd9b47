#include "tests/defects/kill_table.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/verify/verify.hpp"
#include "tests/defects/common_rules.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/defects/setting.hpp"

namespace attest::test {
namespace {

constexpr const char* types[] = {"f32", "bf16", "f16"};
constexpr const char* kinds[] = {"normal", "outliers", "large_logits"};
// What random_inputs() draws: continuous numbers, keys in no order.
constexpr Nature drawn{.continuous = true, .exchangeable = true};

const std::vector<Schedule>& right_schedules() {
  static const std::vector<Schedule> schedules{{.tile = 16},
                                               {.tile = 8, .backwards = true, .pairwise = true},
                                               {.tile = 4096},
                                               {.tile = 32, .splits = 3},
                                               {.tile = 64, .backwards = true, .splits = 2},
                                               {.tile = 1, .pairwise = true}};
  return schedules;
}

VerifyOptions every_row() {
  VerifyOptions options;
  options.budget = 1e18;
  options.nature = drawn;
  return options;
}

Verification verify_out(const Bench& bench, const Oracle& oracle, const Schedule& schedule, const TensorView& out,
                        const VerifyOptions& options) {
  TensorSet outputs;
  outputs.add("out", out);
  return verify(oracle, bench.problem(), simulated_arithmetic(bench.problem(), schedule), outputs, options);
}

/// Holds an output against all rules and adds to the count what each says.
void judge(const Bench& bench, const Oracle& oracle, const Schedule& schedule, const TensorView& out, Count& count,
           KillTable& table) {
  const Verification verification = verify_out(bench, oracle, schedule, out, every_row());
  ++count.runs;
  for (const RuleResult& rule : verification.accuracy.rules) {
    count.rejected[rule.rule] += rule.passed ? 0 : 1;
    if (std::find(table.own_rules.begin(), table.own_rules.end(), rule.rule) == table.own_rules.end())
      table.own_rules.push_back(rule.rule);
  }
  count.rejected[together] += verification.verdict.has_passed() ? 0 : 1;
  const std::vector<double> elements = elements_of(out);
  const Compared compared = bench.compared(elements);
  for (const CommonRule& rule : common_rules())
    count.rejected[rule.name] += rule.accepts(compared) ? 0 : 1;
}

void add(const Count& from, Count& to) {
  to.runs += from.runs;
  for (const auto& [rule, count] : from.rejected)
    to.rejected[rule] += count;
}

void run_defects(const Bench& bench, const std::string& type, bool large, KillTable& table) {
  std::size_t at = 0;
  for (const PlantedDefect& planted : planted_defects()) {
    while (table.defects[at].type != type || table.defects[at].defect != planted.name)
      ++at;
    if (!planted.shows(bench.problem(), bench.presence())) continue;
    const TensorStorage outputs = run_simulated(bench.problem(), bench.inputs(), {}, planted.defect);
    Count one;
    judge(bench, bench.oracle(), {}, outputs.find("out")->view(), one, table);
    if (!large) add(one, table.defects[at].normal);
    add(one, table.defects[at].all);
  }
}

// Every schedule declares another arithmetic, so that the remembered rows are of no use.
void run_right(const Setting& setting, const Bench& bench, std::size_t turn, Count& count, KillTable& table) {
  const std::vector<Schedule>& schedules = right_schedules();
  const Schedule& schedule = schedules[turn % schedules.size()];
  const TensorStorage outputs = run_simulated(bench.problem(), bench.inputs(), schedule, Defect::none);
  judge(bench, *make_oracle(variant_of(setting.variant), bench.problem(), bench.inputs(), {}), schedule,
        outputs.find("out")->view(), count, table);
}

nlohmann::ordered_json json_of(const Count& count) {
  nlohmann::ordered_json object{{"runs", count.runs}};
  for (const auto& [rule, rejected] : count.rejected)
    object[rule] = rejected;
  return object;
}

Count count_of(const nlohmann::ordered_json& object) {
  Count count;
  for (const auto& [name, value] : object.items()) {
    if (name == "runs") {
      count.runs = value;
    } else {
      count.rejected[name] = value;
    }
  }
  return count;
}

std::vector<std::string> rules_of(const KillTable& table) {
  std::vector<std::string> names = table.own_rules;
  names.emplace_back(together);
  for (const CommonRule& rule : common_rules())
    names.push_back(rule.name);
  return names;
}

}  // namespace

KillTable make_kill_table(std::uint64_t seed, int right_seeds) {
  KillTable table{.seed = seed, .own_rules = {}, .defects = {}, .right = {}};
  for (const char* type : types) {
    for (const PlantedDefect& planted : planted_defects())
      table.defects.push_back({.defect = std::string(planted.name),
                               .kind = std::string(name_of(planted.kind)),
                               .type = type,
                               .normal = {},
                               .all = {}});
    RightRow right{.type = type, .count = {}};
    std::size_t turn = 0;
    for (const Setting& setting : settings()) {
      for (const std::string kind : kinds) {
        const Bench bench(setting, type, kind, seed);
        run_defects(bench, type, kind == "large_logits", table);
        run_right(setting, bench, turn++, right.count, table);
        for (int more = 1; more < right_seeds; ++more)
          run_right(setting, Bench(setting, type, kind, seed + static_cast<std::uint64_t>(more)), turn++, right.count,
                    table);
      }
    }
    table.right.push_back(std::move(right));
  }
  // A defect that no problem of a type shows has no row.
  std::erase_if(table.defects, [](const DefectRow& row) { return row.all.runs == 0; });
  return table;
}

std::vector<Reach> reach_of(std::uint64_t seed, int seeds) {
  VerifyOptions options = every_row();
  options.defect_budget = options.budget;
  const auto is_seen = [&](const Setting& setting, const std::string& type, std::uint64_t one) {
    const Bench bench(setting, type, "normal", one);
    const TensorStorage outputs = run_simulated(bench.problem(), bench.inputs(), {}, Defect::scale_tenth_percent);
    const Verification result = verify_out(bench, bench.oracle(), {}, outputs.find("out")->view(), options);
    const std::vector<DefectFigure>& figures = result.accuracy.defects;
    return !result.verdict.has_passed() && std::any_of(figures.begin(), figures.end(), [](const DefectFigure& figure) {
      return figure.name == "scale +0.1%" && figure.is_shown();
    });
  };
  std::vector<Reach> result;
  for (const char* type : types) {
    for (const std::int64_t keys : {64, 256, 1024}) {
      Reach reach{.type = type, .keys = keys};
      bool all = true;
      for (std::int64_t rows = 256; rows >= 4 && all; rows /= 2) {
        const Setting setting{fmt::format("sq{} skv{} d64", rows, keys)};
        for (int more = 0; more < seeds; ++more)
          all = all && is_seen(setting, type, seed + static_cast<std::uint64_t>(more));
        if (all) reach.rows = rows;
      }
      result.push_back(reach);
    }
  }
  return result;
}

std::string text_of(const KillTable& table) {
  const std::vector<std::string> rules = rules_of(table);
  std::string text;
  for (const char* type : types) {
    text += fmt::format("\nrejected runs of kernels with a defect, {}, all inputs:\n{:<34}{:>6}", type, "", "runs");
    for (const std::string& rule : rules)
      text += fmt::format("{:>15}", rule);
    text += "\n";
    const auto line = [&](const std::string& name, const Count& count) {
      text += fmt::format("{:<34}{:>6}", name, count.runs);
      for (const std::string& rule : rules) {
        const auto found = count.rejected.find(rule);
        text += fmt::format("{:>15}", found == count.rejected.end() ? 0 : found->second);
      }
      text += "\n";
    };
    Count sum;
    for (const DefectRow& row : table.defects) {
      if (row.type != type) continue;
      line(row.defect, row.all);
      add(row.all, sum);
    }
    line("all", sum);
    for (const RightRow& row : table.right)
      if (row.type == type) line("right kernels (false alarms)", row.count);
  }
  return text;
}

std::string missed_of_meaning(const KillTable& table) {
  std::string text;
  for (const DefectRow& row : table.defects) {
    const int missed = row.normal.runs - row.normal.rejected.at(together);
    if (row.kind == "meaning" && missed != 0)
      text += fmt::format("{} in {}: {} of {} runs\n", row.defect, row.type, missed, row.normal.runs);
  }
  return text;
}

std::string to_json(const KillTable& table, const std::map<std::string, std::string>& made) {
  nlohmann::ordered_json rules = nlohmann::ordered_json::array();
  for (const std::string& rule : rules_of(table)) {
    const auto common = std::find_if(common_rules().begin(), common_rules().end(),
                                     [&](const CommonRule& one) { return one.name == rule; });
    rules.push_back({{"rule", rule},
                     {"own", common == common_rules().end()},
                     {"source", common == common_rules().end() ? "" : common->source}});
  }
  nlohmann::ordered_json problems = nlohmann::ordered_json::array();
  for (const Setting& setting : settings())
    problems.push_back({{"problem", setting.problem},
                        {"variant", setting.variant},
                        {"mask", setting.extras.mask},
                        {"bias", setting.extras.bias},
                        {"kv_lengths", setting.extras.kv_lengths}});
  nlohmann::ordered_json defects = nlohmann::ordered_json::array();
  for (const DefectRow& row : table.defects)
    defects.push_back({{"defect", row.defect},
                       {"kind", row.kind},
                       {"type", row.type},
                       {"normal", json_of(row.normal)},
                       {"all", json_of(row.all)}});
  nlohmann::ordered_json right = nlohmann::ordered_json::array();
  for (const RightRow& row : table.right)
    right.push_back({{"type", row.type}, {"count", json_of(row.count)}});
  nlohmann::ordered_json reach = nlohmann::ordered_json::array();
  for (const Reach& one : table.reach)
    reach.push_back({{"type", one.type}, {"keys", one.keys}, {"rows", one.rows}});
  const auto rows = [](const nlohmann::ordered_json& array) {
    std::string text;
    for (const auto& row : array)
      text += (text.empty() ? "\n  " : ",\n  ") + row.dump();
    return "[" + text + "\n ]";
  };
  return fmt::format(
      "{{\n \"made\": {},\n \"seed\": {},\n \"own_rules\": {},\n \"inputs\": {},\n \"rules\": {},\n \"problems\": {},\n"
      " \"defects\": {},\n \"right\": {},\n \"reach\": {}\n}}\n",
      nlohmann::ordered_json(made).dump(), table.seed, nlohmann::ordered_json(table.own_rules).dump(),
      nlohmann::ordered_json(kinds).dump(), rows(rules), rows(problems), rows(defects), rows(right), rows(reach));
}

KillTable kill_table_from_json(const std::string& text) {
  const nlohmann::ordered_json whole = nlohmann::ordered_json::parse(text);
  KillTable table{.seed = whole.at("seed"), .own_rules = whole.at("own_rules"), .defects = {}, .right = {}};
  for (const auto& row : whole.at("defects"))
    table.defects.push_back({.defect = row.at("defect"),
                             .kind = row.at("kind"),
                             .type = row.at("type"),
                             .normal = count_of(row.at("normal")),
                             .all = count_of(row.at("all"))});
  for (const auto& row : whole.at("right"))
    table.right.push_back({.type = row.at("type"), .count = count_of(row.at("count"))});
  for (const auto& row : whole.at("reach"))
    table.reach.push_back({.type = row.at("type"), .keys = row.at("keys"), .rows = row.at("rows")});
  return table;
}

Share share_of(const KillTable& table, const std::string& rule, const std::string& type, const std::string& kind,
               bool normal_only) {
  Share share;
  for (const DefectRow& row : table.defects) {
    if (row.type != type || (!kind.empty() && row.kind != kind)) continue;
    const Count& count = normal_only ? row.normal : row.all;
    const auto found = count.rejected.find(rule);
    share.runs += count.runs;
    share.rejected += found == count.rejected.end() ? 0 : found->second;
  }
  return share;
}

}  // namespace attest::test
