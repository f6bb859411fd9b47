// Each kind of input has the distribution and the properties that its name states, and is the same on every call.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <set>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/inputs/input_values.hpp"
#include "harness/inputs/random_stream.hpp"
#include "tests/harness/inputs_variants.hpp"

using namespace attest;
using namespace attest::test;

namespace {

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
  double kurtosis = 0.0;
};

Moments moments_of(const TensorView& view) {
  const auto count = static_cast<double>(view.element_count());
  Moments m;
  for (std::int64_t i = 0; i < view.element_count(); ++i)
    m.mean += load_element(view.data, view.dtype, i) / count;
  double fourth = 0.0;
  for (std::int64_t i = 0; i < view.element_count(); ++i) {
    const double square = std::pow(load_element(view.data, view.dtype, i) - m.mean, 2);
    m.variance += square / count;
    fourth += square * square / count;
  }
  m.kurtosis = fourth / (m.variance * m.variance);
  return m;
}

bool same_bytes(const Tensor& left, const Tensor& right) {
  return left.bytes() == right.bytes() && std::memcmp(left.raw().data(), right.raw().data(), left.bytes()) == 0;
}

bool all_finite(const TensorView& view) {
  for (std::int64_t i = 0; i < view.element_count(); ++i) {
    if (!std::isfinite(load_element(view.data, view.dtype, i))) return false;
  }
  return true;
}

double score(const TensorSet& set, const Problem& p, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  double dot = 0.0;
  for (std::int64_t c = 0; c < p.head_dim; ++c)
    dot += set.at("q").load(b, h, i, c) * set.at("k").load(b, h / p.group(), j, c);
  return dot;
}

