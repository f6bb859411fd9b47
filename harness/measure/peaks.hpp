#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attest {

/// Measured rate of multiply-adds (two FLOPs each) of one type.
struct FlopPeak {
  std::string isa;          ///< The instruction set whose kernel was run: portable, avx2, avx512, avx512bf16.
  std::string type;         ///< f64, f32, bf16 or f16.
  std::string computed_as;  ///< The type of the multiply-adds: f32 for a type that this CPU has no instruction for.
  int threads = 0;
  double flops_per_second = 0;  ///< Median over the rounds.
  std::vector<double> samples;  ///< One rate a round.
};

/// Measured rate of reading from one level of the memory hierarchy.
struct BandwidthPeak {
  std::string level;      ///< L1, L2, L3 or DRAM.
  std::size_t bytes = 0;  ///< Read again and again, by all threads together; each reads its own part.
  int threads = 0;
  double bytes_per_second = 0;  ///< Median over the rounds.
  std::vector<double> samples;
};

struct Peaks {
  std::string isa;  ///< The widest instruction set of this CPU that Attest has kernels for.
  std::vector<FlopPeak> flops;
  std::vector<BandwidthPeak> bandwidths;

  /// The best rate for the type and thread count over the instruction sets; empty when not measured.
  std::optional<double> flops_per_second(std::string_view type, int threads) const;
  std::optional<double> bytes_per_second(std::string_view level, int threads) const;

  /// The fastest single round. Other work on the machine makes rounds slow, never fast: a result above this, and not
  /// one above the median, is not to be believed.
  std::optional<double> flops_bound(std::string_view type, int threads) const;
  std::optional<double> bytes_bound(std::string_view level, int threads) const;
};

struct PeakOptions {
  std::vector<int> threads = {};  ///< Empty: 1, 2, 4, ... and every CPU that the process may use.
  std::vector<std::string> types = {"f64", "f32", "bf16", "f16"};
  std::vector<std::string> levels = {"L1", "L2", "L3", "DRAM"};
  int rounds = 9;                     ///< Each measures everything once, so that a busy spell hits all alike.
  double seconds_per_sample = 0.004;  ///< At least; one pass over the buffer if that takes longer.
};

/// Measures what is asked, all of it in under 10 s on 2 CPUs. Throws attest::Error on an unknown type or level, or
/// fewer than one thread or round.
Peaks measure_peaks(const PeakOptions& options = {});

/// Only the rates of one type with `threads` threads, in about a fifth of a second: the bound beside a kernel's rate.
Peaks measure_flop_peak(int threads, std::string_view type = "f32");

nlohmann::json peaks_to_json(const Peaks& peaks);

/// Throws attest::Error naming the key that is missing or of the wrong type.
Peaks peaks_from_json(const nlohmann::json& document);

}  // namespace attest
