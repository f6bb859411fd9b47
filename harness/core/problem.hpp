#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/dtype.hpp"

namespace attest {

/// Where the keys lie against the queries: row i sees, when causal, key j <= i + offset.
struct Align {
  enum class Kind { top_left, bottom_right, offset };
  Kind kind = Kind::bottom_right;
  std::int64_t value = 0;  ///< the offset itself, for Kind::offset

  bool operator==(const Align&) const = default;
};

/// Keys i+offset-left .. i+offset+right are visible, both included; -1 is unbounded.
struct Window {
  std::int64_t left = -1;
  std::int64_t right = -1;

  bool operator==(const Window&) const = default;
};

/// What to compute. Sizes are at least 1; heads_q is a multiple of heads_kv.
struct Problem {
  std::int64_t batch = 1;
  std::int64_t heads_q = 1;
  std::int64_t heads_kv = 1;
  std::int64_t seq_q = 1;
  std::int64_t seq_kv = 1;
  std::int64_t head_dim = 64;
  std::int64_t head_dim_v = 64;
  DType dtype = DType::f32;
  bool causal = false;
  Align align;
  Window window;
  std::optional<double> scale;                    ///< multiplies QK^T; none is 1/sqrt(head_dim)
  double softcap = 0.0;                           ///< c*tanh(s/c) on the scaled scores; 0 is off
  double dropout = 0.0;                           ///< probability that a weight is dropped
  std::uint64_t seed = 0;                         ///< of the dropout mask
  std::map<std::string, std::string> parameters;  ///< a variant's own, as `global=16`

  double effective_scale() const;
  std::int64_t group() const { return heads_q / heads_kv; }
  /// One new token for each sequence: the time is that of reading the KV cache.
  bool decodes() const { return seq_q == 1; }
  bool has_window() const { return window.left >= 0 || window.right >= 0; }

  /// i + offset is the key position of query row i; kv_length is that batch entry's number of keys.
  std::int64_t offset(std::int64_t kv_length) const;

  /// The whole-number parameter of that name, or `fallback`. Throws Error when it is no whole number.
  std::int64_t parameter(std::string_view name, std::int64_t fallback) const;
  /// The floating parameter of that name, or `fallback`. Throws Error when it is no finite number.
  double real_parameter(std::string_view name, double fallback) const;
  /// The text parameter of that name, or `fallback`.
  std::string text_parameter(std::string_view name, std::string_view fallback) const;

  /// The canonical text; parse_problem() of it gives this problem again.
  std::string text() const;

  bool operator==(const Problem&) const = default;
};

/// A problem as far as it has been said: what a text, a tensor file or an axis of a sweep contributes.
struct PartialProblem {
  std::optional<std::int64_t> batch, heads_q, heads_kv, seq_q, seq_kv, head_dim, head_dim_v;
  std::optional<DType> dtype;
  std::optional<bool> causal;
  std::optional<Align> align;
  std::optional<Window> window;
  std::optional<double> scale, softcap, dropout;
  std::optional<std::uint64_t> seed;
  std::map<std::string, std::string> parameters;

  /// What `over` says replaces what this says.
  void override_with(const PartialProblem& over);

  /// The whole problem; absent parts take their defaults (b1, hq1, hkv=hq, skv=sq, d64, dv=d, f32 and so on;
  /// with `d_model=` given, d is d_model/hq). Throws Error naming `place` when sq is absent, a size is out of range,
  /// hkv does not divide hq, or sizes overflow.
  Problem complete(std::string_view place) const;
};

/// Reads problem text: tokens in any order, each at most once. Throws Error naming `place`, the token and what is
/// right.
PartialProblem parse_partial_problem(std::string_view text, std::string_view place);

/// parse_partial_problem() and complete().
Problem parse_problem(std::string_view text, std::string_view place = "problem");

}  // namespace attest
