// Rows with scores of tens and hundreds that are stored in 16 bits: chances are of first order, and of keys whose
// scores may err by more the worst is assumed. The inputs provoke each kind of row: far keys that weigh nothing, a far
// key that outweighs all others, and rows of which chances say nothing.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "reference/philox.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/cell.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

constexpr double u_s = 0x1p-8;
constexpr Arithmetic stored{.score = u_s, .weight = 0x1p-8, .output = 0x1p-8};

// A row in plain double, and what it becomes with other scores.
struct Row {
  Row(const Problem& p, const TensorSet& inputs, const RowPlace& place) : problem(p), tensors(inputs), at(place) {
    const DropoutMask mask(p.dropout, p.seed);
    for (std::int64_t j = 0; j < p.seq_kv; ++j) {
      double dot = 0.0;
      for (std::int64_t c = 0; c < p.head_dim; ++c)
        dot += inputs.at("q").load(at.batch, at.head, at.row, c) * inputs.at("k").load(at.batch, at.head, j, c);
      score.push_back(p.effective_scale() * dot);
      const bool kept = p.dropout == 0.0 || mask.keeps(at.batch, at.head, at.row, j);
      kappa.push_back(kept ? 1.0 / (1.0 - p.dropout) : 0.0);
    }
    heaviest = static_cast<std::size_t>(std::max_element(score.begin(), score.end()) - score.begin());
  }
  double value(std::size_t j, std::int64_t c) const {
    return kappa[j] * tensors.at("v").load(at.batch, at.head, static_cast<std::int64_t>(j), c);
  }
  double out(const std::vector<double>& scores, std::int64_t c) const {
    double sum = 0.0, weights = 0.0;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const double weight = std::exp(scores[j] - score[heaviest]);
      weights += weight;
      sum += weight * value(j, c);
    }
    return sum / weights;
  }
  double lse(const std::vector<double>& scores) const {
    double weights = 0.0;
    for (const double one : scores)
      weights += std::exp(one - score[heaviest]);
    return score[heaviest] + std::log(weights);
  }
  bool is_far(std::size_t j) const { return 6.5 * u_s * std::fabs(score[j]) > 1.0; }

  const Problem& problem;
  const TensorSet& tensors;
  RowPlace at;
  std::vector<double> score, kappa;
  std::size_t heaviest = 0;
};

std::string names_of(const Verification& verification) {
  std::string names;
  for (const RuleResult& rule : verification.accuracy.rules)
    names += rule.passed ? rule.rule : "(" + rule.rule + ")";
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(far_keys)

BOOST_AUTO_TEST_CASE(whatever_their_scores_err_is_covered) {
  int light = 0, alone = 0, silent = 0, telling = 0;
  for (const char* text : {"sq60 skv48 d16 dv8 scale=5", "sq60 skv48 d16 dv8 scale=14",
                           "sq60 skv48 d16 dv8 scale=5 dropout=0.25 seed=5"}) {
    const Problem problem = parse_problem(text);
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 41);
    const TensorSet views = inputs.views();
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, views);
    test::for_each_row(problem, [&](const RowPlace& at) {
      const Row row(problem, views, at);
      std::vector<OutputRow> lines;
      oracle->row(at, stored, lines);
      if (std::isinf(lines[0].probable[0])) {
        BOOST_TEST(lines[0].deviation[0] == 0.0);
        ++silent;
        return;
      }
      bool any = false;
      for (std::size_t j = 0; j < row.score.size(); ++j)
        any = any || row.is_far(j);
      if (!any) return;
      const bool is_alone = row.is_far(row.heaviest);
      ++(is_alone ? alone : light);
      // Near keys are right; each far one errs by as much as it may, whichever way moves the column most.
      for (const double way : {1.0, -1.0}) {
        for (const double own : {1.0, -1.0}) {
          std::vector<double> all_one_way = row.score;
          for (std::int64_t c = 0; c < problem.head_dim_v; ++c) {
            const double right = row.out(row.score, c);
            std::vector<double> wrong = row.score;
            for (std::size_t j = 0; j < wrong.size(); ++j) {
              const double size = u_s * std::fabs(row.score[j]);
              if (is_alone && j == row.heaviest) {
                wrong[j] += own * size;
              } else if (is_alone || row.is_far(j)) {
                wrong[j] += (row.value(j, c) > right ? way : -way) * size;
                all_one_way[j] = row.score[j] + way * size;
              }
            }
            const auto at_c = static_cast<std::size_t>(c);
            const double error = std::fabs(row.out(wrong, c) - right);
            BOOST_REQUIRE_LE(error, lines[0].coherent[at_c] + 1e-14);  // sums here are plain
            BOOST_REQUIRE_LE(lines[0].coherent[at_c], lines[0].deviation[at_c]);
            telling += error > 1e-4 ? 1 : 0;
          }
          if (is_alone) all_one_way[row.heaviest] += own * u_s * std::fabs(row.score[row.heaviest]);
          const double moved = std::fabs(row.lse(all_one_way) - row.lse(row.score));
          BOOST_REQUIRE_LE(moved, (is_alone ? lines[1].probable[0] : lines[1].coherent[0]) + 1e-14);
        }
      }
    });
  }
  BOOST_TEST_MESSAGE(light << " rows with light far keys, " << alone << " with one that outweighs all, " << silent
                           << " without chances; " << telling << " errors of note");
  BOOST_TEST(light >= 10);
  BOOST_TEST(alone >= 10);
  BOOST_TEST(silent >= 10);
  BOOST_TEST(telling >= 100);
}

