// The Google Benchmark front. Workloads have a made-up clock wherever possible, so that what is expected does not
// depend on how busy the machine is; the few that use real time leave room.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "harness/core/error.hpp"
#include "harness/measure/timer.hpp"

using namespace attest;

namespace {

using boost::test_tools::tolerance;

void spin(double seconds) {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds) {
  }
}

/// A workload that does nothing and whose clock gives 1 + noise(iteration) seconds.
Workload with_clock(std::function<double(int)> noise) {
  return {.run = [] {},
          .seconds_of_last_run = [noise = std::move(noise), iteration = 0]() mutable { return 1 + noise(iteration++); },
          .prepare = nullptr};
}

/// One iteration a sample, so that a made-up clock shows in the samples one by one.
TimingOptions one_by_one() {
  return {.min_sample_seconds = 0, .max_warm_up_seconds = 0};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(measure_timer)

BOOST_AUTO_TEST_CASE(a_steady_workload_stops_at_the_fewest_samples) {
  const Timing timing = time_workload(with_clock([](int) { return 0.0; }));
  BOOST_TEST(timing.samples.size() == 9u);
  BOOST_TEST((timing.stopped_by == StopReason::interval));
  BOOST_TEST(timing.median == 1.0);
  BOOST_TEST_REQUIRE(timing.interval.has_value());
  BOOST_TEST(timing.interval->low == 1.0);
  BOOST_TEST(timing.interval->high == 1.0);
  BOOST_TEST(timing.outliers.size() == 9u);
}

BOOST_AUTO_TEST_CASE(a_noisy_workload_is_sampled_until_the_interval_is_narrow) {
  // Spread evenly over 8%: the interval is as narrow as 2% only with the ranks of well over 9 samples.
  Timing timing = time_workload(with_clock([](int i) { return 0.08 * ((i * 7919) % 1000) / 1000; }), one_by_one());
  BOOST_TEST((timing.stopped_by == StopReason::interval));
  BOOST_TEST(timing.samples.size() > 9u);
  BOOST_TEST((timing.interval->high - timing.interval->low) / 2 <= 0.01 * timing.median);
}

BOOST_AUTO_TEST_CASE(samples_end_at_their_limit) {
  TimingOptions options = one_by_one();
  options.max_samples = 40;
  const Timing timing = time_workload(with_clock([](int i) { return i % 2 == 0 ? 0.0 : 1.0; }), options);
  BOOST_TEST((timing.stopped_by == StopReason::sample_limit));
  BOOST_TEST(timing.samples.size() == 40u);
}

BOOST_AUTO_TEST_CASE(time_ends_at_its_limit_even_before_the_fewest_samples) {
  Workload workload{.run = [] { spin(0.02); }, .seconds_of_last_run = nullptr, .prepare = nullptr};
  const Timing timing = time_workload(workload, {.max_seconds = 0.05, .max_warm_up_seconds = 0});
  BOOST_TEST((timing.stopped_by == StopReason::time_limit));
  BOOST_TEST(timing.samples.size() >= 1u);
  BOOST_TEST(timing.samples.size() <= 3u);
  BOOST_TEST(!timing.interval.has_value());
  BOOST_TEST(timing.median >= 0.02);
}

BOOST_AUTO_TEST_CASE(the_least_samples_are_taken_when_the_time_is_up_and_what_prepares_them_counts) {
  Workload workload{.run = [] { spin(1e-3); }, .seconds_of_last_run = nullptr, .prepare = [] { spin(0.02); }};
  const Timing timing = time_workload(workload, {.least_samples = 7, .max_seconds = 0.01, .max_warm_up_seconds = 0});
  BOOST_TEST((timing.stopped_by == StopReason::time_limit));
  BOOST_TEST(timing.samples.size() == 7u);
}

BOOST_AUTO_TEST_CASE(a_short_kernel_is_repeated_until_the_clock_does_not_matter) {
  volatile int sink = 0;
  Workload workload{.run = [&sink] { sink = sink + 1; }, .seconds_of_last_run = nullptr, .prepare = nullptr};
  const Timing timing = time_workload(workload, {.max_seconds = 0.2});
  const double sample_seconds = timing.median * static_cast<double>(timing.iterations_per_sample);
  BOOST_TEST(timing.iterations_per_sample > 1000);
  BOOST_TEST(sample_seconds > 500 * timing.timer_resolution_seconds);
  BOOST_TEST(timing.median < 1e-6);
}

BOOST_AUTO_TEST_CASE(real_time_is_measured_an_iteration) {
  Workload workload{.run = [] { spin(200e-6); }, .seconds_of_last_run = nullptr, .prepare = nullptr};
  const Timing timing = time_workload(workload, {.max_seconds = 0.1});
  BOOST_TEST(timing.median >= 200e-6);
  BOOST_TEST(timing.median < 20e-3);
}

BOOST_AUTO_TEST_CASE(what_is_prepared_between_iterations_is_not_timed) {
  int prepared = 0, run = 0;
  bool in_order = true;
  Workload workload{.run = [&] { in_order &= ++run == prepared; },
                    .seconds_of_last_run = nullptr,
                    .prepare =
                        [&] {
                          ++prepared;
                          spin(1e-3);
                        }};
  const Timing timing = time_workload(workload, {.max_seconds = 0.1});
  BOOST_TEST(timing.median < 0.5e-3);
  BOOST_TEST(in_order);
  BOOST_TEST(prepared == run);
}

BOOST_AUTO_TEST_CASE(slow_first_runs_are_left_to_the_warm_up) {
  // Ten iterations at 100 s, getting faster by 5% each, before the steady one.
  int iteration = 0;
  Workload workload{.run = [] {},
                    .seconds_of_last_run = [&] { return std::pow(0.95, std::min(iteration++, 10)) * 100; },
                    .prepare = nullptr};
  const Timing timing = time_workload(workload, {.min_sample_seconds = 0});
  BOOST_TEST(timing.warm_up_iterations >= 10u);
  BOOST_TEST(timing.samples.front() == timing.samples.back(), tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_stray_sample_is_flagged_and_kept) {
  int samples = 0;
  TimingOptions options = one_by_one();
  options.min_samples = 11;
  // Iteration 0 is the warm-up.
  const Timing timing =
      time_workload(with_clock([&](int i) { return ++samples == 5 ? 50.0 : 1e-4 * (i % 3); }), options);
  BOOST_TEST(*std::max_element(timing.samples.begin(), timing.samples.end()) == 51.0);
  BOOST_TEST(std::count(timing.outliers.begin(), timing.outliers.end(), true) == 1);
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_workload_comes_out_and_leaves_the_timer_usable) {
  int calls = 0;
  Workload workload{.run =
                        [&] {
                          if (++calls == 4) throw std::runtime_error("the fourth iteration");
                        },
                    .seconds_of_last_run = [] { return 1.0; },
                    .prepare = nullptr};
  BOOST_CHECK_EXCEPTION(time_workload(workload, one_by_one()), std::runtime_error, [](const std::runtime_error& error) {
    return std::string(error.what()) == "the fourth iteration";
  });
  BOOST_TEST(time_workload(with_clock([](int) { return 0.0; })).median == 1.0);
}

BOOST_AUTO_TEST_CASE(nothing_is_printed) {
  std::ostringstream out, err;
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::streambuf* const old_err = std::cerr.rdbuf(err.rdbuf());
  time_workload(with_clock([](int) { return 0.0; }));
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_err);
  BOOST_TEST(out.str().empty());
  BOOST_TEST(err.str().empty());
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
  const Workload workload = with_clock([](int) { return 0.0; });
  BOOST_CHECK_THROW(time_workload({}), Error);
  BOOST_CHECK_THROW(time_workload(workload, {.min_samples = 5}), Error);
  BOOST_CHECK_THROW(time_workload(workload, {.least_samples = 0}), Error);
  BOOST_CHECK_THROW(time_workload(workload, {.min_samples = 6, .least_samples = 7}), Error);
  BOOST_CHECK_THROW(time_workload(workload, {.max_samples = 8}), Error);
  BOOST_CHECK_THROW(time_workload(workload, {.max_seconds = 0}), Error);
  BOOST_CHECK_THROW(time_workload(workload, {.max_seconds = std::nan("")}), Error);
  BOOST_CHECK_THROW(time_workload(with_clock([](int) { return -2.0; })), Error);
  BOOST_CHECK_THROW(time_workload(with_clock([](int) { return -1.0; }), one_by_one()), Error);
  BOOST_CHECK_THROW(time_workload(with_clock([](int i) { return i == 3 ? -1.5 : 0.0; }), one_by_one()), Error);
}

BOOST_AUTO_TEST_CASE(the_clock_has_a_resolution) {
  BOOST_TEST(timer_resolution() > 0);
  BOOST_TEST(timer_resolution() < 1e-3);
}

BOOST_AUTO_TEST_SUITE_END()
