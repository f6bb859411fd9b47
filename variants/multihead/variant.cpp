#include "harness/core/variant.hpp"

#include <array>
#include <cmath>
#include <fmt/format.h>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "variants/multihead/kernels.hpp"
#include "variants/multihead/shapes.hpp"

namespace attest::multihead {
namespace {

constexpr std::array parameters{
    ParameterSpec{"d_model", "hq*d", "width of a token, a multiple of hq; d is d_model/hq"},
};

void check(const Problem& problem) {
  const std::int64_t width = problem.parameter("d_model", model_width(problem));
  if (width != model_width(problem)) {
    complain("multihead",
             fmt::format("d_model={} disagrees with hq{} and d{}", width, problem.heads_q, problem.head_dim),
             "d_model is hq times d");
  }
  if (problem.heads_kv != problem.heads_q) {
    complain("multihead", fmt::format("hkv{} differs from hq{}", problem.heads_kv, problem.heads_q),
             "the module has one key head a query head");
  }
  if (problem.head_dim_v != problem.head_dim) {
    complain("multihead", fmt::format("dv{} differs from d{}", problem.head_dim_v, problem.head_dim),
             "the module splits d_model into equal heads");
  }
}

std::vector<TensorSpec> tensors(const Problem& p) {
  const std::int64_t width = model_width(p);
  const double deviation = 1.0 / std::sqrt(static_cast<double>(width));
  std::vector<TensorSpec> specs{
      {.name = "x", .role = Role::query, .dtype = p.dtype, .shape = {p.batch, p.seq_q, width}}};
  if (is_cross(p)) {
    specs.push_back({.name = "x_kv", .role = Role::key, .dtype = p.dtype, .shape = {p.batch, p.seq_kv, width}});
  }
  for (const char* which : {"q", "k", "v", "o"}) {
    specs.push_back({.name = fmt::format("w_{}", which),
                     .role = Role::weight,
                     .dtype = p.dtype,
                     .shape = {width, width},
                     .deviation = deviation});
    specs.push_back({.name = fmt::format("b_{}", which),
                     .role = Role::weight,
                     .dtype = p.dtype,
                     .shape = {width},
                     .deviation = 0.1});
  }
  specs.push_back({.name = "mask",
                   .role = Role::mask,
                   .dtype = DType::boolean,
                   .shape = {p.batch, p.heads_q, p.seq_q, p.seq_kv},
                   .optional = true});
  specs.push_back(
      {.name = "kv_lengths", .role = Role::kv_lengths, .dtype = DType::i64, .shape = {p.batch}, .optional = true});
  const auto output = [&specs](const char* name, DType type, Shape shape) {
    specs.push_back({.name = name, .role = Role::output, .dtype = type, .shape = std::move(shape)});
  };
  output("out", p.dtype, {p.batch, p.seq_q, width});
  output("weights", DType::f32, {p.batch, p.heads_q, p.seq_q, p.seq_kv});
  output("heads_q", DType::f32, {p.batch, p.heads_q, p.seq_q, p.head_dim});
  output("heads_k", DType::f32, {p.batch, p.heads_q, p.seq_kv, p.head_dim});
  output("heads_v", DType::f32, {p.batch, p.heads_q, p.seq_kv, p.head_dim});
  output("context", DType::f32, {p.batch, p.seq_q, width});
  return specs;
}

void agree(std::optional<std::int64_t>& said, std::int64_t found, std::string_view token, std::string_view tensor) {
  if (said && *said != found) {
    complain(tensor, fmt::format("has {}={} but the problem says {}{}", token, found, token, *said),
             "leave the size out of the problem or give a tensor that fits");
  }
  said = found;
}

const TensorView& need_rank3(const TensorSet& given, std::string_view name) {
  const TensorView& view = given.at(name);
  if (view.rank != 3) {
    complain(name, fmt::format("has shape {}", text_of(view.shape_vector())), "give (b, s, d_model)");
  }
  return view;
}

/// Sizes from x, x_kv and w_q; the number of heads from `weights` or `attn` where such an array is there.
void infer(const TensorSet& given, PartialProblem& partial) {
  const TensorView& x = need_rank3(given, "x");
  const TensorView& w_q = given.at("w_q");
  const std::int64_t width = x.shape[2];
  if (w_q.rank != 2 || w_q.shape[0] != width || w_q.shape[1] != width) {
    complain("w_q", fmt::format("has shape {}", text_of(w_q.shape_vector())), fmt::format("give ({0}, {0})", width));
  }
  agree(partial.batch, x.shape[0], "b", "x");
  agree(partial.seq_q, x.shape[1], "sq", "x");
  const bool cross = given.find("x_kv") != nullptr;
  agree(partial.seq_kv, cross ? need_rank3(given, "x_kv").shape[1] : x.shape[1], "skv", cross ? "x_kv" : "x");
  for (const char* name : {"weights", "attn"}) {
    if (const TensorView* weights = given.find(name); weights != nullptr && weights->rank == 4) {
      agree(partial.heads_q, weights->shape[1], "hq", name);
    }
  }
  if (!partial.heads_q) complain("x", "does not say how many heads there are", "add hq and a number to the problem");
  if (width % *partial.heads_q != 0) {
    complain("x", fmt::format("hq{} does not divide d_model={}", *partial.heads_q, width),
             "d_model must be a multiple of hq");
  }
  agree(partial.head_dim, width / *partial.heads_q, "d", "x");
  if (const auto said = partial.parameters.find("d_model");
      said != partial.parameters.end() && said->second != std::to_string(width)) {
    complain("x", fmt::format("has d_model={} but the problem says d_model={}", width, said->second),
             "leave d_model out of the problem or give a tensor that fits");
  }
}

/// Two products with d_model x d_model matrices for each query token and two for each key token, and the attention of
/// the visible pairs. Biases are not counted, nor is the softmax, as everywhere.
double flops(const Problem& problem) {
  const auto width = static_cast<double>(model_width(problem));
  const double tokens = 2.0 * static_cast<double>(problem.batch) * static_cast<double>(problem.seq_q + problem.seq_kv);
  return 2.0 * width * width * tokens + exact_flops(problem);
}

const std::array kernels{cpu, cuda};

}  // namespace

extern const Variant variant;
const Variant variant{
    .name = "multihead",
    .title = "Multi-head attention module",
    .equation =
        "out = concat_h(softmax(scale * (x W_q + b_q)_h (x_kv W_k + b_k)_h^T) (x_kv W_v + b_v)_h) W_o + b_o, "
        "each matrix applied as x W^T",
    .source = "Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, section 3.2.2",
    .is_softmax = false,
    .parameters = parameters,
    .check = check,
    .tensors = tensors,
    .infer = infer,
    .make_oracle = make_module_oracle,
    .flops = flops,
    .kernels = kernels,
};

}  // namespace attest::multihead
