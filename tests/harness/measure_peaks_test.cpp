// Peaks: what is asked is measured, the figures hang together, and the document reads back. Absolute rates are not
// tested; a rate that is off by more than any machine explains is.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "harness/measure/peak_buffer.hpp"
#include "harness/measure/peak_kernels.hpp"
#include "harness/measure/peaks.hpp"
#include "harness/measure/statistics.hpp"
#include "tests/harness/measure_support.hpp"

using namespace attest;
using attest::test::FakeRoot;

namespace {

std::size_t bytes_of(const std::vector<peak::WorkingSet>& sets, const std::string& level) {
  for (const peak::WorkingSet& set : sets) {
    if (set.level == level) return set.bytes_per_thread;
  }
  return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(measure_peak_rates)

BOOST_AUTO_TEST_CASE(the_quick_form_measures_one_type_and_nothing_else) {
  const Peaks peaks = measure_flop_peak(1, "f32");
  BOOST_TEST_REQUIRE(!peaks.flops.empty());
  BOOST_TEST(peaks.bandwidths.empty());
  for (const FlopPeak& row : peaks.flops) {
    BOOST_TEST(row.type == "f32");
    BOOST_TEST(row.computed_as == "f32");
    BOOST_TEST(row.threads == 1);
    BOOST_TEST(row.samples.size() == 21u);
    BOOST_TEST(row.flops_per_second == median(row.samples));
  }
  // A core of this century does over 1 and under 4000 GFLOP/s.
  BOOST_TEST(peaks.flops_per_second("f32", 1).value() > 1e9);
  BOOST_TEST(peaks.flops_per_second("f32", 1).value() < 4e12);
  BOOST_TEST(!peaks.flops_per_second("f32", 2).has_value());
  BOOST_TEST(!peaks.flops_per_second("f64", 1).has_value());
}

BOOST_AUTO_TEST_CASE(single_precision_has_twice_the_rate_of_double) {
  const Peaks peaks = measure_peaks({.threads = {1}, .types = {"f64", "f32"}, .levels = {}, .rounds = 15});
  // The fastest rounds, which other work on the machine does not touch.
  const double ratio = peaks.flops_bound("f32", 1).value() / peaks.flops_bound("f64", 1).value();
  BOOST_TEST(ratio > 1.4);
  BOOST_TEST(ratio < 2.8);
}

BOOST_AUTO_TEST_CASE(a_widened_type_says_so_and_shares_the_measurement) {
  const Peaks peaks = measure_peaks({.threads = {1}, .types = {"f32", "f16"}, .levels = {}, .rounds = 3});
  for (const FlopPeak& row : peaks.flops)
    BOOST_TEST(row.computed_as == "f32");
  BOOST_TEST(peaks.flops_per_second("f16", 1).value() == peaks.flops_per_second("f32", 1).value());
}

BOOST_AUTO_TEST_CASE(reading_the_first_level_is_faster_than_memory) {
  const Peaks peaks = measure_peaks({.threads = {1}, .types = {}, .levels = {"L1", "DRAM"}, .rounds = 3});
  BOOST_TEST(peaks.flops.empty());
  BOOST_TEST_REQUIRE(peaks.bytes_per_second("L1", 1).has_value());
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return;  // every load is checked, which takes longer than the load
#endif
  if (!peaks.bytes_per_second("DRAM", 1)) return;  // too little free memory, which is said by its absence
  BOOST_TEST(peaks.bytes_bound("L1", 1).value() > 2 * peaks.bytes_bound("DRAM", 1).value());
  for (const BandwidthPeak& row : peaks.bandwidths)
    BOOST_TEST(row.bytes > 0u);
}

BOOST_AUTO_TEST_CASE(the_loops_do_the_work_that_they_are_counted_for) {
  // The portable loop's chains go from i to (i - 1) * 0.875^repeats + 1: their sum over 12 chains is known.
  const double decay = std::pow(0.875, 10);
  BOOST_TEST(peak::portable.f64.run(10) == 12 + decay * (66 - 12), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(peak::portable.f64.flops_per_repeat == 12 * 2 * 2);
  BOOST_TEST(peak::portable.f32.flops_per_repeat == 12 * 4 * 2);

  std::vector<std::uint64_t> words(3 * peak::read_step / 8 + 8);
  auto* const aligned =
      reinterpret_cast<std::uint64_t*>((reinterpret_cast<std::uintptr_t>(words.data()) + 63) / 64 * 64);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < 3 * peak::read_step / 8; ++i)
    expected ^= aligned[i] = i * i + 1;
  BOOST_TEST(peak::portable.read(aligned, 3 * peak::read_step, 1) == expected);
  BOOST_TEST(peak::portable.read(aligned, 3 * peak::read_step, 2) == 0u);
}

BOOST_AUTO_TEST_CASE(working_sets_fit_the_level_they_are_for) {
  FakeRoot root;
  root.cache(0, "1", "Data", "48K", "0");
  root.cache(1, "1", "Instruction", "32K", "0");
  root.cache(2, "2", "Unified", "1024K", "0");
  root.cache(3, "3", "Unified", "32M", "0-7");
  root.write("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n");
  const auto one = peak::working_sets({"L1", "L2", "L3", "DRAM"}, {1}, root.path());
  BOOST_TEST(bytes_of(one, "L1") == 24u << 10);
  BOOST_TEST(bytes_of(one, "L2") == 512u << 10);
  BOOST_TEST(bytes_of(one, "L3") == 16u << 20);
  BOOST_TEST(bytes_of(one, "DRAM") >= 128u << 20);
  const auto four = peak::working_sets({"L3"}, {4}, root.path());
  BOOST_TEST(bytes_of(four, "L3") == 4u << 20);
}

BOOST_AUTO_TEST_CASE(memory_that_is_not_free_is_not_taken) {
  FakeRoot root;
  root.cache(0, "3", "Unified", "32M", "0-7");
  root.write("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 200000 kB\n");
  BOOST_TEST(peak::working_sets({"DRAM"}, {1}, root.path()).empty());
}

BOOST_AUTO_TEST_CASE(a_machine_that_says_nothing_gets_usual_sizes) {
  FakeRoot root;
  const auto sets = peak::working_sets({"L1", "L2", "L3"}, {1}, root.path());
  BOOST_TEST(bytes_of(sets, "L1") == 16u << 10);
  BOOST_TEST(bytes_of(sets, "L2") == 256u << 10);
  BOOST_TEST(bytes_of(sets, "L3") == 4u << 20);
}

BOOST_AUTO_TEST_CASE(peaks_read_back_from_their_document) {
  const Peaks peaks{
      .isa = "avx512",
      .flops = {{.isa = "avx512",
                 .type = "f16",
                 .computed_as = "f32",
                 .threads = 2,
                 .flops_per_second = 2,
                 .samples = {1, 2, 3}}},
      .bandwidths = {{.level = "L3", .bytes = 1024, .threads = 1, .bytes_per_second = 5, .samples = {5}}}};
  const nlohmann::json document = peaks_to_json(peaks);
  const Peaks back = peaks_from_json(nlohmann::json::parse(document.dump()));
  BOOST_TEST(peaks_to_json(back) == document);
  BOOST_TEST(back.flops_per_second("f16", 2).value() == 2.0);
  BOOST_TEST(back.bytes_per_second("L3", 1).value() == 5.0);
  BOOST_TEST(back.flops.at(0).samples.size() == 3u);
  BOOST_TEST(back.flops_bound("f16", 2).value() == 3.0);
  BOOST_TEST(!back.flops_bound("f16", 1).has_value());
  BOOST_TEST(back.bytes_bound("L3", 1).value() == 5.0);
}

BOOST_AUTO_TEST_CASE(a_document_that_lacks_a_key_or_has_the_wrong_type_is_refused_by_its_key) {
  const auto names = [](const char* key) {
    return [key](const Error& error) { return std::string(error.what()).find(key) != std::string::npos; };
  };
  const auto read = [](const char* text) { peaks_from_json(nlohmann::json::parse(text)); };
  BOOST_CHECK_EXCEPTION(read("[]"), Error, names("isa"));
  BOOST_CHECK_EXCEPTION(read(R"({"isa": 3})"), Error, names("isa"));
  BOOST_CHECK_EXCEPTION(read(R"({"isa": "avx2"})"), Error, names("flops"));
  BOOST_CHECK_EXCEPTION(read(R"({"isa": "avx2", "flops": [{"isa": "avx2"}], "bandwidths": []})"), Error, names("type"));
  BOOST_CHECK_EXCEPTION(read(R"({"isa": "avx2", "flops": [], "bandwidths": [7]})"), Error, names("level"));
}

BOOST_AUTO_TEST_CASE(wrong_questions_are_refused) {
  BOOST_CHECK_THROW(measure_peaks({.threads = {0}}), Error);
  BOOST_CHECK_THROW(measure_peaks({.types = {"f8"}}), Error);
  BOOST_CHECK_THROW(measure_peaks({.levels = {"L4"}}), Error);
  BOOST_CHECK_THROW(measure_peaks({.rounds = 0}), Error);
}

BOOST_AUTO_TEST_SUITE_END()