// e^eta of some keys overflows here, and the weight of all but one is 0 in double.
BOOST_AUTO_TEST_CASE(scores_of_a_million_are_no_trouble) {
  const Problem problem = parse_problem("sq100 skv48 d16 dv8 scale=1e6");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 42);
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
  int with_chances = 0;
  test::for_each_row(problem, [&](const RowPlace& at) {
    const Row row(problem, inputs.views(), at);
    std::vector<double> sorted = row.score;
    std::sort(sorted.begin(), sorted.end());
    const double second = sorted[sorted.size() - 2];
    // What is left between the two greatest when each errs the worst way.
    const double gap = sorted.back() - second - u_s * (std::fabs(sorted.back()) + std::fabs(second));
    std::vector<OutputRow> lines;
    oracle->row(at, stored, lines);
    BOOST_TEST(!std::isnan(lines[0].probable[0]));
    BOOST_TEST(!std::isnan(lines[0].deviation[0]));
    if (std::fabs(gap) < 100.0) return;  // u of f32 counts too
    BOOST_TEST(std::isinf(lines[0].probable[0]) == (gap < 0.0));
    with_chances += gap > 0.0 ? 1 : 0;
  });
  BOOST_TEST(with_chances >= 50);
  BOOST_TEST(with_chances <= 98);
}

BOOST_AUTO_TEST_CASE(a_kernel_that_stores_large_logits_in_16_bits_is_judged_by_all_rules_and_passes) {
  for (const char* type : {"bf16", "f16"}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      const Problem problem = parse_problem(std::string("hq2 sq64 skv96 d64 ") + type);
      test::Cell cell(find_kernel("standard/cpu_materialised"), problem, "large_logits", 2, seed);
      const Verification result = cell.judge();
      BOOST_TEST_CONTEXT(type << ", seed " << seed << ": " << result.verdict.reason) {
        BOOST_TEST(names_of(result) == "FPSM");
        BOOST_TEST(result.verdict.has_passed());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_gain_that_rule_f_lets_pass_there_is_found_by_chance) {
  for (const std::uint64_t seed : {1, 3}) {
    const Problem problem = parse_problem("hq2 sq64 skv96 d64 bf16");
    test::Cell cell(find_kernel("standard/cpu_materialised"), problem, "large_logits", 2, seed);
    const TensorView& out = cell.execution->outputs().at("out");
    for (std::int64_t b = 0; b < out.shape[1]; ++b)
      for (std::int64_t i = 0; i < out.shape[2]; ++i)
        for (std::int64_t c = 0; c < out.shape[3]; ++c)
          test::set(out, out.load(0, b, i, c) * 1.005, 0, b, i, c);
    const Verification result = cell.judge();
    BOOST_TEST_MESSAGE(names_of(result) << ": " << result.verdict.reason);
    BOOST_TEST(names_of(result).find("F") == 0U);
    BOOST_TEST(!result.verdict.has_passed());
    cell.nature = {};
    BOOST_TEST(cell.judge().verdict.has_passed());
  }
}

BOOST_AUTO_TEST_SUITE_END()
