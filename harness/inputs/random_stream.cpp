#include "harness/inputs/random_stream.hpp"

#include <Random123/philox.h>
#include <cmath>
#include <span>

// Contracted multiply-adds would round once where other machines round twice.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace attest {
namespace {

double polynomial(std::span<const double> coefficients, double x) {
  double sum = 0.0;
  for (std::size_t index = coefficients.size(); index-- > 0;)
    sum = sum * x + coefficients[index];
  return sum;
}

// The library's logarithm differs between machines in the last bit. Here: m in [sqrt(1/2), sqrt(2)) and
// log(m) = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.172, where 11 terms leave less than 2^-58.
double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0x1.6a09e667f3bcdp-1) {
    mantissa *= 2.0;
    --exponent;
  }
  const double s = (mantissa - 1.0) / (mantissa + 1.0);
  const double square = s * s;
  double sum = 0.0;
  for (int odd = 21; odd >= 1; odd -= 2)
    sum = sum * square + 1.0 / odd;
  constexpr double log_two = 0x1.62e42fefa39efp-1;
  return exponent * log_two + 2.0 * s * sum;
}

// FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

double inverse_normal(double probability) {
  constexpr double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                          1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
  constexpr double b[] = {1.0,
                          4.2313330701600911252e+1,
                          6.8718700749205790830e+2,
                          5.3941960214247511077e+3,
                          2.1213794301586595867e+4,
                          3.9307895800092710610e+4,
                          2.8729085735721942674e+4,
                          5.2264952788528545610e+3};
  constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                          3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                          2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[] = {1.0,
                          2.05319162663775882187e0,
                          1.67638483018380384940e0,
                          6.89767334985100004550e-1,
                          1.48103976427480074590e-1,
                          1.51986665636164571966e-2,
                          5.47593808499534494600e-4,
                          1.05075007164441684324e-9};
  constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                          2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[] = {1.0,
                          5.99832206555887937690e-1,
                          1.36929880922735805310e-1,
                          1.48753612908506148525e-2,
                          7.86869131145613259100e-4,
                          1.84631831751005468180e-5,
                          1.42151175831644588870e-7,
                          2.04426310338993978564e-15};
  const double centred = probability - 0.5;
  if (std::fabs(centred) <= 0.425) {
    const double r = 0.180625 - centred * centred;
    return centred * polynomial(a, r) / polynomial(b, r);
  }
  const double tail = centred < 0.0 ? probability : 1.0 - probability;
  const double r = std::sqrt(-portable_log(tail));
  const double magnitude =
      r <= 5.0 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6) : polynomial(e, r - 5.0) / polynomial(f, r - 5.0);
  return std::copysign(magnitude, centred);
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view name) : seed_(seed), name_hash_(hash_of(name)) {}

std::uint64_t RandomStream::bits(std::uint64_t index) {
  const std::uint64_t block = index / 2;
  if (block != block_) {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const r123::Philox4x32::ctr_type counter{{low(block), high(block), low(name_hash_), high(name_hash_)}};
    const r123::Philox4x32::key_type key{{low(seed_), high(seed_)}};
    const auto words = r123::Philox4x32()(counter, key);
    at_hand_ = {words[0] | std::uint64_t{words[1]} << 32, words[2] | std::uint64_t{words[3]} << 32};
    block_ = block;
  }
  return at_hand_[index % 2];
}

double RandomStream::uniform(std::uint64_t index) {
  // 52 bits and a half: exact, and neither 0 nor 1.
  return (static_cast<double>(bits(index) >> 12) + 0.5) * 0x1p-52;
}

std::int64_t RandomStream::below(std::uint64_t index, std::int64_t count) {
  const auto value = static_cast<std::int64_t>(uniform(index) * static_cast<double>(count));
  return value < count ? value : count - 1;
}

}  // namespace attest
