#include "variants/common/cpu/attention_call.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/common/cpu/parallel.hpp"

namespace attest::tiles {

namespace {

constexpr float hidden = -std::numeric_limits<float>::infinity();

Storage storage_of(DType dtype) {
  if (dtype == DType::bf16) return Storage::bf16;
  return dtype == DType::f16 ? Storage::f16 : Storage::f32;
}

PairTensor pair_tensor(const TensorView* view) {
  PairTensor result;
  if (view == nullptr) return result;
  result.data = view->data;
  result.dtype = view->dtype;
  for (int dimension = 0; dimension < view->rank; ++dimension) {
    const int from = view->rank - 1 - dimension;
    result.strides[3 - dimension] = view->shape[from] == 1 ? 0 : view->strides[from];
  }
  return result;
}

Rows rows_of(const TensorView& view, Storage storage, std::int64_t batch, std::int64_t head, std::int64_t row) {
  const auto* bytes = static_cast<const std::byte*>(view.data);
  const std::int64_t size = static_cast<std::int64_t>(size_of(view.dtype));
  return {bytes + view.offset(batch, head, row) * size, storage, view.strides[2], view.strides[3]};
}

}  // namespace

AttentionCall::AttentionCall(const KernelCall& call)
    : problem(call.problem),
      query(call.inputs.at("q")),
      key(call.inputs.at("k")),
      value(call.inputs.at("v")),
      out(call.outputs.at("out")),
      lse(call.outputs.find("lse")),
      mask(pair_tensor(call.inputs.find("mask"))),
      bias(pair_tensor(call.inputs.find("bias"))),
      kv_lengths(call.inputs.find("kv_lengths")),
      storage(storage_of(call.problem.dtype)),
      scale(call.problem.effective_scale()),
      query_sign(scale < 0.0 ? -1.0f : 1.0f) {
  dropout.seed = problem.seed;
  dropout.threshold = static_cast<std::uint32_t>(std::floor(problem.dropout * 0x1p32));
  dropout.keep_factor = static_cast<float>(1.0 / (1.0 - problem.dropout));
}

std::int64_t AttentionCall::kv_length(std::int64_t batch) const {
  if (kv_lengths == nullptr) return problem.seq_kv;
  return std::clamp<std::int64_t>(kv_lengths->as<std::int64_t>()[kv_lengths->offset(batch)], 0, problem.seq_kv);
}

Rows AttentionCall::query_rows(std::int64_t batch, std::int64_t head, std::int64_t row) const {
  return rows_of(query, storage, batch, head, row);
}

Rows AttentionCall::key_rows(std::int64_t batch, std::int64_t head_kv, std::int64_t first) const {
  return rows_of(key, storage, batch, head_kv, first);
}

Rows AttentionCall::value_rows(std::int64_t batch, std::int64_t head_kv, std::int64_t first) const {
  return rows_of(value, storage, batch, head_kv, first);
}

void AttentionCall::store_row(const Microkernels& kernels, std::int64_t batch, std::int64_t head, std::int64_t row,
                              const float* sums, float divisor, float lse_value) const {
  const Rows to = rows_of(out, storage, batch, head, row);
  kernels.store(sums, static_cast<int>(problem.head_dim_v), divisor, const_cast<void*>(to.data), storage,
                to.column_stride);
  if (lse != nullptr) lse->as<float>()[lse->offset(batch, head, row)] = lse_value;
}

void shape_scores(const AttentionCall& call, const Microkernels& kernels, std::int64_t batch, std::int64_t head,
                  std::int64_t row, std::int64_t first_key, int count, float* scores) {
  const int whole = (count + kernels.vector_floats - 1) / kernels.vector_floats * kernels.vector_floats;
  const double scale = call.scale * call.query_sign;
  const double cap = call.problem.softcap;
  if (cap != 0.0) {
    kernels.softcap(scores, count, scale / cap, cap);
  } else {
    kernels.multiply(scores, whole, static_cast<float>(scale));
  }
  if (call.bias) {
    const std::int64_t offset = call.bias.offset(batch, head, row, first_key);
    const std::int64_t stride = call.bias.strides[3];
    // A bias of -inf hides the key whatever its score, NaN too.
    const auto add = [](float score, float bias) { return bias == hidden ? hidden : score + bias; };
    if (call.bias.dtype == DType::f32) {
      const float* bias = static_cast<const float*>(call.bias.data) + offset;
      for (int key = 0; key < count; ++key)
        scores[key] = add(scores[key], bias[key * stride]);
    } else {
      for (int key = 0; key < count; ++key) {
        const double bias = load_element(call.bias.data, call.bias.dtype, offset + key * stride);
        scores[key] = add(scores[key], static_cast<float>(bias));
      }
    }
  }
  if (call.term.add != nullptr) {
    call.term.add(call.term.context, head, row, call.kv_length(batch), first_key, count, scores);
  }
  if (call.mask) {
    const auto* mask = static_cast<const std::uint8_t*>(call.mask.data) + call.mask.offset(batch, head, row, first_key);
    const std::int64_t stride = call.mask.strides[3];
    for (int key = 0; key < count; ++key) {
      if (mask[key * stride] == 0) scores[key] = hidden;
    }
  }
}

bool has_storage(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
}

int worthwhile_threads(const Problem& problem, int threads) {
  const std::int64_t pairs = problem.batch * problem.heads_q * problem.seq_q * problem.seq_kv;
  return attest::worthwhile_threads(threads,
                                    2.0 * static_cast<double>(pairs * (problem.head_dim + problem.head_dim_v)));
}

Support tiles_support(const Problem& problem) {
  if (!has_storage(problem.dtype)) return Support::no("only f32, bf16 and f16");
  if (std::max(problem.head_dim, problem.head_dim_v) > largest_head_dim) return Support::no("head dims to 1024");
  if (problem.seq_q > INT32_MAX || problem.seq_kv > INT32_MAX) return Support::no("sequence lengths below 2^31");
  return Support::yes();
}

Arithmetic tiles_arithmetic(const Problem& problem) {
  Arithmetic arithmetic;
  arithmetic.output = unit_roundoff(problem.dtype);
  arithmetic.output_floor = half_smallest_subnormal(problem.dtype);
  // Weights below 2^-125 may be flushed, whatever the instruction set.
  arithmetic.weight_floor = 0x1p-125;
  arithmetic.exponential = 0x1p-23;
  return arithmetic;
}

}  // namespace attest::tiles
