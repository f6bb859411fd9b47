// What the oracle says a defect changes in lse is what a kernel with that defect changes.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "harness/core/oracle.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/reference/featured_problems.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
using test::Defect;
using test::holds;
using test::oracle_name;

// The two sides round scores before a tile's maximum is known or after it, and err by other polynomials.
bool is_same_on_both_sides(Defect defect) {
  return defect != Defect::exponential_coarse && defect != Defect::scores_in_bf16;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lse_defects)

BOOST_AUTO_TEST_CASE(what_a_defect_changes_in_lse_is_what_kernels_with_it_change) {
  std::map<std::string_view, int> compared;
  std::vector<test::FeaturedProblem> settings(std::begin(test::featured_problems), std::end(test::featured_problems));
  settings.push_back({"hq2 sq24 skv48 d32 softcap=2", {}});
  for (const test::FeaturedProblem& setting : settings) {
    const Problem problem = parse_problem(setting.text);
    const TensorStorage inputs = test::random_inputs(problem, "normal", setting.extras, 52);
    const Arithmetic arithmetic = test::simulated_arithmetic(problem, {});
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
    const std::vector<KnownDefect> known = oracle->defects(arithmetic);
    const TensorStorage right = test::run_simulated(problem, inputs.views(), {}, Defect::none);
    std::vector<test::PlantedDefect> planted = test::planted_defects();
    planted.insert(planted.end(), test::planted_lse_defects().begin(), test::planted_lse_defects().end());
    for (const test::PlantedDefect& one : planted) {
      const auto at = std::find_if(known.begin(), known.end(),
                                   [&](const KnownDefect& defect) { return defect.name == oracle_name(one); });
      // Simulated controls spoil `out` after the fact and leave lse as it was.
      if (at == known.end() || !is_same_on_both_sides(one.defect) || one.kind == test::DefectKind::control) continue;
      if (!one.shows(problem, presence_of(inputs.views()))) continue;
      const bool by_tiles = holds(one.name, "rescaled") || holds(one.name, "l summed in bf16");
      if (by_tiles && (problem.has_window() || setting.extras.mask)) continue;
      const TensorStorage wrong = test::run_simulated(problem, inputs.views(), {}, one.defect);
      double difference = 0.0, size = 0.0;
      test::for_each_row(problem, [&](const RowPlace& place) {
        const auto changes = oracle->changes(place, arithmetic);
        const std::vector<double>& change = changes.at(1).change[static_cast<std::size_t>(at - known.begin())];
        const double got = wrong.find("lse")->view().load(place.batch, place.head, place.row);
        if (!std::isfinite(got)) return;  // such rows are left to the other rules
        const double seen = got - right.find("lse")->view().load(place.batch, place.head, place.row);
        difference += std::pow(seen - (change.empty() ? 0.0 : change.front()), 2);
        size += seen * seen;
      });
      const double allowed = holds(one.name, "in bf16") || holds(one.name, "to bf16") ? 0.05 : 1e-3;
      BOOST_TEST_CONTEXT(setting.text << ": " << one.name) {
        BOOST_TEST(std::sqrt(difference) <= allowed * std::sqrt(size) + 1e-5);
        if (size > 1e-4) ++compared[one.name];
      }
    }
  }
  for (const auto& [name, count] : compared)
    BOOST_TEST_MESSAGE(name << ": " << count);
  BOOST_TEST(compared.size() >= 18U);
}

BOOST_AUTO_TEST_SUITE_END()
