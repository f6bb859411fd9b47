#include "harness/core/dtype.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace attest {
namespace {

// Rounds a double to a binary format with `digits` significant bits (hidden one included), least exponent `least`
// (of the smallest normal number) and greatest finite value `greatest`; one rounding, nearest even.
double round_to(double value, int digits, int least, double greatest) {
  if (!std::isfinite(value) || value == 0.0) return value;
  int exponent = 0;
  std::frexp(value, &exponent);
  const int quantum = std::max(exponent - digits, least - digits + 1);
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -quantum)), quantum);
  if (std::fabs(rounded) > greatest) return std::copysign(std::numeric_limits<double>::infinity(), value);
  return rounded;
}

constexpr double greatest_f16 = 65504.0;

}  // namespace

std::string_view name_of(DType type) {
  switch (type) {
    case DType::f64:
      return "f64";
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::i64:
      return "i64";
    case DType::boolean:
      return "bool";
  }
  return "?";
}

std::optional<DType> floating_type(std::string_view name) {
  for (const DType type : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    if (name == name_of(type)) return type;
  }
  return std::nullopt;
}

double unit_roundoff(DType type) {
  switch (type) {
    case DType::f64:
      return 0x1p-53;
    case DType::f32:
      return 0x1p-24;
    case DType::f16:
      return 0x1p-11;
    case DType::bf16:
      return 0x1p-8;
    default:
      return 0.0;
  }
}

double half_smallest_subnormal(DType type) {
  switch (type) {
    case DType::f32:
      return 0x1p-150;
    case DType::f16:
      return 0x1p-25;
    case DType::bf16:
      return 0x1p-134;
    default:
      return 0.0;
  }
}

std::uint16_t bf16_bits(double value) {
  if (std::isnan(value)) return 0x7fc0;
  const double greatest = std::ldexp(255.0, 120);
  const float rounded = static_cast<float>(round_to(value, 8, -126, greatest));
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(rounded) >> 16);
}

float bf16_value(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t f16_bits(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return 0x7e00;
  const double magnitude = std::fabs(round_to(value, 11, -14, greatest_f16));
  if (std::isinf(magnitude)) return sign | 0x7c00;
  if (magnitude == 0.0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  if (exponent - 1 < -14) return static_cast<std::uint16_t>(sign | static_cast<int>(std::ldexp(magnitude, 24)));
  const int fraction = static_cast<int>(std::ldexp(magnitude, 11 - exponent)) - 1024;
  return static_cast<std::uint16_t>(sign | ((exponent - 1 + 15) << 10) | fraction);
}

float f16_value(std::uint16_t bits) {
  // Exponent and fraction moved to their places in binary32 are the value times 2^-112, subnormals included.
  const std::uint32_t magnitude = bits & 0x7fffu;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

double load_element(const void* data, DType type, std::int64_t index) {
  switch (type) {
    case DType::f64:
      return static_cast<const double*>(data)[index];
    case DType::f32:
      return static_cast<const float*>(data)[index];
    case DType::f16:
      return f16_value(static_cast<const std::uint16_t*>(data)[index]);
    case DType::bf16:
      return bf16_value(static_cast<const std::uint16_t*>(data)[index]);
    case DType::i64:
      return static_cast<double>(static_cast<const std::int64_t*>(data)[index]);
    case DType::boolean:
      return static_cast<const std::uint8_t*>(data)[index];
  }
  return 0.0;
}

void store_element(void* data, DType type, std::int64_t index, double value) {
  switch (type) {
    case DType::f64:
      static_cast<double*>(data)[index] = value;
      return;
    case DType::f32:
      static_cast<float*>(data)[index] = static_cast<float>(value);
      return;
    case DType::f16:
      static_cast<std::uint16_t*>(data)[index] = f16_bits(value);
      return;
    case DType::bf16:
      static_cast<std::uint16_t*>(data)[index] = bf16_bits(value);
      return;
    case DType::i64:
      static_cast<std::int64_t*>(data)[index] = static_cast<std::int64_t>(value);
      return;
    case DType::boolean:
      static_cast<std::uint8_t*>(data)[index] = value != 0.0;
      return;
  }
}

}  // namespace attest
