#include "variants/common/cpu/blas_attention.hpp"

#include <algorithm>
#include <cblas.h>
#include <cfloat>
#include <cmath>
#include <limits>

#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/visible.hpp"

namespace attest::blas {
namespace {

constexpr float hidden = -std::numeric_limits<float>::infinity();
constexpr float log2_e = 1.44269504088896340736f;

Matrix gathered(const float* data, std::int64_t rows, std::int64_t columns, std::int64_t row_stride,
                std::int64_t column_stride, float* scratch) {
  if (column_stride == 1 && row_stride >= columns) return {data, row_stride};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      scratch[row * columns + column] = data[row * row_stride + column * column_stride];
    }
  }
  return {scratch, columns};
}

void hide_and_bias(const ScoreBlock& block, std::int64_t row, tiles::KeySpan band) {
  const std::int64_t keys = block.problem.seq_kv;
  float* scores = block.scores + row * block.stride();
  if (block.bias != nullptr) {
    const float* bias = block.bias->as<float>() + block.bias->offset(block.batch, block.head, block.first_row + row);
    const std::int64_t step = block.bias->strides[3];
    // A bias of -inf hides the key whatever its score, NaN too.
    for (std::int64_t key = 0; key < keys; ++key)
      scores[key] = bias[key * step] == hidden ? hidden : scores[key] + bias[key * step];
  }
  if (block.mask != nullptr) {
    const bool* mask = block.mask->as<bool>() + block.mask->offset(block.batch, block.head, block.first_row + row);
    const std::int64_t step = block.mask->strides[3];
    for (std::int64_t key = 0; key < keys; ++key)
      scores[key] = mask[key * step] ? scores[key] : hidden;
  }
  const std::int64_t first = std::clamp<std::int64_t>(band.first, 0, keys);
  const std::int64_t last = std::clamp<std::int64_t>(band.last, first, keys);
  std::fill(scores, scores + first, hidden);
  std::fill(scores + last, scores + block.stride(), hidden);
}

void drop(const tiles::Microkernels& kernels, const ScoreBlock& block, std::int64_t row) {
  const Problem& problem = block.problem;
  const tiles::DropoutRow dropout{.seed = problem.seed,
                                  .threshold = static_cast<std::uint32_t>(std::floor(problem.dropout * 0x1p32)),
                                  .keep_factor = static_cast<float>(1.0 / (1.0 - problem.dropout)),
                                  .batch = static_cast<std::uint32_t>(block.batch),
                                  .head = static_cast<std::uint32_t>(block.head),
                                  .row = static_cast<std::uint32_t>(block.first_row + row),
                                  .first_key = 0};
  kernels.dropout(block.scores + row * block.stride(), static_cast<int>(problem.seq_kv), dropout);
}

/// A NaN among the visible scores makes every visible weight NaN; the hidden ones stay hidden.
void spread_nan(float* weights, std::int64_t keys) {
  for (std::int64_t key = 0; key < keys; ++key) {
    const bool is_hidden = weights[key] == 0.0f && std::signbit(weights[key]);
    if (!is_hidden) weights[key] = std::numeric_limits<float>::quiet_NaN();
  }
}

bool finite_row(const float* row, std::int64_t count) {
  // NaN and infinity times zero are NaN, and NaN stays in the sum: one test a row, and the loop has no branch.
  float sum = 0.0f;
  for (std::int64_t column = 0; column < count; ++column)
    sum += row[column] * 0.0f;
  return sum == 0.0f;
}

}  // namespace

Matrix matrix_at(const TensorView& view, std::int64_t i0, std::int64_t i1, float* scratch) {
  return gathered(view.as<float>() + view.offset(i0, i1), view.shape[2], view.shape[3], view.strides[2],
                  view.strides[3], scratch);
}

Matrix matrix_at(const TensorView& view, std::int64_t i0, float* scratch) {
  return gathered(view.as<float>() + view.offset(i0), view.shape[1], view.shape[2], view.strides[1], view.strides[2],
                  scratch);
}

void product_transposed(std::int64_t rows, std::int64_t columns, std::int64_t inner, float alpha, Matrix a, Matrix b,
                        float* out, std::int64_t out_stride) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(rows), static_cast<blasint>(columns),
              static_cast<blasint>(inner), alpha, a.data, static_cast<blasint>(a.stride), b.data,
              static_cast<blasint>(b.stride), 0.0f, out, static_cast<blasint>(out_stride));
}