TensorStorage make(std::string_view kind, const Problem& problem, std::uint64_t seed = 1,
                   const Variant& variant = softmax_variant()) {
  return generate_inputs(kind, variant, problem, seed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(generated_inputs)

BOOST_AUTO_TEST_CASE(quantiles_of_the_normal_distribution_are_right_to_the_last_digits) {
  // Values of Python's statistics.NormalDist().inv_cdf.
  BOOST_CHECK_EQUAL(inverse_normal(0.5), 0.0);
  BOOST_CHECK_CLOSE(inverse_normal(0.2), -0.8416212335729142, 1e-13);
  BOOST_CHECK_CLOSE(inverse_normal(0.07), -1.4757910281791702, 1e-13);
  BOOST_CHECK_CLOSE(inverse_normal(0.99), 2.326347874040841, 1e-13);
  BOOST_CHECK_CLOSE(inverse_normal(1e-6), -4.753424308822899, 1e-13);
  BOOST_CHECK_CLOSE(inverse_normal(1e-20), -9.262340089798405, 1e-13);
}

BOOST_AUTO_TEST_CASE(a_stream_answers_by_index_whatever_was_asked_before) {
  RandomStream forwards(3, "q");
  RandomStream backwards(3, "q");
  std::set<std::uint64_t> seen;
  std::vector<std::uint64_t> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = forwards.bits(i);
  for (std::size_t i = values.size(); i-- > 0;) {
    BOOST_REQUIRE_EQUAL(backwards.bits(i), values[i]);
    seen.insert(values[i]);
  }
  BOOST_CHECK_EQUAL(seen.size(), values.size());
  BOOST_CHECK_NE(RandomStream(4, "q").bits(0), values[0]);
  BOOST_CHECK_NE(RandomStream(3, "k").bits(0), values[0]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t below = forwards.below(i, 3);
    BOOST_REQUIRE(below >= 0 && below < 3);
  }
}

// Bits that were seen once, on x86-64: another machine or compiler that gives others breaks reproducibility.
BOOST_AUTO_TEST_CASE(the_values_are_those_of_every_other_machine) {
  RandomStream stream(2026, "q");
  double sum = 0.0;
  for (std::uint64_t i = 0; i < 4096; ++i)
    sum += stream.normal(i);
  BOOST_CHECK_EQUAL(stream.bits(0), 0x9553e47b0a218fd9u);
  BOOST_CHECK_EQUAL(stream.normal(1), -0x1.daec3302f1214p-1);
  BOOST_CHECK_EQUAL(sum, -0x1.0239799fa0f5ep+2);
}

BOOST_AUTO_TEST_CASE(every_kind_is_the_same_on_every_call_and_another_for_another_seed) {
  const Problem base = problem_of("b2 hq4 hkv2 sq9 skv12 d32");
  for (const InputKind& kind : input_kinds()) {
    BOOST_TEST_CONTEXT(kind.name) {
      Problem problem = base;
      if (kind.name == "near_overflow") problem.dtype = DType::f16;
      const Variant& variant = kind.name == "minus12" ? linear_variant() : softmax_variant();
      BOOST_REQUIRE_MESSAGE(supports_inputs(kind.name, variant, problem),
                            supports_inputs(kind.name, variant, problem).reason);
      const TensorStorage first = make(kind.name, problem, 1, variant);
      const TensorStorage again = make(kind.name, problem, 1, variant);
      const TensorStorage other = make(kind.name, problem, 2, variant);
      BOOST_REQUIRE_EQUAL(first.entries().size(), again.entries().size());
      bool differs = false;
      for (const auto& [name, tensor] : first.entries()) {
        BOOST_CHECK(same_bytes(tensor, *again.find(name)));
        differs = differs || !same_bytes(tensor, *other.find(name));
      }
      BOOST_CHECK_EQUAL(differs, kind.name != "minilm");  // which is data
      BOOST_CHECK(presence_of(first.views()) == presence_of_inputs(kind.name));
      BOOST_CHECK(presence_of_inputs(kind.name, variant, problem) == presence_of_inputs(kind.name));
      for (const char* name : {"q", "k", "v"}) {
        const bool poisoned = kind.name == "nan_in_sight" ||
                              ((kind.name == "nan_behind_mask" || kind.name == "infinite_bias") && *name != 'q');
        BOOST_CHECK_EQUAL(all_finite(first.find(name)->view()), !poisoned);
      }
      BOOST_CHECK_EQUAL(predicted_tensor_bytes(variant, problem, presence_of_inputs(kind.name)),
                        static_cast<double>(first.bytes()) +
                            2.0 * 4 * 9 * (32.0 * static_cast<double>(size_of(problem.dtype)) + 4.0));
    }
  }
}

BOOST_AUTO_TEST_CASE(normal_values_have_the_moments_of_the_normal_distribution) {
  const TensorStorage storage = make("normal", problem_of("b2 hq4 sq128 d128"));
  for (const char* name : {"q", "k", "v"}) {
    const Moments m =
        moments_of(storage.find(name)->view());  // of 131072 values: standard errors 0.0028, 0.0039, 0.0135
    BOOST_CHECK_SMALL(m.mean, 0.014);
    BOOST_CHECK_SMALL(m.variance - 1.0, 0.02);
    BOOST_CHECK_SMALL(m.kurtosis - 3.0, 0.07);
  }
  BOOST_CHECK(!same_bytes(*storage.find("q"), *storage.find("k")));
  BOOST_CHECK(!same_bytes(*storage.find("k"), *storage.find("v")));
}

BOOST_AUTO_TEST_CASE(a_lower_type_holds_the_same_values_rounded_once) {
  const TensorStorage wide = make("normal", problem_of("hq2 sq300 d64 f64"));
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    Problem problem = problem_of("hq2 sq300 d64");
    problem.dtype = type;
    const TensorStorage narrow = make("normal", problem);
    BOOST_CHECK(same_bytes(*narrow.find("k"), converted(wide.find("k")->view(), type)));
  }
}

BOOST_AUTO_TEST_CASE(the_short_way_of_rounding_agrees_with_the_long_one_at_ties_and_edges) {
  for (const DType type : {DType::f16, DType::bf16}) {
    const double unit = unit_roundoff(type);
    for (const double base :
         {1.0, 1.5, 0x1p-14, 0x1p-15, 0x1p15, 0x1.ff8p14, 0x1.ffp15, 0x1p-126, 0x1p126, 0x1p127, 1e-45}) {
      for (int step = -8; step <= 8; ++step) {
        for (const double sign : {1.0, -1.0}) {
          const double value = sign * base * (1.0 + step * unit / 2.0);
          std::uint16_t fast = 0;
          std::uint16_t slow = 0;
          store_rounded(&fast, type, 0, value);
          store_element(&slow, type, 0, value);
          BOOST_CHECK_EQUAL(fast, slow);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(outliers_are_one_in_a_thousand_with_variance_100) {
  const TensorStorage storage = make("outliers", problem_of("b2 hq8 sq128 d128"));
  const TensorView v = storage.find("v")->view();
  int large = 0;
  for (std::int64_t i = 0; i < v.element_count(); ++i)
    large += std::fabs(load_element(v.data, v.dtype, i)) > 6.0 ? 1 : 0;
  // 262 of 262144 are outliers, of which |N(0,101)| > 6 holds for 55%.
  BOOST_CHECK_GT(large, 100);
  BOOST_CHECK_LT(large, 190);
  BOOST_CHECK_SMALL(moments_of(v).variance - 1.1, 0.05);
}

BOOST_AUTO_TEST_CASE(large_logits_have_scores_sixteen_times_as_large) {
  const Problem problem = problem_of("sq4 d64");
  const TensorStorage normal = make("normal", problem);
  const TensorStorage large = make("large_logits", problem);
  for (std::int64_t i = 0; i < 4; ++i) {
    const double expected = 16.0 * score(normal.views(), problem, 0, 0, i, 1);
    BOOST_CHECK_CLOSE(score(large.views(), problem, 0, 0, i, 1), expected, 1e-9);
  }
  BOOST_CHECK(same_bytes(*normal.find("v"), *large.find("v")));
}

BOOST_AUTO_TEST_CASE(peaked_rows_give_nearly_all_weight_to_one_visible_key) {
  for (const char* text : {"b2 hq4 hkv2 sq40 skv50 d64", "hq2 sq40 d64 causal",
                           "hq2 sq40 d64 scale=1 causal window=4,0", "hq2 sq40 d32 scale=-0.5"}) {
    const Problem problem = problem_of(text);
    const TensorStorage storage = make("peaked", problem);
    const TensorSet set = storage.views();
    std::set<std::int64_t> peaks;
    int peaked = 0;
    for (std::int64_t i = 0; i < problem.seq_q; ++i) {
      const KeyRange range = key_range(problem, i, problem.seq_kv);
      std::vector<double> scores;
      for (std::int64_t j = range.begin; j < range.end; ++j)
        scores.push_back(problem.effective_scale() * score(set, problem, problem.batch - 1, 1, i, j));
      const auto top = std::max_element(scores.begin(), scores.end());
      double sum = 0.0;
      for (const double s : scores)
        sum += std::exp(s - *top);
      peaked += sum < 1.01 ? 1 : 0;
      peaks.insert(range.begin + (top - scores.begin()));
    }
    BOOST_CHECK_GE(peaked, 36);
    BOOST_CHECK_GT(peaks.size(), 15u);
  }
}

BOOST_AUTO_TEST_CASE(uniform_scores_are_equal_within_a_row_and_not_zero) {
  const Problem problem = problem_of("b2 hq4 hkv2 sq5 skv7 d32 bf16");
  const TensorStorage storage = make("uniform_scores", problem);
  for (std::int64_t h = 0; h < 4; ++h) {
    const double first = score(storage.views(), problem, 1, h, 2, 0);
    BOOST_CHECK_GT(std::fabs(first), 1e-3);
    for (std::int64_t j = 1; j < 7; ++j)
      BOOST_CHECK_EQUAL(score(storage.views(), problem, 1, h, 2, j), first);
  }
  const TensorView k = storage.find("k")->view();
  BOOST_CHECK_NE(k.load(0, 0, 0, 0), k.load(0, 1, 0, 0));
  BOOST_CHECK_NE(k.load(0, 0, 0, 0), k.load(1, 0, 0, 0));
}

BOOST_AUTO_TEST_CASE(two_valued_is_plus_or_minus_one_evenly) {
  const TensorStorage storage = make("two_valued", problem_of("hq4 sq64 d64"));
  for (const auto& [name, tensor] : storage.entries()) {
    const Moments m = moments_of(tensor.view());
    BOOST_CHECK_SMALL(m.mean, 0.04);
    BOOST_CHECK_CLOSE(m.variance, 1.0 - m.mean * m.mean, 1e-9);
    BOOST_CHECK_SMALL(m.kurtosis - 1.0, 0.02);
  }
}

BOOST_AUTO_TEST_CASE(padded_has_lengths_from_one_to_all_with_both_ends) {
  for (const char* text : {"b2 sq3 skv9", "b7 sq3 skv9", "b30 sq3 skv2", "b3 sq1"}) {
    const Problem problem = problem_of(text);
    const TensorStorage storage = make("padded", problem, 5);
    const auto* lengths = storage.find("kv_lengths")->view().as<std::int64_t>();
    BOOST_CHECK_EQUAL(*std::min_element(lengths, lengths + problem.batch), 1);
    BOOST_CHECK_EQUAL(*std::max_element(lengths, lengths + problem.batch), problem.seq_kv);
    BOOST_CHECK(storage.find("mask") == nullptr);
  }
  const TensorStorage alone = make("padded", problem_of("sq3 skv9"));
  const std::int64_t length = *alone.find("kv_lengths")->view().as<std::int64_t>();
  BOOST_CHECK(length >= 1 && length <= 9);
}

BOOST_AUTO_TEST_CASE(padded_hides_by_the_mask_where_a_variant_has_no_lengths) {
  const Problem problem = problem_of("b4 hq2 sq6 skv6 d32");
  for (const Variant* variant : {&module_variant(), &flat_mask_variant()}) {
    BOOST_CHECK(presence_of_inputs("padded", *variant, problem) == (Presence{.mask = true}));
    const TensorStorage storage = make("padded", problem, 1, *variant);
    const auto* mask = storage.find("mask")->view().as<std::uint8_t>();
    std::set<int> lengths;
    for (int b = 0; b < 4; ++b) {
      const auto* row = mask + b * 6;
      const auto length = static_cast<int>(std::count(row, row + 6, 1));
      BOOST_CHECK(std::all_of(row, row + length, [](int visible) { return visible == 1; }));
      lengths.insert(length);
    }
    BOOST_CHECK(lengths.count(1) == 1 && lengths.count(6) == 1);
  }
}

BOOST_AUTO_TEST_CASE(fully_masked_rows_has_rows_without_a_key_and_rows_with_some) {
  for (const char* text : {"b2 hq4 sq9 skv12", "sq2 skv1", "hq2 sq1 skv5", "b3 hq2 sq40 skv30"}) {
    const Problem problem = problem_of(text);
    const TensorStorage storage = make("fully_masked_rows", problem, 3);
    const auto* mask = storage.find("mask")->view().as<std::uint8_t>();
    const std::int64_t lines = problem.batch * problem.heads_q * problem.seq_q;
    std::int64_t empty = 0;
    for (std::int64_t line = 0; line < lines; ++line) {
      const auto* keys = mask + line * problem.seq_kv;
      empty += std::all_of(keys, keys + problem.seq_kv, [](int visible) { return visible == 0; }) ? 1 : 0;
    }
    BOOST_CHECK_GE(empty, 1);
    BOOST_CHECK_LT(empty, lines);
    if (lines > 200) BOOST_CHECK_SMALL(static_cast<double>(empty) / static_cast<double>(lines) - 0.25, 0.12);
  }
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TensorStorage two = make("fully_masked_rows", problem_of("sq2 skv1"), seed);
    const auto* mask = two.find("mask")->view().as<std::uint8_t>();
    BOOST_CHECK_EQUAL(mask[0] + mask[1], 1);
  }
  BOOST_CHECK(!supports_inputs("fully_masked_rows", softmax_variant(), problem_of("sq1 skv5")));
  const Support alone = supports_inputs("fully_masked_rows", module_variant(), problem_of("sq6 d32"));
  BOOST_CHECK_NE(alone.reason.find("give 2 or more batch entries"), std::string::npos);
  BOOST_CHECK(supports_inputs("fully_masked_rows", module_variant(), problem_of("b2 sq6 d32")));
}

BOOST_AUTO_TEST_CASE(poison_lies_exactly_behind_the_mask_and_the_mask_hides_it_from_every_row) {
  const Problem problem = problem_of("b3 hq4 hkv2 sq5 skv11 d32 dv16 bf16");
  const TensorStorage storage = make("nan_behind_mask", problem, 9);
  const TensorView mask = storage.find("mask")->view();
  bool nan = false, plus = false, minus = false;
  for (std::int64_t b = 0; b < 3; ++b) {
    int hidden = 0;
    for (std::int64_t j = 0; j < 11; ++j) {
      const bool visible = mask.load(b, 0, 0, j) != 0.0;
      hidden += visible ? 0 : 1;
      for (std::int64_t h = 0; h < 4; ++h) {
        for (std::int64_t i = 0; i < 5; ++i)
          BOOST_REQUIRE_EQUAL(mask.load(b, h, i, j) != 0.0, visible);
      }
      for (const char* name : {"k", "v"}) {
        const TensorView view = storage.find(name)->view();
        for (std::int64_t h = 0; h < 2; ++h) {
          for (std::int64_t c = 0; c < view.shape[3]; ++c) {
            const double value = view.load(b, h, j, c);
            BOOST_REQUIRE_EQUAL(std::isfinite(value), visible);
            nan = nan || std::isnan(value);
            plus = plus || (std::isinf(value) && value > 0.0);
            minus = minus || (std::isinf(value) && value < 0.0);
          }
        }
      }
    }
    BOOST_CHECK(hidden > 0 && hidden < 11);
  }
  BOOST_CHECK(nan && plus && minus);
  BOOST_CHECK(!supports_inputs("nan_behind_mask", softmax_variant(), problem_of("sq4 skv1")));
  BOOST_CHECK(!supports_inputs("nan_behind_mask", module_variant(), problem_of("b2 sq6 d32")));
  BOOST_CHECK(!supports_inputs("nan_behind_mask", linear_variant(), problem_of("b2 sq6")));
}

BOOST_AUTO_TEST_CASE(near_overflow_passes_the_largest_f16_in_the_sum_while_weights_stay_spread) {
  for (const char* text :
       {"hq4 hkv2 sq6 skv40 d32 f16", "hq2 sq6 skv40 d64 f16", "sq6 skv40 d128 f16", "sq6 skv40 d64 f16 scale=1"}) {
    const Problem problem = problem_of(text);
    const TensorStorage storage = make("near_overflow", problem);
    double least = 1e9, most = 0.0;
    for (std::int64_t j = 0; j < 40; ++j) {
      const double dot = score(storage.views(), problem, 0, problem.heads_q - 1, 3, j);
      least = std::min(least, dot);
      most = std::max(most, dot);
    }
    BOOST_CHECK_GT(least, 65504.0);
    BOOST_CHECK_LT(most, 100000.0);
    BOOST_CHECK_LT((most - least) * problem.effective_scale(), 40.0);
    BOOST_CHECK_GT(most, least);
  }
  BOOST_CHECK(!supports_inputs("near_overflow", softmax_variant(), problem_of("sq6 bf16")));
}

BOOST_AUTO_TEST_CASE(minus12_lies_around_minus_twelve_and_is_for_feature_maps) {
  const TensorStorage storage = make("minus12", problem_of("hq2 sq64 d64"), 1, linear_variant());
  BOOST_CHECK_SMALL(moments_of(storage.find("q")->view()).mean + 12.0, 0.05);
  BOOST_CHECK_SMALL(moments_of(storage.find("k")->view()).variance - 0.25, 0.02);
  BOOST_CHECK_SMALL(moments_of(storage.find("v")->view()).mean, 0.06);
  BOOST_CHECK(!supports_inputs("minus12", softmax_variant(), problem_of("sq6")));
  BOOST_CHECK_THROW(make("minus12", problem_of("sq6")), Error);
}

BOOST_AUTO_TEST_CASE(weights_of_a_module_have_their_declared_deviation) {
  const TensorStorage storage = make("normal", problem_of("hq4 sq6 d32"), 1, module_variant());
  BOOST_CHECK_CLOSE(std::sqrt(moments_of(storage.find("w_q")->view()).variance), 0.05, 3.0);
  BOOST_CHECK(storage.find("mask") == nullptr);
  BOOST_CHECK(storage.find("b_q") != nullptr);
}

BOOST_AUTO_TEST_CASE(a_kind_that_is_not_known_is_answered_with_the_known_ones) {
  BOOST_CHECK_EXCEPTION(find_input_kind("gaussian"), Error, [](const Error& error) {
    return std::string_view(error.what()).find("give one of normal, outliers") != std::string_view::npos;
  });
  BOOST_CHECK_THROW(presence_of_inputs("gaussian"), Error);
}

BOOST_AUTO_TEST_SUITE_END()
