#pragma once

// The arithmetic that f32, f64, f16 and bf16 forms share: exact, rounded once, then flushed, saturated or clamped.

#include <cstdint>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {

/// Modifiers of a floating-point instruction.
struct FloatOptions {
  Rounding rounding = Rounding::nearest;
  bool flush = false;     ///< .ftz: subnormal operands and results become zeros of their sign
  bool saturate = false;  ///< .sat: into [0, 1], NaN to +0
  bool relu = false;      ///< .relu: below 0 to 0
};

/// `bits`, or the zero of its sign where it is subnormal and `flush` is set.
std::uint64_t flushed(std::uint64_t bits, const Format& format, bool flush);
/// Rounds and applies the options. Two results where the definition leaves two open: whether a result that rounds up to
/// the least normal number was subnormal; the sign of a zero that was clamped.
Part finished(Quad exact, const Format& format, const FloatOptions& options);
/// a * b + c, rounded once.
Part fused(std::uint64_t a, std::uint64_t b, std::uint64_t c, const Format& format, const FloatOptions& options);
Part sum(std::uint64_t a, std::uint64_t b, const Format& format, const FloatOptions& options);
Part product(std::uint64_t a, std::uint64_t b, const Format& format, const FloatOptions& options);
/// min or max: -0 below +0; of a NaN and a number the number, unless `propagate_nan`; `sign_of_both` is .xorsign.abs.
Part extreme(std::uint64_t a, std::uint64_t b, const Format& format, bool greatest, bool flush, bool propagate_nan,
             bool sign_of_both);

/// A form over one or two halves of its operands: `operation` gets the bits of one element each.
using ElementOracle = std::function<Part(const std::uint64_t* elements)>;
FormCase elementwise(const std::string& text, const Type& type, std::size_t sources, const ElementOracle& operation,
                     std::size_t count = 4096);

}  // namespace attest::ptx
