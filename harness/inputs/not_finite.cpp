// Values that are not finite where kernels meet them: in the bias, and in q, k and v in plain sight.
#include <fmt/format.h>
#include <limits>

#include "harness/inputs/input_values.hpp"
#include "harness/inputs/random_stream.hpp"

namespace attest {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double share_hidden = 0.25;

// Writes one element of a (b, h, n, width) tensor.
void put(const Tensor& tensor, double value, std::int64_t batch, std::int64_t head, std::int64_t row,
         std::int64_t column) {
  const TensorView& view = tensor.view();
  store_element(view.data, view.dtype, view.offset(batch, head, row, column), value);
}

}  // namespace

void fill_infinite_bias(const Tensor& bias, const Problem& problem, std::uint64_t seed) {
  const MaskLayout layout(bias.view().shape_vector(), problem);
  RandomStream normals(seed, "bias");
  RandomStream lines(seed, "bias/lines");
  RandomStream keys(seed, "bias/keys");
  fill(bias, [&](std::int64_t index) {
    const std::int64_t line = index / layout.keys;
    // Of two lines or more the first is whole, so that not all rows are empty, and the second is empty.
    const bool empty = line == 1 || (line > 1 && lines.chance(line, share_hidden));
    return empty || index % layout.keys == layout.keys / 2 || keys.chance(index, share_hidden) ? -infinity
                                                                                               : normals.normal(index);
  });
}

void poison_behind_bias(const Tensor& tensor, const Problem& problem) {
  for (std::int64_t batch = 0; batch < problem.batch; ++batch)
    for (std::int64_t head = 0; head < problem.heads_kv; ++head)
      for (std::int64_t column = 0; column < tensor.view().shape[3]; ++column)
        put(tensor, column % 2 == 0 ? not_a_number : infinity, batch, head, problem.seq_kv / 2, column);
}

void poison_in_sight(const Tensor& q, const Tensor& k, const Tensor& v, const Problem& problem) {
  const Problem& p = problem;
  const std::int64_t last_column = p.head_dim - 1;
  if (p.seq_q > 1) put(q, not_a_number, 0, 0, p.seq_q / 3, last_column);
  // A score of +inf makes its row NaN, one of -inf hides its key: which it is depends on the sign of q there.
  put(k, infinity, p.batch - 1, p.heads_kv - 1, p.seq_kv / 4, last_column / 2);
  // The last key is NaN where that leaves rows that do not see it.
  if (p.causal || p.batch * p.heads_kv > 1) put(k, not_a_number, p.batch - 1, p.heads_kv - 1, p.seq_kv - 1, 0);
  put(v, infinity, 0, 0, p.seq_kv / 2, 0);
  put(v, -infinity, 0, 0, p.seq_kv / 3, p.head_dim_v / 2);
  put(v, not_a_number, 0, 0, p.seq_kv - 1, p.head_dim_v - 1);
}

Support supports_not_finite(std::string_view kind, const InputLayout& layout, const Variant& variant,
                            const Problem& problem) {
  if (kind == "infinite_bias") {
    const TensorSpec* bias = layout.find(Role::bias);
    if (bias == nullptr || !variant.is_softmax)
      return Support::no(fmt::format("infinite_bias hides keys by the bias, which {} does not take", variant.name));
    if (MaskLayout(bias->shape, problem).lines() > 1) return Support::yes();
    return Support::no("infinite_bias leaves some lines of the bias no key and there is one; give 2 or more rows");
  }
  if (layout.has_heads()) return Support::yes();
  return Support::no(fmt::format("{} puts NaN into q, k and v, and {} makes them from x", kind, variant.name));
}

}  // namespace attest
