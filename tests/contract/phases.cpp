// Where kernels say that their time goes: shares that can be true, of all kernels that the report breaks down, and the
// same bits as without looking.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <numeric>
#include <set>
#include <string>
#include <thread>

#include "tests/support/cell.hpp"

namespace {

using namespace attest;
using attest::test::Cell;

/// Kernels that cannot say: they are for reading, not for speed.
const std::set<std::string> silent{"standard/cpu_naive", "linear/cpu_full", "linear/cpu_recurrent"};

}  // namespace

BOOST_AUTO_TEST_SUITE(phases)

BOOST_AUTO_TEST_CASE(seconds_go_to_the_phase_that_a_thread_is_at) {
  using namespace std::chrono_literals;
  Phases phases(2);
  phases.enter(0, Phase::softmax);
  phases.enter(1, Phase::packing);
  std::this_thread::sleep_for(20ms);
  phases.enter(0, Phase::products);
  phases.enter(1, std::nullopt);
  std::this_thread::sleep_for(20ms);
  phases.enter(0, std::nullopt);
  phases.enter(1, std::nullopt);
  const PerPhase seconds = phases.seconds();
  const auto of = [&](Phase phase) { return seconds[static_cast<std::size_t>(phase)]; };
  BOOST_CHECK_GE(of(Phase::softmax), 0.020);
  BOOST_CHECK_GE(of(Phase::packing), 0.020);
  BOOST_CHECK_GE(of(Phase::products), 0.020);
  BOOST_CHECK_EQUAL(of(Phase::storing), 0.0);
  BOOST_CHECK_EQUAL(of(Phase::projections), 0.0);
}

BOOST_AUTO_TEST_CASE(names_and_phases_are_one_to_one) {
  for (int index = 0; index < phase_count; ++index)
    BOOST_CHECK(phase_named(name_of(static_cast<Phase>(index))) == static_cast<Phase>(index));
  BOOST_CHECK(!phase_named("waiting"));
}

BOOST_AUTO_TEST_CASE(every_fast_kernel_says_where_its_time_goes_and_computes_the_same) {
  for (const KernelEntry& entry : all_kernels()) {
    for (const char* text : {"b2 hq4 hkv2 sq1 skv900 d64 f32", "b2 hq4 sq150 d64 f32 causal", "b2 hq4 sq100 d64 f32",
                             "b2 hq4 sq100 d_model=256 f32"}) {
      const Problem problem = parse_problem(text);
      if (!attest::test::takes(entry, problem, "normal")) continue;
      const int threads = 2;
      const Cell cell(entry, problem, "normal", threads, 1, {});
      const std::uint64_t bits = hash_tensors(cell.execution->outputs());
      Phases phases(threads);
      const auto start = std::chrono::steady_clock::now();
      BOOST_REQUIRE(cell.execution->run_in_phases(phases));
      const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const PerPhase seconds = phases.seconds();
      const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
      BOOST_TEST_CONTEXT(entry.id() << " on " << text) {
        BOOST_CHECK_EQUAL(hash_tensors(cell.execution->outputs()), bits);
        BOOST_CHECK_EQUAL(sum > 0.0, !silent.contains(entry.id()));
        BOOST_CHECK_LE(sum, threads * elapsed);
        const bool is_module = entry.variant->name == "multihead";
        BOOST_CHECK_EQUAL(seconds[static_cast<std::size_t>(Phase::projections)] > 0.0, is_module);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
