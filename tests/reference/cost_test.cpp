// What verification costs beside the reference's values alone, in processor time, so that a busy machine does not
// matter.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <ctime>
#include <string>

#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "reference/softmax_row.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

template <class Work>
double least_seconds(const Work& work) {
  double least = 1e9;
  for (int run = 0; run < 3; ++run) {
    const std::clock_t start = std::clock();
    work();
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cost)

BOOST_AUTO_TEST_CASE(verification_by_all_rules_tells_its_cost_beside_the_reference_alone) {
  for (const char* type : {"f32", "bf16"}) {
    const Problem problem = parse_problem(std::string("sq4096 skv4096 d128 ") + type);
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 81);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
    // What is judged costs the same whatever it is.
    TensorStorage outputs;
    outputs.add("out", problem.dtype, {1, 1, problem.seq_q, problem.head_dim_v});
    const VerifyOptions options{.nature = {.continuous = true, .exchangeable = true}};
    const std::vector<RowPlace> places = rows_to_check(*oracle, problem, options);
    const SoftmaxInputs own(spec, problem, inputs.views());
    volatile double checksum = 0.0;  // keeps the work
    const double alone = least_seconds([&] {
      for (const RowPlace& place : places)
        checksum = checksum + average_values(own, place, score_row(own, place), {}, {}).out.front();
    });
    Verification verification;
    const Arithmetic arithmetic = test::simulated_arithmetic(problem, {.tile = 64});
    const double whole =
        least_seconds([&] { verification = verify(*oracle, problem, arithmetic, outputs.views(), options); });
    BOOST_TEST_MESSAGE(type << ": " << places.size() << " rows of the reference alone " << alone
                            << " s, verification by rules F, P, S and M " << whole << " s, " << whole / alone
                            << " times");
    BOOST_TEST(verification.accuracy.rows_checked == static_cast<std::int64_t>(places.size()));
    BOOST_TEST(verification.accuracy.rules.size() == 4U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