void product(std::int64_t rows, std::int64_t columns, std::int64_t inner, Matrix a, Matrix b, float* out,
             std::int64_t out_stride) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(rows), static_cast<blasint>(columns),
              static_cast<blasint>(inner), 1.0f, a.data, static_cast<blasint>(a.stride), b.data,
              static_cast<blasint>(b.stride), 0.0f, out, static_cast<blasint>(out_stride));
}

void use_calling_thread_only() {
  openblas_set_num_threads(1);
}

bool ScoreBlock::visible(std::int64_t row, std::int64_t key) const {
  const tiles::KeySpan band = tiles::view_of_row(problem, first_row + row, kv_length).band;
  if (key < band.first || key >= band.last) return false;
  if (mask != nullptr && !mask->as<bool>()[mask->offset(batch, head, first_row + row, key)]) return false;
  return bias == nullptr || bias->as<float>()[bias->offset(batch, head, first_row + row, key)] != hidden;
}

void weights(const ScoreBlock& block, Matrix q, Matrix k, float* lse, std::int64_t lse_stride) {
  const Problem& problem = block.problem;
  const tiles::Microkernels& kernels = tiles::microkernels();
  const int padded = static_cast<int>(block.stride());
  const double scale = problem.effective_scale();
  const bool capped = problem.softcap > 0.0;
  block.clock.enter(Phase::products);
  product_transposed(block.rows, problem.seq_kv, problem.head_dim, capped ? 1.0f : static_cast<float>(scale), q, k,
                     block.scores, block.stride());
  block.clock.enter(Phase::softmax);
  for (std::int64_t row = 0; row < block.rows; ++row) {
    float* scores = block.scores + row * block.stride();
    if (capped) kernels.softcap(scores, static_cast<int>(problem.seq_kv), scale / problem.softcap, problem.softcap);
    hide_and_bias(block, row, tiles::view_of_row(problem, block.first_row + row, block.kv_length).band);
    const tiles::Softened softened = kernels.soften(scores, padded, log2_e, hidden);
    const bool empty = softened.sum == 0.0f;  // no visible key: every weight is -0.0 and stays so
    if (lse != nullptr) lse[row * lse_stride] = empty ? hidden : softened.maximum + std::log(softened.sum);
    if (std::isnan(softened.sum)) {
      spread_nan(scores, problem.seq_kv);
    } else if (!empty) {
      kernels.multiply(scores, padded, 1.0f / softened.sum);
    }
    if (problem.dropout > 0.0) drop(kernels, block, row);
  }
}

void weighted_sum(const ScoreBlock& block, Matrix v, float* scratch, float* out, std::int64_t out_stride) {
  const std::int64_t keys = block.problem.seq_kv;
  const std::int64_t columns = block.problem.head_dim_v;
  block.clock.enter(Phase::products);
  std::int64_t first_bad = 0;
  while (first_bad < keys && finite_row(v.data + first_bad * v.stride, columns))
    ++first_bad;
  const Matrix scores{block.scores, block.stride()};
  if (first_bad == keys) {
    product(block.rows, columns, keys, scores, v, out, out_stride);
    return;
  }
  // A zero weight times NaN would be NaN: such keys are left out of the product and added where they are visible.
  for (std::int64_t key = 0; key < keys; ++key) {
    const float* from = v.data + key * v.stride;
    const bool finite = finite_row(from, columns);
    for (std::int64_t column = 0; column < columns; ++column)
      scratch[key * columns + column] = finite ? from[column] : 0.0f;
  }
  product(block.rows, columns, keys, scores, {scratch, columns}, out, out_stride);
  const auto has_weights = [&](std::int64_t row) {  // none where all scores are -inf
    const float* weights = block.scores + row * block.stride();
    return block.problem.dropout > 0.0 ||
           std::any_of(weights, weights + keys, [](float weight) { return weight != 0.0f; });
  };
  for (std::int64_t key = first_bad; key < keys; ++key) {
    const float* from = v.data + key * v.stride;
    if (finite_row(from, columns)) continue;
    for (std::int64_t row = 0; row < block.rows; ++row) {
      if (!block.visible(row, key) || !has_weights(row)) continue;
      const float weight = block.scores[row * block.stride() + key];
      // A visible weight that underflowed is still not zero, so that infinity stays infinity; one that was dropped is.
      const float factor = weight == 0.0f && block.problem.dropout == 0.0 ? FLT_MIN : weight;
      for (std::int64_t column = 0; column < columns; ++column)
        out[row * out_stride + column] += factor * from[column];
    }
  }
}

}  // namespace attest::blas
