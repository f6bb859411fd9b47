#pragma once

#include <vector>

#include "harness/core/arithmetic.hpp"
#include "reference/softmax_bound.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// What independent roundings of mean zero do to the scores of a row.
struct ScoreChances {
  std::vector<MomentWeights> moments;  ///< weights of the sums that output_chances() reads, one entry a key
  double shift_squares = 0.0;          ///< sum P^2 dl^2
  double slope = 0.0;                  ///< sum P s
  double truncated = 0.0;              ///< sqrt(sum P t^2), t being what truncating sums take from a score
  double greatest_shift = 0.0;         ///< max dl
  double curved = 0.0;                 ///< sqrt(sum P (4u s)^2) with softcap: errors of tanh have no sign of their own
};

/// dl_j = [sqrt(d+1) u + 2u_in] a_j + u_s|s_j| + sigma_s + 3u(m - s_j) + sqrt(2) u(|s_j|+|b_j|)[bias]
ScoreChances score_chances(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores);

/// Rule P's bound and rule S's standard deviation, one entry an element of the line.
struct Chance {
  std::vector<double> bound;
  std::vector<double> deviation;
  std::vector<double> coherent;  ///< coh: the part of the deviation that may have one sign everywhere
};

/// With C(w) = sum_j w_j (kappa_j v_jc - O_c)^2:
///
///     V = C(P^2 dl^2) + sum [(u_p+u_in)^2 P^2 + (sigma_p/l)^2] kappa^2 v^2 + (N+n_r) u^2 (A^2 + O^2)
///     coh = 2u |sum P s kappa v - O sum P s| + [(1+n_r) e_exp + uM] sqrt(C(P))
///     bound = (6.5 sqrt(V) + coh)(1 + ...as in rule F) + E4        exceeded once in 1e9 elements (Azuma)
///     deviation = 0.41 sqrt(V + E4^2) + coh                         0.41u: the root mean square of one rounding
///
/// All of it is of first order in dl: where 6.5 max dl exceeds 1, as where scores of hundreds are stored in 16 bits,
/// the bound is infinite and the deviation 0, and rule F alone holds.
///
/// Sums that truncate all err to one side: theirs are no chance but gamma(N/k + n_r)(A + |O|) and, through the scores,
/// (d/k + 1) u a, both in coh.
///
/// Nor is what the stored weights of tile maxima lose with dropout, which are 1/(1-p) in every row: u_p kappa P |v| of
/// those keys is in coh.
Chance output_chances(const SoftmaxInputs& inputs, const RowPlace& place, const Arithmetic& arithmetic,
                      const RowScores& scores, const ScoreErrors& errors, const ScoreChances& chances,
                      const RowColumns& columns);

/// The same of lse: V = sum P^2 dl^2 + (N+n_r) u^2, coh = 2u|sum P s| + (1+n_r) e_exp + uM, and 2u|ln l| + u|lse| for
/// the logarithm and its store.
Chance lse_chance(const Arithmetic& arithmetic, const RowScores& scores, const ScoreChances& chances);

}  // namespace attest
