#pragma once

#include <array>
#include <cstdint>

#include "harness/core/variant.hpp"
#include "variants/common/cpu/microkernels.hpp"
#include "variants/common/cpu/visible.hpp"

namespace attest::tiles {

/// An optional tensor seen as (b, hq, sq, skv): broadcast dimensions have stride 0.
struct PairTensor {
  const void* data = nullptr;
  DType dtype = DType::f32;
  std::array<std::int64_t, 4> strides{};

  explicit operator bool() const { return data != nullptr; }
  std::int64_t offset(std::int64_t batch, std::int64_t head, std::int64_t row, std::int64_t key) const {
    return batch * strides[0] + head * strides[1] + row * strides[2] + key * strides[3];
  }
};

/// What a variant adds to the scaled scores of one row: scores[n] += ... for key first_key + n.
struct ScoreTerm {
  void (*add)(const void* context, std::int64_t head, std::int64_t row, std::int64_t kv_length, std::int64_t first_key,
              int count, float* scores) = nullptr;
  const void* context = nullptr;
};

/// A kernel call with all that does not depend on the row worked out once.
struct AttentionCall {
  explicit AttentionCall(const KernelCall& call);

  const Problem& problem;
  TensorView query, key, value, out;
  const TensorView* lse = nullptr;  ///< null when the caller does not want it
  PairTensor mask, bias;
  const TensorView* kv_lengths = nullptr;
  Storage storage = Storage::f32;
  ScoreTerm term;           ///< set by the variant, where it has one
  std::int64_t global = 0;  ///< key positions that every row sees; set by the variant

  double scale = 1.0;
  float query_sign = 1.0f;  ///< a negative scale is folded into Q, so that larger products stay larger
  DropoutRow dropout{};     ///< seed, threshold and factor; threshold 0 and factor 1 without dropout

  /// Whether the products go into the softmax as they are. Else shape_scores() makes final scores of them first.
  bool plain() const { return problem.softcap == 0.0 && !mask && !bias && term.add == nullptr; }
  bool drops() const { return problem.dropout > 0.0; }
  /// The unit of the softmax's scores in natural logarithms, and the same for powers of two.
  double unit() const { return plain() ? scale * query_sign : 1.0; }
  float log2_factor() const { return static_cast<float>(unit() * 1.4426950408889634); }

  std::int64_t kv_length(std::int64_t batch) const;
  Rows query_rows(std::int64_t batch, std::int64_t head, std::int64_t row) const;
  Rows key_rows(std::int64_t batch, std::int64_t head_kv, std::int64_t key) const;
  Rows value_rows(std::int64_t batch, std::int64_t head_kv, std::int64_t key) const;

  /// Writes one finished row: out = sums / divisor, and its lse.
  void store_row(const Microkernels& kernels, std::int64_t batch, std::int64_t head, std::int64_t row,
                 const float* sums, float divisor, float lse) const;
};

/// Makes final scores (scaled, capped, biased, -inf where the mask hides) of the products of one row with keys
/// first_key .. first_key + count - 1. The row has room up to a whole vector.
void shape_scores(const AttentionCall& call, const Microkernels& kernels, std::int64_t batch, std::int64_t head,
                  std::int64_t row, std::int64_t first_key, int count, float* scores);

/// Whether dtype is one of the storages; the kernels here take f32, bf16 and f16.
bool has_storage(DType dtype);

/// How many of `threads` are worth waking for the problem, as if every key were visible.
int worthwhile_threads(const Problem& problem, int threads);

/// Head dims at most, of q and k and of v.
inline constexpr std::int64_t largest_head_dim = 1024;

/// What all kernels built on this folder answer to supports(): yes, or the reason why not.
Support tiles_support(const Problem& problem);

/// The rounding common to them: f32 accumulation from stored inputs, their exponential, the result's type. `rescales`
/// is for the variant to set.
Arithmetic tiles_arithmetic(const Problem& problem);

}  // namespace attest::tiles
