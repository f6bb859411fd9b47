#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/launch.hpp"
#include "harness/core/oracle.hpp"
#include "harness/core/phases.hpp"
#include "harness/core/problem.hpp"
#include "harness/core/tensor.hpp"
#include "harness/core/workspace.hpp"

namespace attest {

/// Which optional tensors come with a problem.
struct Presence {
  bool mask = false;
  bool bias = false;
  bool kv_lengths = false;

  bool operator==(const Presence&) const = default;
};

/// Whether a kernel takes a problem; a no has its reason.
struct Support {
  bool supported = true;
  std::string reason;

  static Support yes() { return {}; }
  static Support no(std::string reason) { return {false, std::move(reason)}; }
  explicit operator bool() const { return supported; }
};

/// What a tensor is for; generators choose its values by it.
enum class Role {
  query,       ///< (b, hq, sq, d) or the module's x
  key,         ///< (b, hkv, skv, d) or the module's x_kv
  value,       ///< (b, hkv, skv, dv)
  mask,        ///< bool, true = attend, broadcast to (b, hq, sq, skv)
  bias,        ///< f32, added to the scaled scores, broadcast to (b, hq, sq, skv)
  kv_lengths,  ///< i64 (b): keys at and past the length are absent
  weight,      ///< a module's matrix or vector, or a table; values N(0, deviation^2)
  output,
};

/// One tensor of a variant's interface.
struct TensorSpec {
  std::string name;
  Role role = Role::query;
  DType dtype = DType::f32;
  Shape shape;
  bool optional = false;
  double deviation = 1.0;  ///< of generated values, for Role::weight
};

/// One parameter of a variant's own, written name=value in a problem.
struct ParameterSpec {
  std::string_view name;
  std::string_view fallback;     ///< the value when absent
  std::string_view description;  ///< one line, with the range
};

/// All that a CPU kernel gets. Views may be strided and misaligned to anything but their element size.
struct KernelCall {
  const Problem& problem;
  const TensorSet& inputs;
  const TensorSet& outputs;
  Workspace& workspace;
  int threads = 1;
  Phases* phases = nullptr;  ///< wanted in a run that is not timed

  PhaseClock clock(int thread) const { return {phases, thread}; }
};

/// Which changes leave every bit of a kernel's outputs as it is. The contract suite proves each claim, yes and no.
struct Invariance {
  bool reruns = true;   ///< the same call again
  bool threads = true;  ///< another number of threads
  bool batch = true;    ///< a batch entry computed alone

  bool operator==(const Invariance&) const = default;
};

/// One way to compute a variant.
struct Kernel {
  std::string_view name;     ///< <backend>_<algorithm>, as cpu_tiled
  std::string_view backend;  ///< "cpu" or "cuda"
  std::string_view summary;  ///< one line

  /// Yes, or the reason why not. The problem's own consistency has been checked before.
  Support (*supports)(const Problem& problem, const Presence& presence) = nullptr;
  /// The rounding that this kernel does on this problem.
  Arithmetic (*arithmetic)(const Problem& problem) = nullptr;
  /// Workspace in bytes for `threads` threads: exact, a sum of Workspace::padded() terms.
  std::size_t (*workspace_bytes)(const Problem& problem, int threads) = nullptr;
  /// CPU kernels: computes the outputs. Throws nothing; uses no memory but the call's workspace and the stack.
  void (*run)(const KernelCall& call) = nullptr;
  /// CUDA kernels: the launches of one run, of entries of the module that is compiled from the file of the kernel's
  /// name. `inputs` says by shapes which optional tensors there are; their data must not be read.
  LaunchPlan (*plan)(const Problem& problem, const TensorSet& inputs) = nullptr;
  Invariance invariance{};
  /// FLOPs of this algorithm where they differ from the variant's; null takes the variant's.
  double (*flops)(const Problem& problem) = nullptr;
};

/// A family of kernels with one idea.
struct Variant {
  std::string_view name;      ///< the folder's name
  std::string_view title;     ///< "FlashAttention-2"
  std::string_view equation;  ///< in plain text
  std::string_view source;    ///< paper, arXiv number, equation or algorithm

  /// True when the result is softmax attention of q, k and v; false for other definitions (linear attention, the
  /// module).
  bool is_softmax = true;
  std::span<const ParameterSpec> parameters = {};
  /// Throws Error when a parameter's value is out of range or the problem is none for this variant's meaning.
  void (*check)(const Problem& problem) = nullptr;
  /// Inputs and outputs with their shapes, inputs first. Null is standard_tensors().
  std::vector<TensorSpec> (*tensors)(const Problem& problem) = nullptr;
  /// Completes a partial problem from the shapes of given tensors. Null is infer_standard().
  void (*infer)(const TensorSet& given, PartialProblem& partial) = nullptr;
  /// Exactly one of the two: what the variant adds to softmax attention, or an oracle of its own.
  const Spec* spec = nullptr;
  MakeOracle make_oracle = nullptr;
  /// What the variant approximates, as an oracle of the same lines "out": softmax attention of the same inputs. Null:
  /// it approximates nothing.
  MakeOracle approximated = nullptr;
  /// Exact FLOPs; null is exact_flops().
  double (*flops)(const Problem& problem) = nullptr;
  std::span<const Kernel> kernels;
};

/// q, k, v, [mask, bias, kv_lengths] and out (b, hq, sq, dv), lse f32 (b, hq, sq).
std::vector<TensorSpec> standard_tensors(const Problem& problem);

/// Sizes from the shapes of q, k and v; what the partial problem already says must agree. Throws Error naming the
/// tensor.
void infer_standard(const TensorSet& given, PartialProblem& partial);

/// The variant's tensors, parameters check, inference and FLOPs, with the defaults filled in.
std::vector<TensorSpec> tensors_of(const Variant& variant, const Problem& problem);
void infer_problem(const Variant& variant, const TensorSet& given, PartialProblem& partial);
double flops_of(const Variant& variant, const Kernel& kernel, const Problem& problem);

/// Whether the variant knows each parameter of the problem and its values are right, then the kernel's own answer.
Support supports(const Variant& variant, const Kernel& kernel, const Problem& problem, const Presence& presence);

/// Which optional tensors a set holds.
Presence presence_of(const TensorSet& inputs);

}  // namespace attest
