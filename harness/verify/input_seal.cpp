#include "harness/verify/input_seal.hpp"

#include "harness/verify/verify.hpp"

namespace attest {
namespace {

std::uint64_t hash_of(const TensorSet::Entry& entry) {
  TensorSet one;
  one.add(entry.name, entry.view);
  return hash_tensors(one);
}

}  // namespace

InputSeal::InputSeal(const TensorSet& inputs) : inputs_(inputs) {
  for (const TensorSet::Entry& entry : inputs_.entries())
    hashes_.push_back(hash_of(entry));
}

std::string InputSeal::broken() const {
  for (std::size_t i = 0; i < hashes_.size(); ++i)
    if (hash_of(inputs_.entries()[i]) != hashes_[i]) return std::string(inputs_.entries()[i].name);
  return "";
}

}  // namespace attest
