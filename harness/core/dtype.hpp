#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace attest {

/// Element types in memory. f16 is IEEE binary16; bf16 is the upper half of binary32.
enum class DType { f64, f32, f16, bf16, i64, boolean };

/// Bytes of one element.
constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::f32:
      return 4;
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::boolean:
      return 1;
  }
  return 0;
}

/// "f64", "f32", "f16", "bf16", "i64" or "bool".
std::string_view name_of(DType type);

/// The floating type of that name (f64 f32 f16 bf16), or nothing.
std::optional<DType> floating_type(std::string_view name);

/// Unit roundoff of a floating type: 2^-53, 2^-24, 2^-11, 2^-8.
double unit_roundoff(DType type);

/// Half the smallest subnormal of a floating type: the absolute error of rounding near zero.
double half_smallest_subnormal(DType type);

/// The bits of `value` rounded to nearest even; overflow gives infinity, NaN stays NaN. One rounding, from double.
std::uint16_t f16_bits(double value);
std::uint16_t bf16_bits(double value);

/// The value of the bits, exact.
float f16_value(std::uint16_t bits);
float bf16_value(std::uint16_t bits);

/// Reads or writes element `index` of an array of `type` through double; rounds to nearest even.
double load_element(const void* data, DType type, std::int64_t index);
void store_element(void* data, DType type, std::int64_t index, double value);

}  // namespace attest
