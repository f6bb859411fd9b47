#pragma once

// Values of PTX's types, their edges, and exact arithmetic that is rounded once: what the oracles are made of. It
// shares nothing with the emulator.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace attest::ptx {

/// Wide enough that every sum of two products of floats is exact or can be rounded to odd.
__extension__ using Quad = __float128;
__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

enum class Kind : std::uint8_t { predicate, bits, integer, floating, floating_pair };

/// A binary floating-point format.
struct Format {
  int exponent_bits = 8;
  int fraction_bits = 23;
  int bits() const { return 1 + exponent_bits + fraction_bits; }
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  bool operator==(const Format&) const = default;
};
inline constexpr Format half_format{5, 10};
inline constexpr Format bfloat_format{8, 7};
inline constexpr Format single_format{8, 23};
inline constexpr Format double_format{11, 52};

/// A type as PTX names it.
struct Type {
  const char* name = "b32";
  Kind kind = Kind::bits;
  int bits = 32;
  bool is_signed = false;
  Format format{};  ///< of floating and of each half of floating_pair
};
inline constexpr Type pred{"pred", Kind::predicate, 1};
inline constexpr Type b8{"b8", Kind::bits, 8}, b16{"b16", Kind::bits, 16}, b32{"b32", Kind::bits, 32},
    b64{"b64", Kind::bits, 64};
inline constexpr Type u8{"u8", Kind::integer, 8}, u16{"u16", Kind::integer, 16}, u32{"u32", Kind::integer, 32},
    u64{"u64", Kind::integer, 64};
inline constexpr Type s8{"s8", Kind::integer, 8, true}, s16{"s16", Kind::integer, 16, true},
    s32{"s32", Kind::integer, 32, true}, s64{"s64", Kind::integer, 64, true};
inline constexpr Type f16{"f16", Kind::floating, 16, true, half_format};
inline constexpr Type bf16{"bf16", Kind::floating, 16, true, bfloat_format};
inline constexpr Type f32{"f32", Kind::floating, 32, true, single_format};
inline constexpr Type f64{"f64", Kind::floating, 64, true, double_format};
inline constexpr Type f16x2{"f16x2", Kind::floating_pair, 32, true, half_format};
inline constexpr Type bf16x2{"bf16x2", Kind::floating_pair, 32, true, bfloat_format};

/// `bits` low bits of a value.
std::uint64_t low_bits(std::uint64_t value, int bits);
/// The value of an integer or bits type, in a type that holds its every sum and product.
Wide integer_value(std::uint64_t bits, const Type& type);

/// Values where an instruction may go wrong: zero, ones, extremes, NaN, infinities, subnormals, halfway cases.
std::vector<std::uint64_t> edges_of(const Type& type);
/// An edge, random bits, or (floating) a value of moderate size.
std::uint64_t random_value(const Type& type, std::mt19937_64& random);
/// Tuples of values, one of each type: all tuples of edges when they are at most half of `count`, the rest at random.
std::vector<std::vector<std::uint64_t>> tuples_of(const std::vector<Type>& types, std::size_t count,
                                                  std::uint64_t seed);

enum class Rounding : std::uint8_t { nearest, zero, down, up, nearest_away };
/// "rn" to Rounding::nearest and so on; an empty text is nearest.
Rounding rounding_of(const std::string& modifier);

bool is_nan(std::uint64_t bits, const Format& format);
bool is_infinite(std::uint64_t bits, const Format& format);
bool is_subnormal(std::uint64_t bits, const Format& format);
bool is_zero(std::uint64_t bits, const Format& format);
bool is_negative(std::uint64_t bits, const Format& format);
std::uint64_t canonical_nan(const Format& format);
std::uint64_t infinity_of(const Format& format, bool negative);

/// Exact value; NaN and infinities as those of Quad.
Quad value_of(std::uint64_t bits, const Format& format);
/// Rounds once. A zero keeps its sign.
std::uint64_t round_to(Quad value, const Format& format, Rounding rounding);
/// Sum that is exact or, where it cannot be, has its last bit set to odd, so that rounding it again to a format of at
/// most 100 bits is rounding the exact sum. An exact zero of operands that differ in sign has the sign that `rounding`
/// gives it.
Quad add_to_odd(Quad a, Quad b, Rounding rounding);
/// Quotient and root to 113 bits, so near that rounding again to 53 bits or less is rounding the exact one.
Quad divide(Quad a, Quad b);
Quad square_root(Quad value);
bool quad_is_nan(Quad value);
bool quad_is_infinite(Quad value);
bool quad_sign(Quad value);
Quad quad_infinity(bool negative);
Quad quad_nan();
/// 2^exponent.
Quad power_of_two(int exponent);

}  // namespace attest::ptx
