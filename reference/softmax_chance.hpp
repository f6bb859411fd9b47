#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "reference/softmax_bound.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// What independent roundings of mean zero do to the scores of a row. Chances are of first order in dl; they hold for
/// *near* keys, 6.5 dl <= 1, and of *far* ones the worst is assumed, which is little where these weigh nothing. Were
/// the key with the greatest weight far, its error is taken from all scores, which leaves the output as it is: then it
/// is the one near key, without an error, and eta of the others is the sum of theirs and its own.
struct ScoreChances {
  std::vector<MomentWeights> moments;  ///< weights of the sums that output_chances() reads, one entry a key
  double shift_squares = 0.0;          ///< sum P^2 dl^2, like the next three over near keys
  double slope = 0.0;                  ///< sum P s
  double truncated = 0.0;              ///< sqrt(sum P t^2), t being what truncating sums take from a score
  double curved = 0.0;                 ///< sqrt(sum P (4u s)^2) with softcap: errors of tanh have no sign of their own

  std::vector<double> excess;           ///< P (e^eta - 1) of far keys, 0 of near ones; empty where all are near
  double near_error = 0.0;              ///< max eta of the near keys, where there are far ones
  double far = 0.0;                     ///< rho = e^(max eta of near keys) sum P (e^eta - 1) over far keys
  std::optional<std::size_t> heaviest;  ///< index of the key with the greatest weight, where it is far
  double common_shift = 0.0;            ///< its dl and what its score may err to one side: all of lse's error,
  double common_coherent = 0.0;         ///< none of the output's
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
/// All of it is of first order in dl, as it is for near keys; C(P^2 dl^2) and the sum of P s are over those. Let O'' be
/// the output with the errors of near keys and none of far ones, e_j that of a far key's score and S' the sum of all
/// weights got, over l. Then
///
///     O' - O'' = sum_far P_j (e^e_j - 1)(kappa_j v_j - O'') / S',     S' >= e^-near - sum_far P_j (e^eta_j - 1),
///
/// near being max eta of the near keys, so that with rho as in ScoreChances what far keys do is at most
///
///     far = e^near sum_far P_j (e^eta_j - 1) [|kappa_j v_jc - O_c| + (u_p + u_in + 2u (dropout) + 2gamma)(|kappa_j
///           v_jc| + |O_c|)]
///
/// over 1 - rho, and rho |O'' - O_c| beside; the second term is of roundings that the excess weights go through. far is
/// part of coh, and rho of the inflation, 1 + 4(near + rho + ...), which covers both the division and what is beside
/// while rho is under 1/8. Where rho exceeds one rounding of what the row stores, max(u, u_p, u_out), the worst case of
/// the far keys would drown what chances say of the others: the bound is infinite and the deviation 0, and rule F alone
/// holds.
///
/// Sums that truncate all err to one side: theirs are no chance but gamma(N/k + n_r)(A + |O|) and, through the scores,
/// (d/k + 1) u a, both in coh.
///
/// Nor is what the stored weights of tile maxima lose with dropout, which are 1/(1-p) in every row: r kappa P |v| of
/// those keys is in coh, r being the relative error of that number in f16 or bf16, whose unit roundoff u_p is, and
/// otherwise u_p.
Chance output_chances(const SoftmaxInputs& inputs, const RowPlace& place, const Arithmetic& arithmetic,
                      const RowScores& scores, const ScoreErrors& errors, const ScoreChances& chances,
                      const RowColumns& columns);

/// The same of lse: V = sum P^2 dl^2 + (N+n_r) u^2, coh = 2u|sum P s| + (1+n_r) e_exp + uM, and 2u|ln l| + u|lse| for
/// the logarithm and its store. Far keys add |ln(1 - rho)| to coh. A heaviest key that is far moves lse by as much as
/// its own score is wrong, whatever the order: dl^2 is in V, 2u|s| in coh.
Chance lse_chance(const Arithmetic& arithmetic, const RowScores& scores, const ScoreChances& chances);

}  // namespace attest
