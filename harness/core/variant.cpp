#include "harness/core/variant.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"

namespace attest {
namespace {

void agree(std::optional<std::int64_t>& said, std::int64_t found, std::string_view token, std::string_view tensor) {
  if (said && *said != found) {
    complain(tensor, fmt::format("has {}={} but the problem says {}{}", token, found, token, *said),
             "leave the size out of the problem or give a tensor that fits");
  }
  said = found;
}

const TensorView& need_rank4(const TensorSet& given, std::string_view name, std::string_view shape) {
  const TensorView& view = given.at(name);
  if (view.rank != 4) {
    complain(name, fmt::format("has shape {}", text_of(view.shape_vector())), fmt::format("give {}", shape));
  }
  return view;
}

}  // namespace

std::vector<TensorSpec> standard_tensors(const Problem& problem) {
  const Problem& p = problem;
  return {
      {.name = "q", .role = Role::query, .dtype = p.dtype, .shape = {p.batch, p.heads_q, p.seq_q, p.head_dim}},
      {.name = "k", .role = Role::key, .dtype = p.dtype, .shape = {p.batch, p.heads_kv, p.seq_kv, p.head_dim}},
      {.name = "v", .role = Role::value, .dtype = p.dtype, .shape = {p.batch, p.heads_kv, p.seq_kv, p.head_dim_v}},
      {.name = "mask",
       .role = Role::mask,
       .dtype = DType::boolean,
       .shape = {p.batch, p.heads_q, p.seq_q, p.seq_kv},
       .optional = true},
      {.name = "bias",
       .role = Role::bias,
       .dtype = DType::f32,
       .shape = {p.batch, p.heads_q, p.seq_q, p.seq_kv},
       .optional = true},
      {.name = "kv_lengths", .role = Role::kv_lengths, .dtype = DType::i64, .shape = {p.batch}, .optional = true},
      {.name = "out", .role = Role::output, .dtype = p.dtype, .shape = {p.batch, p.heads_q, p.seq_q, p.head_dim_v}},
      {.name = "lse", .role = Role::output, .dtype = DType::f32, .shape = {p.batch, p.heads_q, p.seq_q}},
  };
}

void infer_standard(const TensorSet& given, PartialProblem& partial) {
  const TensorView& q = need_rank4(given, "q", "(b, hq, sq, d)");
  const TensorView& k = need_rank4(given, "k", "(b, hkv, skv, d)");
  const TensorView& v = need_rank4(given, "v", "(b, hkv, skv, dv)");
  agree(partial.batch, q.shape[0], "b", "q");
  agree(partial.heads_q, q.shape[1], "hq", "q");
  agree(partial.seq_q, q.shape[2], "sq", "q");
  agree(partial.head_dim, q.shape[3], "d", "q");
  agree(partial.batch, k.shape[0], "b", "k");
  agree(partial.heads_kv, k.shape[1], "hkv", "k");
  agree(partial.seq_kv, k.shape[2], "skv", "k");
  agree(partial.head_dim, k.shape[3], "d", "k");
  agree(partial.batch, v.shape[0], "b", "v");
  agree(partial.heads_kv, v.shape[1], "hkv", "v");
  agree(partial.seq_kv, v.shape[2], "skv", "v");
  agree(partial.head_dim_v, v.shape[3], "dv", "v");
}

std::vector<TensorSpec> tensors_of(const Variant& variant, const Problem& problem) {
  return variant.tensors != nullptr ? variant.tensors(problem) : standard_tensors(problem);
}

void infer_problem(const Variant& variant, const TensorSet& given, PartialProblem& partial) {
  if (variant.infer != nullptr) {
    variant.infer(given, partial);
  } else {
    infer_standard(given, partial);
  }
}

double flops_of(const Variant& variant, const Kernel& kernel, const Problem& problem) {
  if (kernel.flops != nullptr) return kernel.flops(problem);
  return variant.flops != nullptr ? variant.flops(problem) : exact_flops(problem);
}

Support supports(const Variant& variant, const Kernel& kernel, const Problem& problem, const Presence& presence) {
  for (const auto& [name, value] : problem.parameters) {
    const bool known = std::any_of(variant.parameters.begin(), variant.parameters.end(),
                                   [&name = name](const ParameterSpec& spec) { return spec.name == name; });
    if (!known) return Support::no(fmt::format("{} has no parameter '{}'", variant.name, name));
  }
  try {
    if (variant.check != nullptr) variant.check(problem);
  } catch (const Error& error) {
    return Support::no(error.what());
  }
  return kernel.supports(problem, presence);
}

Presence presence_of(const TensorSet& inputs) {
  return {.mask = inputs.find("mask") != nullptr,
          .bias = inputs.find("bias") != nullptr,
          .kv_lengths = inputs.find("kv_lengths") != nullptr};
}

}  // namespace attest
