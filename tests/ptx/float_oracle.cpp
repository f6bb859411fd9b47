#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {

std::uint64_t flushed(std::uint64_t bits, const Format& format, bool flush) {
  return flush && is_subnormal(bits, format) ? bits & std::uint64_t{1} << (format.bits() - 1) : bits;
}

Part finished(Quad exact, const Format& format, const FloatOptions& options) {
  std::uint64_t bits = round_to(exact, format, options.rounding);
  std::uint64_t also = bits;
  if (options.flush) {
    const Quad least = power_of_two(1 - format.bias());
    bits = flushed(bits, format, true);
    const Quad magnitude = quad_sign(exact) ? -exact : exact;
    also = magnitude < least ? bits & std::uint64_t{1} << (format.bits() - 1) : bits;
  }
  if (options.saturate || options.relu) {
    if (is_nan(bits, format)) return exactly(options.saturate ? 0 : canonical_nan(format));
    // The sign of a zero that is clamped is not said.
    if (is_negative(bits, format)) return one_of(0, is_zero(bits, format) || is_zero(also, format) ? bits : 0);
    const std::uint64_t unit = round_to(1, format, Rounding::nearest);
    if (options.saturate && bits > unit) return exactly(unit);
  }
  return one_of(bits, also);
}

Part fused(std::uint64_t a, std::uint64_t b, std::uint64_t c, const Format& format, const FloatOptions& options) {
  const Quad x = value_of(flushed(a, format, options.flush), format);
  const Quad y = value_of(flushed(b, format, options.flush), format);
  const Quad z = value_of(flushed(c, format, options.flush), format);
  return finished(add_to_odd(x * y, z, options.rounding), format, options);
}

Part sum(std::uint64_t a, std::uint64_t b, const Format& format, const FloatOptions& options) {
  const Quad x = value_of(flushed(a, format, options.flush), format);
  const Quad y = value_of(flushed(b, format, options.flush), format);
  return finished(add_to_odd(x, y, options.rounding), format, options);
}

Part product(std::uint64_t a, std::uint64_t b, const Format& format, const FloatOptions& options) {
  const Quad x = value_of(flushed(a, format, options.flush), format);
  const Quad y = value_of(flushed(b, format, options.flush), format);
  return finished(x * y, format, options);
}

Part extreme(std::uint64_t a, std::uint64_t b, const Format& format, bool greatest, bool flush, bool propagate_nan,
             bool sign_of_both) {
  const std::uint64_t sign = std::uint64_t{1} << (format.bits() - 1);
  a = flushed(a, format, flush);
  b = flushed(b, format, flush);
  const std::uint64_t both_signs = (a ^ b) & sign;
  if (sign_of_both) {
    a &= ~sign;
    b &= ~sign;
  }
  const bool a_is_nan = is_nan(a, format);
  const bool b_is_nan = is_nan(b, format);
  std::uint64_t chosen = 0;
  if ((a_is_nan && b_is_nan) || (propagate_nan && (a_is_nan || b_is_nan))) {
    // Its sign, were .xorsign to give it one, is still that of a NaN.
    return exactly(canonical_nan(format));
  } else if (a_is_nan || b_is_nan) {
    chosen = a_is_nan ? b : a;
  } else if (is_zero(a, format) && is_zero(b, format)) {
    chosen = greatest ? a & b : a | b;
  } else {
    const bool a_is_less = value_of(a, format) < value_of(b, format);
    chosen = a_is_less == greatest ? b : a;
  }
  return exactly(sign_of_both ? chosen | both_signs : chosen);
}

FormCase elementwise(const std::string& text, const Type& type, std::size_t sources, const ElementOracle& operation,
                     std::size_t count) {
  return {.text = text,
          .destinations = {type},
          .sources = std::vector<Type>(sources, type),
          .lane =
              [=](const std::uint64_t* s, Want* d) {
                const bool pair = type.kind == Kind::floating_pair;
                for (int half = 0; half < (pair ? 2 : 1); ++half) {
                  std::uint64_t elements[4] = {};
                  for (std::size_t k = 0; k < sources; ++k)
                    elements[k] = pair ? s[k] >> (16 * half) & 0xffff : s[k];
                  d[0].part[half] = operation(elements);
                }
              },
          .count = count};
}

}  // namespace attest::ptx
