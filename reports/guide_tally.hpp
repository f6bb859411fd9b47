// What the claims of the selection guide are judged with.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "reports/guide_claims.hpp"

namespace attest::reports {

constexpr std::size_t least_lengths = 3;  // of a curve whose exponent is judged

/// Three significant digits.
std::string number(double value);

/// Cases of one claim, counted.
struct Tally {
  long holding = 0, against = 0, open = 0;
  double least = std::numeric_limits<double>::infinity(), greatest = -std::numeric_limits<double>::infinity();
  std::set<std::string> kernels, types, backends;
  double from = std::numeric_limits<double>::infinity(), to = 0;  // lengths

  void add(ClaimAnswer answer, double figure, const View& view);
  void saw(const View& view);
  long cases() const { return holding + against + open; }
  ClaimAnswer answer() const;
  /// "1.2 to 3.4": of the figures.
  std::string range() const;
  std::string counts() const;
  std::string conditions() const;
};

Finding not_measured(std::string what);

bool is_square(const View& view);

/// Views of a variant that passed and `fits`, by kernel and family, in the order of the lengths.
std::vector<Group> curves(const Study& study, const std::string& variant, bool (*fits)(const View&));

/// Cells of two variants on the same problem, inputs, threads and backend.
struct Couple {
  std::vector<const View*> first, second;
};
std::map<std::string, Couple> couples(const Study& study, const std::string& first, const std::string& second);

// The claims on growth and on linear attention (guide_growth.cpp).
Finding window_work_is_linear(const Study& study);
Finding window_time_is_linear(const Study& study);
Finding cross_cost_is_a_product(const Study& study);
Finding linear_is_subquadratic(const Study& study);
Finding linear_trades_quality_for_speed(const Study& study);

}  // namespace attest::reports
