#pragma once

#include <vector>

#include "harness/core/arithmetic.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// Unit roundoff and relative error of exp that the kernel's bound counts: the kernel's own and those of the reference
/// in double, which a kernel in double does not meet, since its reference is better (softmax_quad.hpp).
struct Roundoffs {
  explicit Roundoffs(const Arithmetic& arithmetic);
  double unit;
  double exponential;
};

/// How far the scores of a row may be from the truth, in the exponent. One entry a key.
struct ScoreErrors {
  std::vector<double> eta;     ///< |ln(weight got / weight true)| at most
  std::vector<double> growth;  ///< e^eta - 1, eta being cut off at 300
  double greatest = 0.0;       ///< max eta, cut off alike
};

/// eta_j = [gamma(d+1) + 2u_in + u_in^2] a_j + u(|s_j|+|b_j|) + 4u|s_j| (softcap) + u_s|s_j| + sigma_s + (1+n_r) e_exp
///         + u[5(m - s_j) + M]
ScoreErrors score_errors(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores);

/// Rule F for the columns of one row of the output:
///
///     E1 = e^(max eta) * sum_j P_j |kappa_j v_jc - O_c| (e^eta_j - 1)
///     E2 = [u_p + u_in + 2u (dropout) + gamma(N+n_r)] A_c + sigma_p/l * sum_j kappa_j |v_jc|
///     E3 = gamma(N+n_r) |O_c|            E4 = (3u + u_out) |O_c| + sigma_out
///     bound = (E1 + E2 + E3) (1 + 4(max eta + gamma(N+n_r) + u_p) + u_out) + E4
///
/// Beside it, what may underflow: a weight below the smallest normal number of the accumulation type may be lost, and
/// so may as much at each of the N + n_r steps of the sum. The reference is rounded to double once, which counts too.
std::vector<double> output_bounds(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores,
                                  const ScoreErrors& errors, const RowColumns& columns);

/// What holds whatever the weights are, for rows whose eta is so large that rule F says less: an output is an average
/// of the kappa_j v_jc of the visible keys, so that it is no farther from O_c than the farthest of them,
///
///     max_j |kappa_j v_jc - O_c| + [u_p + u_in + 2u (dropout) + 2 gamma(N+n_r)] (1 + u_out) max_j |kappa_j v_jc|
///         + sigma_p sum_j kappa_j |v_jc| + (3u + u_out) max_j |kappa_j v_jc| + sigma_out
///
/// (a sum of weights is 1 at least, the greatest being e^0). Replaces `bounds` where it is less; returns whether that
/// is so for every column, so that the row proves nothing of the weights.
bool limit_to_values(const SoftmaxInputs& inputs, const RowPlace& place, const Arithmetic& arithmetic,
                     const RowScores& scores, const ScoreErrors& errors, const RowColumns& columns,
                     std::vector<double>& bounds);

/// ln(1 + sum P (e^eta - 1)) + gamma(N+n_r) + 2u|ln l| + u|lse| + uM, u being at least f32's for the stored lse. The
/// first term is sum P eta to first order; this form holds to all orders.
double lse_bound(const Arithmetic& arithmetic, const RowScores& scores, const ScoreErrors& errors);

}  // namespace attest
