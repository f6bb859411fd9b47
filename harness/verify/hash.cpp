#include <xxhash.h>

#include "harness/verify/verify.hpp"

namespace attest {
namespace {

struct HashState {
  HashState() : state(XXH3_createState()) { XXH3_64bits_reset(state); }
  ~HashState() { XXH3_freeState(state); }
  HashState(const HashState&) = delete;
  HashState& operator=(const HashState&) = delete;

  void add(const void* data, std::size_t bytes) { XXH3_64bits_update(state, data, bytes); }

  XXH3_state_t* state;
};

// Element by element, so that what lies between the elements of a strided view is left out.
void add_strided(HashState& hash, const TensorView& view) {
  const std::size_t width = size_of(view.dtype);
  const auto* bytes = static_cast<const std::byte*>(view.data);
  std::vector<std::int64_t> index(static_cast<std::size_t>(view.rank), 0);
  for (std::int64_t element = view.element_count(); element > 0; --element) {
    hash.add(bytes + static_cast<std::size_t>(view.offset(index)) * width, width);
    for (int axis = view.rank - 1; axis >= 0; --axis) {
      const auto at = static_cast<std::size_t>(axis);
      if (++index[at] < view.shape[at]) break;
      index[at] = 0;
    }
  }
}

}  // namespace

std::uint64_t hash_tensors(const TensorSet& tensors) {
  HashState hash;
  for (const TensorSet::Entry& entry : tensors.entries()) {
    const TensorView& view = entry.view;
    hash.add(entry.name.data(), entry.name.size() + 1);
    hash.add(view.shape.data(), sizeof(std::int64_t) * static_cast<std::size_t>(view.rank));
    if (view.is_dense()) {
      hash.add(view.data, static_cast<std::size_t>(view.element_count()) * size_of(view.dtype));
    } else {
      add_strided(hash, view);
    }
  }
  return XXH3_64bits_digest(hash.state);
}

}  // namespace attest
