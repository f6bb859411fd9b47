#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/core/problem.hpp"

namespace attest {

/// An attention layer of a published model (harness/models.toml).
struct Model {
  std::string name;
  std::int64_t layers = 1;
  PartialProblem problem;          ///< heads, head dim, length, window, scale and so on of one layer
  std::int64_t length = 0;         ///< of a full sequence; 0: the source names none
  std::int64_t window_layers = 0;  ///< of `layers`, those with the problem's window; 0 where it has none
  std::string note;
  std::string source;
};

/// Every preset, in the order of the file, which is part of the program.
std::span<const Model> models();

/// The preset of that name. Throws Error (exit 2) with the known ones.
const Model& find_model(std::string_view name);

/// Bytes of K and V that one token adds to the cache of the whole model.
double kv_bytes_per_token(const Model& model, DType dtype);

}  // namespace attest
