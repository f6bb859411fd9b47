#include "tests/ptx/values.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace attest::ptx {
namespace {

UnsignedWide raw(Quad value) {
  UnsignedWide bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

Quad from_raw(UnsignedWide bits) {
  Quad value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

constexpr int quad_fraction = 112;
constexpr int quad_bias = 16383;
constexpr UnsignedWide one = 1;
constexpr UnsignedWide quad_fraction_mask = (one << quad_fraction) - 1;

int quad_exponent(Quad value) {
  return static_cast<int>((raw(value) >> quad_fraction) & 0x7fff);
}

std::vector<std::uint64_t> floating_edges(const Format& format) {
  std::vector<std::uint64_t> edges;
  const std::uint64_t fraction = (std::uint64_t{1} << format.fraction_bits) - 1;
  const std::uint64_t sign = std::uint64_t{1} << (format.bits() - 1);
  const std::uint64_t infinity = infinity_of(format, false);
  const auto rounded = [&](Quad value) { return round_to(value, format, Rounding::nearest); };
  for (const std::uint64_t positive :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, fraction / 2 + 1, fraction, fraction + 1, fraction + 2,
        infinity - 1, infinity - 2, infinity, infinity | (fraction / 2 + 1), rounded(1), rounded(1) + 1, rounded(1) - 1,
        rounded(0.5), rounded(1.5), rounded(2), rounded(2.5), rounded(3), rounded(3.5), rounded(0.1), rounded(127.5),
        rounded(128), rounded(255.5), rounded(256), rounded(32767.5), rounded(32768), rounded(65504), rounded(65519.5),
        rounded(65520), rounded(65535.5), rounded(65536), rounded(2147483647.5), rounded(2147483648.0),
        rounded(4294967295.5), rounded(4294967296.0), rounded(power_of_two(63)), rounded(power_of_two(64)),
        rounded(power_of_two(-14)), rounded(power_of_two(-15)), rounded(power_of_two(-24)), rounded(power_of_two(-25)),
        rounded(power_of_two(-25)) + 1, rounded(power_of_two(-126)), rounded(power_of_two(-133)),
        rounded(power_of_two(-134)),
        // halfway between two values of f16, bf16, tf32 and f32, and beside it
        rounded(1 + power_of_two(-11)), rounded(1 + 3 * power_of_two(-11)), rounded(1 + power_of_two(-11)) + 1,
        rounded(1 + power_of_two(-8)), rounded(1 + 3 * power_of_two(-8)), rounded(1 + power_of_two(-8)) - 1,
        rounded(1 + power_of_two(-24)), rounded(1 + 3 * power_of_two(-24)), rounded(2 - power_of_two(-12)),
        rounded(2 - power_of_two(-9))}) {
    edges.push_back(positive);
    edges.push_back(positive | sign);
  }
  return edges;
}

std::uint64_t random_floating(const Format& format, std::mt19937_64& random) {
  const std::uint64_t sign = random() & 1;
  const std::uint64_t exponent =
      static_cast<std::uint64_t>(format.bias() - 4) + random() % 9;  // from 1/16 to 32: sums that cancel and round
  const std::uint64_t fraction = low_bits(random(), format.fraction_bits);
  return sign << (format.bits() - 1) | exponent << format.fraction_bits | fraction;
}

}  // namespace

std::uint64_t low_bits(std::uint64_t value, int bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}

Wide integer_value(std::uint64_t bits, const Type& type) {
  const std::uint64_t low = low_bits(bits, type.bits);
  const bool negative = type.is_signed && ((low >> (type.bits - 1)) & 1) != 0;
  return negative ? static_cast<Wide>(low) - (static_cast<Wide>(1) << type.bits) : static_cast<Wide>(low);
}

std::vector<std::uint64_t> edges_of(const Type& type) {
  switch (type.kind) {
    case Kind::predicate:
      return {0, 1};
    case Kind::floating:
      return floating_edges(type.format);
    case Kind::floating_pair: {
      std::vector<std::uint64_t> edges;
      const std::vector<std::uint64_t> halves = floating_edges(type.format);
      for (std::size_t i = 0; i < halves.size(); ++i)
        edges.push_back(halves[i] << 16 | halves[(i * 7 + 3) % halves.size()]);
      return edges;
    }
    default: {
      std::vector<std::uint64_t> edges;
      const std::uint64_t top = std::uint64_t{1} << (type.bits - 1);
      for (const std::uint64_t value : std::initializer_list<std::uint64_t>{0,
                                                                            1,
                                                                            2,
                                                                            3,
                                                                            7,
                                                                            8,
                                                                            15,
                                                                            16,
                                                                            31,
                                                                            32,
                                                                            33,
                                                                            63,
                                                                            64,
                                                                            65,
                                                                            127,
                                                                            128,
                                                                            255,
                                                                            256,
                                                                            0x7fff,
                                                                            0x8000,
                                                                            0xffff,
                                                                            0x7fffffff,
                                                                            0x80000000,
                                                                            0xffffffff,
                                                                            top,
                                                                            top - 1,
                                                                            top + 1,
                                                                            top * 2 - 1,
                                                                            top * 2 - 2,
                                                                            0x123456789abcdef0u,
                                                                            0x5555555555555555u,
                                                                            0xaaaaaaaaaaaaaaaau,
                                                                            0x00ff00ff00ff00ffu})
        edges.push_back(low_bits(value, type.bits));
      return edges;
    }
  }
}

std::uint64_t random_value(const Type& type, std::mt19937_64& random) {
  if (type.kind == Kind::predicate) return random() & 1;
  if (type.kind == Kind::floating_pair) {
    const Type part{"", Kind::floating, 16, true, type.format};
    const std::uint64_t high = random_value(part, random);
    return high << 16 | random_value(part, random);
  }
  const std::uint64_t choice = random() % 4;
  if (choice == 0) {
    const std::vector<std::uint64_t> edges = edges_of(type);
    return edges[random() % edges.size()];
  }
  if (type.kind == Kind::floating && choice != 1) return random_floating(type.format, random);
  // Integers of every length: shift amounts and small divisors are as likely as large ones.
  const std::uint64_t value = low_bits(random(), type.bits);
  return choice == 2 ? value >> (random() % static_cast<std::uint64_t>(type.bits)) : value;
}

std::vector<std::vector<std::uint64_t>> tuples_of(const std::vector<Type>& types, std::size_t count,
                                                  std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<std::uint64_t>> edges;
  std::size_t product = 1;
  for (const Type& type : types) {
    edges.push_back(edges_of(type));
    product = product > count ? product : product * edges.back().size();
  }
  std::vector<std::vector<std::uint64_t>> tuples;
  if (product <= count / 2)
    for (std::size_t i = 0; i < product; ++i) {
      std::vector<std::uint64_t> tuple;
      std::size_t rest = i;
      for (const auto& values : edges) {
        tuple.push_back(values[rest % values.size()]);
        rest /= values.size();
      }
      tuples.push_back(tuple);
    }
  while (tuples.size() < count) {
    std::vector<std::uint64_t> tuple;
    const bool of_edges = random() % 2 == 0;
    for (std::size_t k = 0; k < types.size(); ++k)
      tuple.push_back(of_edges ? edges[k][random() % edges[k].size()] : random_value(types[k], random));
    tuples.push_back(tuple);
  }
  return tuples;
}

Rounding rounding_of(const std::string& modifier) {
  if (modifier.empty() || modifier == "rn" || modifier == "rni") return Rounding::nearest;
  if (modifier == "rz" || modifier == "rzi") return Rounding::zero;
  if (modifier == "rm" || modifier == "rmi") return Rounding::down;
  if (modifier == "rp" || modifier == "rpi") return Rounding::up;
  if (modifier == "rna") return Rounding::nearest_away;
  throw std::invalid_argument("no rounding: " + modifier);
}

bool is_nan(std::uint64_t bits, const Format& format) {
  return low_bits(bits, format.bits() - 1) > infinity_of(format, false);
}
bool is_infinite(std::uint64_t bits, const Format& format) {
  return low_bits(bits, format.bits() - 1) == infinity_of(format, false);
}
bool is_subnormal(std::uint64_t bits, const Format& format) {
  const std::uint64_t magnitude = low_bits(bits, format.bits() - 1);
  return magnitude != 0 && magnitude >> format.fraction_bits == 0;
}
bool is_zero(std::uint64_t bits, const Format& format) {
  return low_bits(bits, format.bits() - 1) == 0;
}
bool is_negative(std::uint64_t bits, const Format& format) {
  return ((bits >> (format.bits() - 1)) & 1) != 0;
}
std::uint64_t canonical_nan(const Format& format) {
  return low_bits(~std::uint64_t{0}, format.bits() - 1);
}
std::uint64_t infinity_of(const Format& format, bool negative) {
  const std::uint64_t exponent = (std::uint64_t{1} << format.exponent_bits) - 1;
  return exponent << format.fraction_bits | std::uint64_t{negative} << (format.bits() - 1);
}

Quad value_of(std::uint64_t bits, const Format& format) {
  const bool negative = is_negative(bits, format);
  if (is_nan(bits, format)) return quad_nan();
  if (is_infinite(bits, format)) return quad_infinity(negative);
  const std::uint64_t fraction = low_bits(bits, format.fraction_bits);
  const int exponent = static_cast<int>(low_bits(bits >> format.fraction_bits, format.exponent_bits));
  const std::uint64_t significand = exponent == 0 ? fraction : fraction | std::uint64_t{1} << format.fraction_bits;
  const int scale = (exponent == 0 ? 1 : exponent) - format.bias() - format.fraction_bits;
  const Quad magnitude = static_cast<Quad>(significand) * power_of_two(scale);
  return negative ? -magnitude : magnitude;
}

std::uint64_t round_to(Quad value, const Format& format, Rounding rounding) {
  const bool negative = quad_sign(value);
  const std::uint64_t sign = std::uint64_t{negative} << (format.bits() - 1);
  if (quad_is_nan(value)) return canonical_nan(format);
  if (quad_is_infinite(value)) return infinity_of(format, negative);
  if (value == 0) return sign;
  // No format here reaches the subnormals of Quad.
  const int exponent = quad_exponent(value) - quad_bias;
  UnsignedWide significand = (raw(value) & quad_fraction_mask) | one << quad_fraction;
  const int smallest = 1 - format.bias();
  int dropped = quad_fraction - format.fraction_bits + (exponent < smallest ? smallest - exponent : 0);
  if (dropped > 120) {
    significand = 1;  // far below the least subnormal: only that something is left matters
    dropped = 120;
  }
  std::uint64_t kept = static_cast<std::uint64_t>(significand >> dropped);
  const UnsignedWide rest = significand & ((one << dropped) - 1);
  const UnsignedWide halfway = one << (dropped - 1);
  bool up = false;
  switch (rounding) {
    case Rounding::nearest:
      up = rest > halfway || (rest == halfway && (kept & 1) != 0);
      break;
    case Rounding::nearest_away:
      up = rest >= halfway;
      break;
    case Rounding::zero:
      break;
    case Rounding::down:
      up = negative && rest != 0;
      break;
    case Rounding::up:
      up = !negative && rest != 0;
      break;
  }
  kept += up ? 1 : 0;
  // A carry out of the fraction moves into the exponent by itself, from the subnormals too.
  const std::uint64_t base =
      exponent < smallest ? 0 : static_cast<std::uint64_t>(exponent + format.bias() - 1) << format.fraction_bits;
  const std::uint64_t magnitude = base + kept;
  if (exponent > format.bias() || magnitude >= infinity_of(format, false)) {
    const bool to_infinity = rounding == Rounding::nearest || rounding == Rounding::nearest_away ||
                             (rounding == Rounding::up && !negative) || (rounding == Rounding::down && negative);
    return sign | (to_infinity ? infinity_of(format, false) : infinity_of(format, false) - 1);
  }
  return sign | magnitude;
}

Quad add_to_odd(Quad a, Quad b, Rounding rounding) {
  const Quad sum = a + b;
  if (quad_is_nan(sum) || quad_is_infinite(sum)) return sum;
  if (sum == 0) {
    if (a == 0 && b == 0 && quad_sign(a) == quad_sign(b)) return a;
    return rounding == Rounding::down ? -static_cast<Quad>(0) : static_cast<Quad>(0);
  }
  // Knuth's TwoSum: what rounding lost, exactly.
  const Quad b_seen = sum - a;
  const Quad lost = (a - (sum - b_seen)) + (b - b_seen);
  if (lost == 0) return sum;
  UnsignedWide bits = raw(sum);
  if ((bits & 1) == 0) bits += (lost < 0) == quad_sign(sum) ? one : ~UnsignedWide{0};
  return from_raw(bits);
}

Quad divide(Quad a, Quad b) {
  return a / b;
}

Quad square_root(Quad value) {
  if (quad_is_nan(value) || value == 0 || (quad_is_infinite(value) && !quad_sign(value))) return value;
  if (value < 0) return quad_nan();
  // Scaled by an even power of two into the range of double, then Newton's steps, the last of which is exact enough.
  int shift = quad_exponent(value) - quad_bias;
  shift -= shift & 1;
  const Quad scaled = value * power_of_two(-shift);
  Quad root = static_cast<Quad>(std::sqrt(static_cast<double>(scaled)));
  for (int step = 0; step < 3; ++step)
    root += (scaled - root * root) / (2 * root);
  return root * power_of_two(shift / 2);
}

bool quad_is_nan(Quad value) {
  return value != value;
}
bool quad_is_infinite(Quad value) {
  return !quad_is_nan(value) && quad_exponent(value) == 0x7fff;
}
bool quad_sign(Quad value) {
  return (raw(value) >> 127) != 0;
}
Quad quad_infinity(bool negative) {
  return from_raw(static_cast<UnsignedWide>(0x7fff) << quad_fraction | UnsignedWide{negative} << 127);
}
Quad quad_nan() {
  return from_raw(static_cast<UnsignedWide>(0x7fff) << quad_fraction | one << (quad_fraction - 1));
}
Quad power_of_two(int exponent) {
  return from_raw(static_cast<UnsignedWide>(exponent + quad_bias) << quad_fraction);
}

}  // namespace attest::ptx
