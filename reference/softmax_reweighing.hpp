#pragma once

#include <optional>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/oracle.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// A row's keys with the weights that a defect gives them: out = sum weight v / sum, dropout being in the weights; or
/// the right output times a gain. Without either the defect does not show in the row. A defect of the maximum or of the
/// sum of weights gives another lse too.
struct Reweighing {
  std::vector<double> weight;
  double sum = 1.0;
  std::optional<double> gain;
  std::optional<double> lse{};  ///< none: the right one
};

/// How the keys of a row fall into a kernel's tiles, and the maximum that each tile knows.
struct TileMaxima {
  std::vector<double> greatest;  ///< one entry a key: the greatest score up to the end of its tile
  std::vector<double> weight;    ///< e^(s - greatest): what the tile stores
  std::vector<double> rescale;   ///< e^(greatest - m): what later tiles make of it
  std::vector<bool> ends_tile;   ///< whether the key is the last of its tile
};
TileMaxima tile_maxima(const RowScores& scores, std::int64_t tile);

/// Defects that weigh the right keys wrongly, in order, which a kernel of that arithmetic could show on the problem.
std::vector<KnownDefect> known_reweighings(const SoftmaxInputs& inputs, const Arithmetic& arithmetic);

/// Their weights for one row, in that order.
std::vector<Reweighing> reweighings(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowPlace& place,
                                    const RowReading& reading, const RowScores& scores, const TileMaxima& tiles);

/// exp by a polynomial of degree 2 for the fraction of the power of 2: wrong by up to 2^-9 (cubic term left out).
double coarse_exponential(double x);

/// `value` cut off, or rounded to nearest, to that many bits of significand, exponents unlimited.
double cut_to_bits(double value, int bits);
double rounded_to_bits(double value, int bits);

}  // namespace attest
