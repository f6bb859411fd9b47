// Compensated arithmetic against exact integers, the row loops against themselves on other instruction sets and against
// core's conversions, and Philox against the known answers of Random123.
#include "reference/compensated.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "reference/bounds.hpp"
#include "reference/philox.hpp"
#include "reference/row_loops.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
__extension__ using Wide = __int128;

// An integer of up to `bits` bits, exact as double when there are at most 53.
std::int64_t integer(test::Random& random, int bits) {
  const std::int64_t magnitude = random.below(std::int64_t{1} << bits);
  return random.chance(0.5) ? -magnitude : magnitude;
}

// The theorem of Ogita, Rump and Oishi: what a dot product in twice the precision may err.
double dot2_bound(double truth, const std::vector<double>& a, const std::vector<double>& b) {
  double magnitude = 0.0;
  for (std::size_t index = 0; index < a.size(); ++index)
    magnitude += std::fabs(a[index] * b[index]);
  const double relative = attest::gamma(static_cast<double>(a.size()), reference_roundoff);
  return 2.0 * reference_roundoff * std::fabs(truth) + relative * relative * magnitude;
}

double plain_dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t index = 0; index < a.size(); ++index)
    sum += a[index] * b[index];
  return sum;
}

double as_double(std::int64_t value) {
  return static_cast<double>(value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(compensated)

BOOST_AUTO_TEST_CASE(two_sum_and_two_product_lose_nothing) {
  test::Random random(1);
  for (int trial = 0; trial < 10000; ++trial) {
    const std::int64_t a = integer(random, static_cast<int>(random.between(1, 53)));
    const std::int64_t b = integer(random, static_cast<int>(random.between(1, 53)));
    const Compensated sum = two_sum(as_double(a), as_double(b));
    BOOST_REQUIRE(static_cast<Wide>(sum.value) + static_cast<Wide>(sum.error) == static_cast<Wide>(a) + b);
    const Compensated product = two_product(as_double(a), as_double(b));
    BOOST_REQUIRE(static_cast<Wide>(product.value) + static_cast<Wide>(product.error) == static_cast<Wide>(a) * b);
  }
}

BOOST_AUTO_TEST_CASE(dot2_keeps_its_theorem_where_a_plain_dot_does_not) {
  test::Random random(2);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> a, b;
    Wide exact = 0;
    // Pairs of huge terms cancel all but their low bits.
    for (int index = 0; index < 50; ++index) {
      const std::int64_t x = integer(random, 53);
      const std::int64_t y = integer(random, 52);
      const std::int64_t z = y + random.between(-3, 3);
      a.insert(a.end(), {as_double(x), as_double(-x)});
      b.insert(b.end(), {as_double(y), as_double(z)});
      exact += static_cast<Wide>(x) * y - static_cast<Wide>(x) * z;
    }
    const auto truth = static_cast<double>(exact);
    BOOST_TEST(std::fabs(dot2(a, b) - truth) <= dot2_bound(truth, a, b));
    BOOST_TEST(std::fabs(plain_dot(a, b) - truth) > dot2_bound(truth, a, b));
  }
}

BOOST_AUTO_TEST_CASE(sum2_survives_cancellation_and_keeps_infinities) {
  const double infinity = HUGE_VAL;
  BOOST_TEST(sum2(std::array{1e16, 1.0, -1e16, 3.0}) == 4.0);
  BOOST_TEST(sum2(std::array{1.0, infinity, 2.0}) == infinity);
  BOOST_TEST(std::isnan(sum2(std::array{infinity, 1.0, -infinity})));
}

BOOST_AUTO_TEST_CASE(gamma_grows_with_the_chain_and_ends_where_it_proves_nothing) {
  BOOST_TEST(attest::gamma(0.0, 0x1p-24) == 0.0);
  BOOST_TEST(attest::gamma(1.0, 0x1p-24) > 0x1p-24);
  BOOST_TEST(attest::gamma(128.0, 0x1p-8) == 1.0);
  BOOST_TEST(std::isinf(attest::gamma(256.0, 0x1p-8)));
}

BOOST_AUTO_TEST_CASE(row_loops_dot_equals_dot2_on_cancelling_vectors) {
  test::Random random(3);
  for (const bool narrow : {true, false}) {
    for (int trial = 0; trial < 100; ++trial) {
      std::vector<double> a(64), b(64);
      for (std::size_t c = 0; c < a.size(); c += 2) {
        a[c] = as_double(integer(random, narrow ? 24 : 53));
        a[c + 1] = -a[c];
        b[c] = as_double(integer(random, narrow ? 23 : 52));
        b[c + 1] = b[c] + as_double(random.between(-1, 1));
      }
      DotProduct got;
      row_loops().dot(a.data(), b.data(), 64, narrow, &got);
      const double truth = dot2(a, b);
      BOOST_TEST(std::fabs(got.value - truth) <= 2.0 * dot2_bound(truth, a, b));
    }
  }
}

BOOST_AUTO_TEST_CASE(row_loops_widen_every_16_bit_pattern_as_core_does) {
  std::vector<std::uint16_t> bits(65536);
  for (std::size_t index = 0; index < bits.size(); ++index)
    bits[index] = static_cast<std::uint16_t>(index);
  std::vector<double> wide(bits.size());
  for (const DType type : {DType::f16, DType::bf16}) {
    row_loops().widen(bits.data(), type, 65536, wide.data());
    for (std::size_t index = 0; index < bits.size(); ++index) {
      const double expected = load_element(bits.data(), type, static_cast<std::int64_t>(index));
      const bool same = std::isnan(expected) ? std::isnan(wide[index]) : wide[index] == expected;
      BOOST_REQUIRE_MESSAGE(same, name_of(type) << " bits " << index);
    }
  }
}

#if defined(__x86_64__)
BOOST_AUTO_TEST_CASE(row_loops_give_the_same_bits_on_every_instruction_set) {
  if (&row_loops() != &row_loops_avx2::table) {
    BOOST_TEST_MESSAGE("skipped: this machine has no AVX2");
    return;
  }
  test::Random random(4);
  constexpr std::int64_t count = 40;
  std::vector<double> q(count), k(count);
  for (std::int64_t c = 0; c < count; ++c) {
    q[c] = random.normal();
    k[c] = random.normal();
  }
  const auto run = [&](const RowLoops& loops, bool exact) {
    DotProduct dot;
    loops.dot(q.data(), k.data(), count, exact, &dot);
    std::vector<double> all{dot.value, dot.magnitude, loops.plain_dot(q.data(), k.data(), count)};
    std::vector<double> sum(q), error(count), magnitude(count), absolute(count), spread(count);
    const Compensated halves = split(0.3);
    loops.accumulate({0.3, halves.value, halves.error}, 1.25, k.data(), count, exact,
                     {sum.data(), error.data(), magnitude.data(), absolute.data()});
    loops.add_spread(0.7, 1.25, k.data(), q.data(), count, spread.data());
    std::vector<float> plain(count);
    loops.plain_accumulate(0.3f, k.data(), count, plain.data());
    for (const auto& part : {sum, error, magnitude, absolute, spread})
      all.insert(all.end(), part.begin(), part.end());
    all.insert(all.end(), plain.begin(), plain.end());
    return all;
  };
  for (const bool exact : {true, false})
    BOOST_TEST(run(row_loops_baseline::table, exact) == run(row_loops_avx2::table, exact));
}
#endif

BOOST_AUTO_TEST_CASE(philox_gives_the_known_answers_of_random123) {
  using Words = std::array<std::uint32_t, 4>;
  constexpr std::uint32_t ones = 0xffffffff;
  BOOST_CHECK((philox4x32_10({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  BOOST_CHECK(
      (philox4x32_10({ones, ones, ones, ones}, {ones, ones}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  BOOST_CHECK((philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
               Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

BOOST_AUTO_TEST_CASE(dropout_keeps_the_share_that_it_says) {
  const DropoutMask mask(0.3, 99);
  int kept = 0;
  for (std::int64_t key = 0; key < 20000; ++key)
    kept += mask.keeps(0, 1, 2, key) ? 1 : 0;
  BOOST_TEST(std::fabs(kept / 20000.0 - 0.7) < 0.015);
}

BOOST_AUTO_TEST_SUITE_END()
