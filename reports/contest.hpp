// Which kernel is fastest at which length, and how sure that is.
#pragma once

#include <string>
#include <vector>

#include "reports/study.hpp"

namespace attest::reports {

/// The timed kernels of one function at one length.
struct Contest {
  double length = 0;
  const View* fastest = nullptr;
  const View* runner_up = nullptr;  // null when nobody else was timed
  double ratio = 0;                 // runner-up's median over the fastest's
  double probability = 1;           // Mann-Whitney between the two, by Holm over all contests of the study
  bool clear = false;               // under 5 %, and is_clear()
};

/// All lengths of one family and one function.
struct FamilyContest {
  std::string family;
  std::string function_class;  // "" for softmax attention
  std::vector<Contest> contests;

  bool is_contested() const;
};

/// What makes a contest clear, for the texts that say so.
inline constexpr const char* clear_rule =
    "Mann-Whitney by Holm under 5%, medians 2% or more apart, 95% intervals that do not meet, ahead in every round";

/// Whether the first is faster in every way that one comparison can show: 2% or more between the medians, 95% intervals
/// that do not meet, and in every round that both have, the smaller median (comparisons are paired inside a round).
bool is_clear(const View& fastest, const View& runner_up);

/// Every family with a timed cell, in the order of the study. Kernels of different functions are never compared.
std::vector<FamilyContest> hold_contests(const Study& study);

/// Who leads at the greatest contested length, and from which length on without a break.
struct Standing {
  std::string kernel;  // empty: no clear winner there
  double from = 0;
  double ratio = 0;       // at the greatest contested length
  bool unbroken = false;  // the same at every contested length
};
Standing final_standing(const FamilyContest& family);

/// "linear by its own definition, not softmax attention of q, k and v": what a family's function is.
std::string class_note(const std::string& function_class);

/// "at every length from 128 to 4k": the contested ones.
std::string lengths_text(const FamilyContest& family);

/// "standard/cpu_blas is fastest up to 256; flash2/cpu_tiled is fastest from 512 on (1.9 to 2.4 times the runner-up)."
std::string winner_sentence(const FamilyContest& family);

}  // namespace attest::reports
