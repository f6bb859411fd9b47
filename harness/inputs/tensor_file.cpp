#include "harness/inputs/tensor_file.hpp"

#include <filesystem>

#include "harness/core/error.hpp"
#include "harness/inputs/input_file.hpp"
#include "harness/inputs/npy_format.hpp"

namespace attest {

Tensor read_npy(const std::string& path) {
  InputFile file(path);
  const auto read = [&file](void* target, std::size_t bytes) { file.read(target, bytes); };
  return read_npy_array(read, file.size(), path);
}

TensorStorage read_tensor_file(const std::string& path) {
  const std::filesystem::path name(path);
  if (name.extension() == ".npz") return read_npz(path);
  if (name.extension() == ".safetensors") return read_safetensors(path);
  if (name.extension() != ".npy") {
    complain(path, "has an ending that is not known", "give a .npy, .npz or .safetensors file");
  }
  TensorStorage storage;
  storage.add(name.stem().string(), read_npy(path));
  return storage;
}

}  // namespace attest
