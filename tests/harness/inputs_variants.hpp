#pragma once

#include <string_view>

#include "harness/core/variant.hpp"

// Variants that exist only to be given inputs: the standard tensors, a definition without softmax and mask, a module,
// and one whose mask is (b, skv).
namespace attest::test {

inline Problem problem_of(std::string_view text) {
  return parse_problem(text, "test");
}

inline Variant make_variant(std::string_view name, bool is_softmax,
                            std::vector<TensorSpec> (*tensors)(const Problem& problem)) {
  Variant variant;
  variant.name = name;
  variant.is_softmax = is_softmax;
  variant.tensors = tensors;
  return variant;
}

inline const Variant& softmax_variant() {
  static const Variant variant = make_variant("softmax", true, nullptr);
  return variant;
}

inline std::vector<TensorSpec> without_optional(const Problem& problem) {
  std::vector<TensorSpec> specs = standard_tensors(problem);
  std::erase_if(specs, [](const TensorSpec& spec) { return spec.optional; });
  return specs;
}

inline const Variant& linear_variant() {
  static const Variant variant = make_variant("kernelised", false, without_optional);
  return variant;
}

inline std::vector<TensorSpec> module_tensors(const Problem& p) {
  const std::int64_t width = p.heads_q * p.head_dim;
  std::vector<TensorSpec> specs{
      {.name = "x", .role = Role::query, .dtype = p.dtype, .shape = {p.batch, p.seq_q, width}},
  };
  for (const char* name : {"q", "k", "v", "o"}) {
    specs.push_back({.name = std::string("w_") + name,
                     .role = Role::weight,
                     .dtype = p.dtype,
                     .shape = {width, width},
                     .deviation = 0.05});
    specs.push_back({.name = std::string("b_") + name,
                     .role = Role::weight,
                     .dtype = p.dtype,
                     .shape = {width},
                     .optional = true,
                     .deviation = 0.02});
  }
  specs.push_back({.name = "mask",
                   .role = Role::mask,
                   .dtype = DType::boolean,
                   .shape = {p.batch, 1, 1, p.seq_kv},
                   .optional = true});
  specs.push_back({.name = "out", .role = Role::output, .dtype = p.dtype, .shape = {p.batch, p.seq_q, width}});
  specs.push_back(
      {.name = "weights", .role = Role::output, .dtype = p.dtype, .shape = {p.batch, p.heads_q, p.seq_q, p.seq_kv}});
  return specs;
}

inline const Variant& module_variant() {
  static const Variant variant = make_variant("module", false, module_tensors);
  return variant;
}

inline std::vector<TensorSpec> flat_mask_tensors(const Problem& problem) {
  std::vector<TensorSpec> specs = without_optional(problem);
  specs.push_back({.name = "mask",
                   .role = Role::mask,
                   .dtype = DType::boolean,
                   .shape = {problem.batch, problem.seq_kv},
                   .optional = true});
  return specs;
}

inline const Variant& flat_mask_variant() {
  static const Variant variant = make_variant("flat", true, flat_mask_tensors);
  return variant;
}

}  // namespace attest::test
