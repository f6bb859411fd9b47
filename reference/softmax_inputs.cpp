#include <fmt/format.h>

#include "harness/core/error.hpp"
#include "reference/softmax_row.hpp"

namespace attest {
namespace {

const TensorView& checked(const TensorSet& tensors, std::string_view name, const Shape& shape) {
  const TensorView& view = tensors.at(name);
  if (view.shape_vector() != shape) {
    complain(name, text_of(view.shape_vector()) + " disagrees with the problem", text_of(shape) + " would be right");
  }
  return view;
}

const TensorView& checked_floating(const TensorSet& tensors, std::string_view name, const Shape& shape) {
  const TensorView& view = checked(tensors, name, shape);
  if (!floating_type(name_of(view.dtype))) {
    complain(name, fmt::format("has type {}", name_of(view.dtype)), "f64, f32, f16 or bf16 would be right");
  }
  return view;
}

}  // namespace

SoftmaxInputs::SoftmaxInputs(const Spec& given_spec, const Problem& given_problem, const TensorSet& inputs)
    : spec(given_spec),
      problem(given_problem),
      tensors(inputs),
      q(checked_floating(inputs, "q", {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim})),
      k(checked_floating(inputs, "k", {problem.batch, problem.heads_kv, problem.seq_kv, problem.head_dim})),
      v(checked_floating(inputs, "v", {problem.batch, problem.heads_kv, problem.seq_kv, problem.head_dim_v})),
      scale(problem.effective_scale()) {
  const Shape pairs{problem.batch, problem.heads_q, problem.seq_q, problem.seq_kv};
  if (const TensorView* view = inputs.find("mask")) mask = view->broadcast_to(pairs, "mask");
  if (const TensorView* view = inputs.find("bias")) bias = view->broadcast_to(pairs, "bias");
  if (inputs.find("kv_lengths") != nullptr) {
    const TensorView& lengths = checked(inputs, "kv_lengths", {problem.batch});
    for (std::int64_t batch = 0; batch < problem.batch; ++batch) {
      const double length = lengths.load(batch);
      if (!(length >= 0.0 && length <= static_cast<double>(problem.seq_kv))) {
        complain(fmt::format("kv_lengths[{}]", batch), fmt::format("{} is out of range", length),
                 fmt::format("a length is from 0 to skv, here {}", problem.seq_kv));
      }
      kv_lengths.push_back(static_cast<std::int64_t>(length));
    }
  }
  if (problem.dropout > 0.0) dropout.emplace(problem.dropout, problem.seed);
}

std::int64_t SoftmaxInputs::kv_length(std::int64_t batch) const {
  return kv_lengths.empty() ? problem.seq_kv : kv_lengths[static_cast<std::size_t>(batch)];
}

std::int64_t SoftmaxInputs::count_visible(std::int64_t batch, std::int64_t row) const {
  const std::int64_t length = kv_length(batch);
  const std::int64_t offset = problem.offset(length);
  std::int64_t count = 0;
  for (std::int64_t key = 0; key < length; ++key)
    count += spec.visible(problem, row, key, offset) ? 1 : 0;
  return count;
}

}  // namespace attest
