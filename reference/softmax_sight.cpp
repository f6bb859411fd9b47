#include "reference/softmax_sight.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace attest {
namespace {

constexpr double hidden = -std::numeric_limits<double>::infinity();

bool line_is_finite(const TensorView& view, std::int64_t batch, std::int64_t head, std::int64_t row,
                    std::vector<double>& line) {
  line.resize(static_cast<std::size_t>(view.shape[3]));
  load_line(view, batch, head, row, line.data());
  return std::all_of(line.begin(), line.end(), [](double value) { return std::isfinite(value); });
}

// Whether an element is NaN or infinite; a view with gaps is not looked through and may be.
bool may_hold_one(std::string_view name, const TensorView& view) {
  if (!view.is_dense()) return true;
  for (std::int64_t element = 0; element < view.element_count(); ++element) {
    const double value = load_element(view.data, view.dtype, element);
    if (!std::isfinite(value) && !(name == "bias" && value == hidden)) return true;
  }
  return false;
}

}  // namespace

NotFiniteSight::NotFiniteSight(const SoftmaxInputs& inputs) : inputs_(inputs) {
  for (const TensorSet::Entry& entry : inputs.tensors.entries()) {
    const bool by_line = entry.name == "q" || entry.name == "k" || entry.name == "v";
    everywhere_ = everywhere_ || (!by_line && may_hold_one(entry.name, entry.view));
  }
  std::vector<double> line;
  for (std::int64_t batch = 0; batch < inputs.problem.batch; ++batch) {
    for (std::int64_t head = 0; head < inputs.problem.heads_kv; ++head) {
      std::vector<std::int64_t>& keys = keys_.emplace_back();
      for (std::int64_t key = 0; key < inputs.kv_length(batch); ++key) {
        if (!line_is_finite(inputs.k, batch, head, key, line) || !line_is_finite(inputs.v, batch, head, key, line))
          keys.push_back(key);
      }
    }
  }
}

bool NotFiniteSight::sees(const RowPlace& place) const {
  std::vector<double> line;
  if (everywhere_ || !line_is_finite(inputs_.q, place.batch, place.head, place.row, line)) return true;
  const RowReading reading = row_reading(inputs_, place);
  const auto head = static_cast<std::size_t>(place.batch * inputs_.problem.heads_kv + reading.head_kv);
  return std::any_of(keys_[head].begin(), keys_[head].end(), [&](std::int64_t key) {
    if (!inputs_.spec.visible(inputs_.problem, place.row, key, reading.offset)) return false;
    if (inputs_.mask && inputs_.mask->load(place.batch, place.head, place.row, key) == 0.0) return false;
    return !inputs_.bias || inputs_.bias->load(place.batch, place.head, place.row, key) != hidden;
  });
}

}  // namespace attest
