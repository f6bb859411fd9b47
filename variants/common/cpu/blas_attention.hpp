#pragma once

#include <cstdint>

#include "harness/core/phases.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"
#include "variants/common/cpu/microkernels.hpp"

namespace attest::blas {

/// A matrix of floats as a BLAS takes it: unit column stride, `stride` floats from one row to the next.
struct Matrix {
  const float* data = nullptr;
  std::int64_t stride = 0;
};

/// The f32 matrix at (i0, i1) of a rank-4 view, in place where its rows are contiguous, else copied to `scratch` (rows
/// * columns floats).
Matrix matrix_at(const TensorView& view, std::int64_t i0, std::int64_t i1, float* scratch);

/// The same of a rank-3 view at (i0).
Matrix matrix_at(const TensorView& view, std::int64_t i0, float* scratch);

/// out (rows x columns, dense by `out_stride`) = alpha * a (rows x inner) b^T (b: columns x inner).
void product_transposed(std::int64_t rows, std::int64_t columns, std::int64_t inner, float alpha, Matrix a, Matrix b,
                        float* out, std::int64_t out_stride);

/// out (rows x columns) = a (rows x inner) b (inner x columns).
void product(std::int64_t rows, std::int64_t columns, std::int64_t inner, Matrix a, Matrix b, float* out,
             std::int64_t out_stride);

/// From here on every product runs on the thread that calls it: kernels divide the work themselves. Two pools of
/// threads that spin for work on the same cores would slow each other down, and the number of threads is then right for
/// every build of the library.
void use_calling_thread_only();

/// Columns that a row of `keys` scores takes: whole vectors of every instruction set.
constexpr std::int64_t padded_keys(std::int64_t keys) {
  return (keys + 15) / 16 * 16;
}

/// Rows of one head's scores.
struct ScoreBlock {
  const Problem& problem;
  std::int64_t batch = 0;
  std::int64_t head = 0;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t kv_length = 0;
  const TensorView* mask = nullptr;  ///< bool, broadcast to (b, hq, sq, skv), or null
  const TensorView* bias = nullptr;  ///< f32, broadcast likewise, or null
  float* scores = nullptr;           ///< rows x padded_keys(seq_kv)
  PhaseClock clock{};

  std::int64_t stride() const { return padded_keys(problem.seq_kv); }
  /// Whether key `key` is visible from row first_row + row, mask tensor included.
  bool visible(std::int64_t row, std::int64_t key) const;
};

/// scores = scale * q k^T, capped, with bias; then softmax over the visible keys, and dropout: what is in `scores`
/// after are the weights, -0.0 for a hidden key. `lse` gets the natural logarithm of each row's sum (lse_stride floats
/// apart) unless it is null. q starts at the block's first row.
void weights(const ScoreBlock& block, Matrix q, Matrix k, float* lse, std::int64_t lse_stride);

/// out (rows x head_dim_v) = weights v. Keys whose v is not finite reach only the rows that see them; `scratch` holds
/// seq_kv * head_dim_v floats and is used where there are such keys.
void weighted_sum(const ScoreBlock& block, Matrix v, float* scratch, float* out, std::int64_t out_stride);

}  // namespace attest::blas
