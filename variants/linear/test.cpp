// Facts of linear attention. The inputs provoke: whole numbers, whose sums are exact, so that three ways to sum must
// agree in every bit; lengths around the chunk of 96; a state that must be carried; features that underflow; more
// threads than heads, which divide a head's chunks.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"
#include "variants/common/cpu/instruction_set.hpp"
#include "variants/linear/elementwise.hpp"

namespace {

using namespace attest;

/// q and k of 0, 1 and 2 (features 1, 2, 3) and values -3 to 3: every sum is a whole number below 2^24.
TensorStorage whole_numbers(const Problem& p) {
  TensorStorage storage;
  const auto fill = [&storage](const char* name, const Shape& shape, std::int64_t span, std::int64_t least) {
    const TensorView view = storage.add(name, DType::f32, shape).view();
    for (std::int64_t n = 0; n < view.element_count(); ++n)
      view.as<float>()[n] = static_cast<float>((n * 7 + n / 5 + n / 31) % span + least);
  };
  fill("q", {p.batch, p.heads_q, p.seq_q, p.head_dim}, 3, 0);
  fill("k", {p.batch, p.heads_kv, p.seq_kv, p.head_dim}, 3, 0);
  fill("v", {p.batch, p.heads_kv, p.seq_kv, p.head_dim_v}, 7, -3);
  return storage;
}

Tensor run_once(std::string_view id, const Problem& problem, const TensorSet& inputs, int threads) {
  const KernelEntry entry = find_kernel(id);
  const auto execution = find_backend("cpu").prepare(*entry.variant, *entry.kernel, problem, inputs, threads);
  execution->run();
  const TensorView& out = execution->outputs().at("out");
  return converted(out, out.dtype);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.raw().data(), b.raw().data(), a.bytes()) == 0;
}

double true_feature(float x) {
  return x < 0.0f ? std::exp(static_cast<double>(x)) : static_cast<double>(x) + 1.0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linear)

BOOST_AUTO_TEST_CASE(chunked_recurrent_and_full_agree_in_every_bit_on_whole_numbers) {
  for (const char* text : {"sq1 d8", "hq2 sq95 d16 dv8", "hq2 sq96 d20 dv33", "hq4 hkv2 sq97 skv193 d64",
                           "b2 sq300 d24 dv40", "sq5 skv500 d250 dv3"}) {
    const Problem problem = parse_problem(text);
    const TensorStorage storage = whole_numbers(problem);
    const Tensor full = run_once("linear/cpu_full", problem, storage.views(), 1);
    BOOST_TEST(same_bits(full, run_once("linear/cpu_recurrent", problem, storage.views(), 2)), text);
    for (const int threads : {1, 2, 3, 5})
      BOOST_TEST(same_bits(full, run_once("linear/cpu_chunked", problem, storage.views(), threads)), text);
  }
}

BOOST_AUTO_TEST_CASE(causal_chunks_agree_with_the_recurrence_in_every_bit_on_whole_numbers) {
  for (const char* text : {"sq1 skv300 d8 causal", "hq2 sq95 d16 causal", "hq2 sq96 d16 causal", "sq97 d16 dv24 causal",
                           "hq4 hkv2 sq193 d32 causal", "sq400 skv150 d16 causal", "sq150 skv400 d16 causal",
                           "sq290 skv200 d16 causal align=top_left", "sq200 skv300 d16 causal align=-50",
                           "sq50 skv290 d16 causal align=120", "b2 hq2 sq300 d250 dv8 causal"}) {
    const Problem problem = parse_problem(text);
    TensorStorage storage = whole_numbers(problem);
    for (const bool ragged : {false, true}) {
      if (ragged) {
        const TensorView lengths = storage.add("kv_lengths", DType::i64, {problem.batch}).view();
        for (std::int64_t b = 0; b < problem.batch; ++b)
          lengths.as<std::int64_t>()[b] = b == 0 ? problem.seq_kv * 2 / 3 : 0;
      }
      const Tensor recurrent = run_once("linear/cpu_recurrent", problem, storage.views(), 1);
      for (const int threads : {1, 2, 3, 5}) {
        BOOST_TEST(same_bits(recurrent, run_once("linear/cpu_chunked", problem, storage.views(), threads)),
                   text << ", " << threads << " threads, " << (ragged ? "with lengths" : "all keys"));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_state_is_carried_through_every_chunk) {
  // Only key 0 has a value: row i gives 1 / (i + 1), however many chunks lie between.
  const Problem problem = parse_problem("sq500 d8 dv4 causal");
  TensorStorage storage;
  storage.add("q", DType::f32, {1, 1, 500, 8});
  storage.add("k", DType::f32, {1, 1, 500, 8});
  storage.add("v", DType::f32, {1, 1, 500, 4}).view().as<float>()[2] = 1.0f;
  for (const char* id : {"linear/cpu_chunked", "linear/cpu_recurrent"}) {
    const Tensor out = run_once(id, problem, storage.views(), 2);
    for (std::int64_t i = 0; i < 500; ++i)
      BOOST_REQUIRE_EQUAL(out.view().as<float>()[i * 4 + 2], 8.0f / (8.0f * static_cast<float>(i + 1)));
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_that_forgets_the_state_between_chunks_is_found) {
  const Problem problem = parse_problem("sq192 d32 causal");
  test::Cell cell(find_kernel("linear/cpu_chunked"), problem, "normal");
  BOOST_TEST(cell.judge().verdict.has_passed());
  // The second chunk computed as if it stood alone.
  const Problem alone = parse_problem("sq96 d32 causal");
  TensorSet later;
  for (const auto& [name, view] : cell.inputs.entries()) {
    TensorView half = view;
    half.shape[2] = 96;
    half.data = half.as<float>() + half.offset(0, 0, 96);
    later.add(name, half);
  }
  const Tensor forgetful = run_once("linear/cpu_chunked", alone, later, 1);
  const TensorView& out = cell.execution->outputs().at("out");
  std::memcpy(out.as<float>() + out.offset(0, 0, 96), forgetful.view().data, forgetful.bytes());
  BOOST_TEST(!cell.judge().verdict.has_passed());
}

BOOST_AUTO_TEST_CASE(decoding_one_token_gives_the_last_row_of_the_prefill) {
  const Problem whole = parse_problem("hq2 sq200 d16 causal");
  const Problem last = parse_problem("hq2 sq1 skv200 d16 causal");
  const TensorStorage storage = generate_inputs("normal", *find_kernel("linear/cpu_recurrent").variant, whole, 3);
  TensorSet inputs;
  TensorView query = storage.find("q")->view();
  query.shape[2] = 1;
  query.data = query.as<float>() + query.offset(0, 0, 199);
  inputs.add("q", query);
  inputs.add("k", storage.find("k")->view());
  inputs.add("v", storage.find("v")->view());
  const Tensor prefill = run_once("linear/cpu_recurrent", whole, storage.views(), 1);
  const Tensor decoded = run_once("linear/cpu_recurrent", last, inputs, 1);
  for (std::int64_t h = 0; h < 2; ++h) {
    for (std::int64_t c = 0; c < 16; ++c)
      BOOST_TEST(decoded.view().load(0, h, 0, c) == prefill.view().load(0, h, 199, c));
  }
}

BOOST_AUTO_TEST_CASE(the_feature_map_errs_less_than_declared_on_every_instruction_set) {
  const double declared = find_kernel("linear/cpu_chunked").kernel->arithmetic(parse_problem("sq4")).feature;
  for (const char* set : {"portable", "avx2", "avx512"}) {
    if (!tiles::has_instruction_set(set)) continue;
    const attest::linear::Elementwise& elementwise =
        attest::linear::elementwise_of(tiles::microkernels_of(set, "test"));
    double worst = 0.0;
    // Every 1009th float from -87 to -2^-30, which meets every binade, and as many above 0.
    for (std::uint32_t bits = 0x30800000u; bits <= 0x42ae0000u;) {
      float x[16], y[16];
      for (int lane = 0; lane < 16; ++lane, bits += 1009) {
        std::memcpy(&x[lane], &bits, 4);
        x[lane] = lane % 4 == 3 ? x[lane] : -x[lane];
        if (x[lane] < -87.0f) x[lane] = -87.0f;
        y[lane] = x[lane];
      }
      elementwise.feature(y, 16);
      for (int lane = 0; lane < 16; ++lane)
        worst = std::max(worst, std::fabs(static_cast<double>(y[lane]) / true_feature(x[lane]) - 1.0));
    }
    BOOST_TEST_MESSAGE(set << ": " << worst / 0x1p-24 << " units of 2^-24");
    BOOST_TEST(worst <= declared, set);

    float edges[16] = {0.0f,
                       -0.0f,
                       -88.0f,
                       -200.0f,
                       -std::numeric_limits<float>::infinity(),
                       1e30f,
                       -1e-30f,
                       std::numeric_limits<float>::quiet_NaN(),
                       -103.0f};
    elementwise.feature(edges, 16);
    BOOST_TEST(edges[0] == 1.0f);
    BOOST_TEST(edges[1] == 1.0f);
    BOOST_TEST(edges[2] == 0.0f);
    BOOST_TEST(edges[3] == 0.0f);
    BOOST_TEST(edges[4] == 0.0f);
    BOOST_TEST(edges[5] == 1e30f);
    BOOST_TEST(edges[6] == 1.0f);
    BOOST_TEST(std::isnan(edges[7]));
    BOOST_TEST(edges[8] == 0.0f);
  }
}

BOOST_AUTO_TEST_CASE(a_row_without_a_key_is_zero) {
  const Problem problem = parse_problem("sq120 skv100 d8 dv8 causal");  // rows 0 to 19 end before the first key
  const TensorStorage storage = whole_numbers(problem);
  for (const char* id : {"linear/cpu_chunked", "linear/cpu_recurrent"}) {
    const Tensor out = run_once(id, problem, storage.views(), 2);
    for (std::int64_t i = 0; i < 20; ++i)
      BOOST_TEST(out.view().load(0, 0, i, 3) == 0.0, id);
  }
}

BOOST_AUTO_TEST_CASE(values_that_no_row_sees_yet_never_leak) {
  const Problem problem = parse_problem("sq200 d8 dv8 causal");
  TensorStorage storage = whole_numbers(problem);
  storage.find("v")->view().as<float>()[50 * 8 + 2] = std::numeric_limits<float>::quiet_NaN();
  for (const char* id : {"linear/cpu_chunked", "linear/cpu_recurrent"}) {
    const Tensor out = run_once(id, problem, storage.views(), 1);
    for (std::int64_t i = 0; i < 200; ++i) {
      BOOST_TEST(std::isnan(out.view().load(0, 0, i, 2)) == (i >= 50), id << " row " << i);
      BOOST_TEST(!std::isnan(out.view().load(0, 0, i, 3)), id << " row " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(hard_inputs_stay_within_the_bound_in_every_type) {
  for (const char* kind : {"normal", "minus12", "large_logits", "huge_logits", "outliers", "padded"}) {
    for (const char* text : {"hq2 sq130 d32 causal", "hq2 sq100 d16 causal bf16", "hq2 sq100 d16 f16",
                             "sq40 d264 dv48 causal", "hq8 sq64 d2 causal", "hq2 sq99 d16 causal eps=1e-6"}) {
      for (const KernelEntry& entry : select_kernels("linear")) {
        const Problem problem = parse_problem(text);
        if (!test::takes(entry, problem, kind)) continue;
        test::Cell cell(entry, problem, kind, 3);
        const Verification verification = cell.judge();
        BOOST_TEST(verification.verdict.has_passed(),
                   entry.id() << " " << text << " " << kind << ": " << verification.verdict.reason);
        BOOST_TEST(cell.execution->workspace_measured() == entry.kernel->workspace_bytes(problem, 3));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(independent_roundings_have_the_bound_and_the_size_that_the_oracle_states) {
  const Problem problem = parse_problem("hq4 hkv2 sq3 skv40 d16 dv5");
  const KernelEntry entry = find_kernel("linear/cpu_full");
  const TensorStorage storage = generate_inputs("normal", *entry.variant, problem, 3);
  const TensorSet inputs = storage.views();
  const auto oracle = make_oracle(*entry.variant, problem, inputs, {});
  constexpr Arithmetic arithmetic{.output = 0x1p-9, .longest_chain = 25, .feature = 0x1p-20, .state_chain = 7};
  constexpr double u = 0x1p-24;
  std::vector<OutputRow> lines;
  for (std::int64_t head = 0; head < 4; ++head) {
    oracle->row({0, head, 1}, arithmetic, lines);
    std::vector<double> weight;
    double denominator = 0.0;
    for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
      weight.push_back(0.0);
      for (std::int64_t c = 0; c < problem.head_dim; ++c) {
        weight.back() += true_feature(static_cast<float>(inputs.at("q").load(0, head, 1, c))) *
                         true_feature(static_cast<float>(inputs.at("k").load(0, head / 2, j, c)));
      }
      denominator += weight.back();
    }
    for (std::int64_t c = 0; c < problem.head_dim_v; ++c) {
      const auto v = [&](std::size_t j) { return inputs.at("v").load(0, head / 2, static_cast<std::int64_t>(j), c); };
      double out = 0.0, size = 0.0, coherent = 0.0;
      for (std::size_t j = 0; j < weight.size(); ++j) {
        out += weight[j] / denominator * v(j);
        size += weight[j] / denominator * std::fabs(v(j));
      }
      for (std::size_t j = 0; j < weight.size(); ++j)
        coherent += 2.0 * 0x1p-20 * weight[j] / denominator * std::fabs(v(j) - out);
      const double variance = (25.0 + 16.0 + 7.0) * u * u * (size * size + out * out);
      const double storing = (3.0 * u + 0x1p-9) * std::fabs(out);
      const auto at = static_cast<std::size_t>(c);
      BOOST_TEST(lines[0].probable[at] >= 6.5 * std::sqrt(variance) + coherent + storing);
      BOOST_TEST(lines[0].probable[at] <= (6.5 * std::sqrt(variance) + coherent + storing) * 1.001);
      BOOST_TEST(lines[0].probable[at] < lines[0].bound[at]);
      BOOST_TEST(std::fabs(lines[0].deviation[at] / (0.41 * std::hypot(std::sqrt(variance), storing) + coherent) -
                           1.0) < 1e-4);
    }
  }
}

BOOST_AUTO_TEST_CASE(all_rules_hold_and_each_finds_half_a_percent_too_much_in_bf16) {
  const Problem problem = parse_problem("hq2 sq96 skv96 d32 dv32 bf16");
  test::Cell cell(find_kernel("linear/cpu_chunked"), problem, "normal");
  const Verification right = cell.judge();
  BOOST_CHECK_MESSAGE(right.verdict.has_passed(), right.verdict.reason);
  BOOST_TEST(right.accuracy.rules.size() == 4U);
  const TensorView& out = cell.execution->outputs().at("out");
  for (std::int64_t n = 0; n < out.element_count(); ++n)
    store_element(out.data, out.dtype, n, 1.005 * load_element(out.data, out.dtype, n));
  const Verification wrong = cell.judge();
  BOOST_TEST(!wrong.verdict.has_passed());
  for (const RuleResult& rule : wrong.accuracy.rules)
    BOOST_TEST(!rule.passed, rule.rule << " " << rule.ratio);
}

BOOST_AUTO_TEST_CASE(a_failure_names_what_the_kernel_did_wrong) {
  const Problem problem = parse_problem("hq2 sq150 d16 causal");
  test::Cell cell(find_kernel("linear/cpu_chunked"), problem, "normal");
  const TensorView& out = cell.execution->outputs().at("out");
  const auto at = [&](const char* name, std::int64_t h, std::int64_t j, std::int64_t c) {
    return cell.inputs.at(name).load(0, h, j, c);
  };
  // Row i of a kernel whose numerator takes the keys from `first` and whose denominator those up to `end`.
  const auto spoil = [&](const auto& first, const auto& end) {
    for (std::int64_t h = 0; h < 2; ++h) {
      for (std::int64_t i = 0; i < 150; ++i) {
        double total = 0.0;
        std::vector<double> sums(16, 0.0);
        for (std::int64_t j = first(i); j < end(i); ++j) {
          double weight = 0.0;
          for (std::int64_t c = 0; c < 16; ++c) {
            weight +=
                true_feature(static_cast<float>(at("q", h, i, c))) * true_feature(static_cast<float>(at("k", h, j, c)));
          }
          total += weight;
          for (std::int64_t c = 0; j <= i && c < 16; ++c)
            sums[static_cast<std::size_t>(c)] += weight * at("v", h, j, c);
        }
        for (std::int64_t c = 0; c < 16; ++c)
          store_element(out.data, out.dtype, out.offset(0, h, i, c), sums[static_cast<std::size_t>(c)] / total);
      }
    }
    return cell.judge().verdict.reason;
  };
  const auto zero = [](std::int64_t) { return std::int64_t{0}; };
  const auto own = [](std::int64_t i) { return i + 1; };
  BOOST_TEST(spoil(zero, own).empty());
  const std::string forgetful = spoil([](std::int64_t i) { return i / 64 * 64; }, own);
  BOOST_TEST(forgetful.find("looks like: state not carried between chunks of 64 (c = 1.00)") != std::string::npos,
             forgetful);
  const std::string all_keys = spoil(zero, [](std::int64_t) { return std::int64_t{150}; });
  BOOST_TEST(all_keys.find("looks like: normaliser of all keys (c = 1.00)") != std::string::npos, all_keys);
}

BOOST_AUTO_TEST_CASE(eps_is_part_of_the_problem) {
  const TensorStorage storage = whole_numbers(parse_problem("sq4 d8 dv8"));
  // All features at least 1: den = sum of w, and an eps as large halves the output.
  const Tensor plain = run_once("linear/cpu_chunked", parse_problem("sq4 d8 dv8"), storage.views(), 1);
  const Tensor halved = run_once("linear/cpu_chunked", parse_problem("sq4 d8 dv8 eps=1e9"), storage.views(), 1);
  BOOST_TEST(std::fabs(halved.view().load(0, 0, 1, 1)) < 1e-5);
  BOOST_TEST(!same_bits(plain, halved));
}

BOOST_AUTO_TEST_CASE(what_linear_attention_cannot_do_is_refused_with_a_reason) {
  const auto reason = [](std::string_view id, const char* text, Presence presence = {}) {
    const KernelEntry entry = find_kernel(id);
    return supports(*entry.variant, *entry.kernel, parse_problem(text), presence).reason;
  };
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8 causal bf16").empty());
  BOOST_TEST(reason("linear/cpu_full", "sq4 d8 causal").find("causal") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_recurrent", "sq4 d8 bf16").find("f32") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8 window=3,0").find("window") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8 dropout=0.1").find("drop") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8 softcap=5").find("cap") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8", {.mask = true}).find("mask") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8 feature=relu").find("elu1") != std::string::npos);
  BOOST_TEST(reason("linear/cpu_chunked", "sq4 d8 eps=-1").find("eps") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_device_agrees_with_the_recurrence_in_every_bit_on_whole_numbers) {
  if (!test::has_device_code()) return;
  for (const char* text :
       {"sq1 d8", "hq4 hkv2 sq64 skv193 d64", "hq2 sq65 skv64 d72 dv136", "sq1 skv300 d8 causal", "hq2 sq63 d16 causal",
        "hq2 sq64 d16 causal", "sq65 d16 dv24 causal", "hq4 hkv2 sq193 d32 causal", "sq300 skv150 d16 causal",
        "sq150 skv300 d16 causal", "sq190 skv130 d16 causal align=top_left", "sq200 skv300 d16 causal align=-50",
        "sq50 skv190 d16 causal align=120", "b2 hq2 sq130 d136 dv8 causal"}) {
    const Problem problem = parse_problem(text);
    for (const bool ragged : {false, true}) {
      TensorStorage storage = whole_numbers(problem);
      if (ragged) {
        const TensorView lengths = storage.add("kv_lengths", DType::i64, {problem.batch}).view();
        for (std::int64_t b = 0; b < problem.batch; ++b)
          lengths.as<std::int64_t>()[b] = b == 0 ? problem.seq_kv * 2 / 3 : 0;
      }
      const Tensor recurrent = run_once("linear/cpu_recurrent", problem, storage.views(), 1);
      test::DeviceCell cell("linear/cuda_chunked", problem, std::move(storage));
      BOOST_TEST(same_bits(recurrent, converted(cell.out(), DType::f32)),
                 text << (ragged ? " with lengths" : " with all keys"));
      BOOST_TEST(cell.execution->findings().empty(), text);
    }
  }
}

BOOST_AUTO_TEST_CASE(values_that_no_row_sees_yet_never_leak_on_the_device) {
  if (!test::has_device_code()) return;
  const Problem problem = parse_problem("sq200 d8 dv8 causal");
  TensorStorage storage = whole_numbers(problem);
  storage.find("v")->view().as<float>()[50 * 8 + 2] = std::numeric_limits<float>::quiet_NaN();
  test::DeviceCell cell("linear/cuda_chunked", problem, std::move(storage));
  for (std::int64_t i = 0; i < 200; ++i) {
    BOOST_TEST(std::isnan(cell.out().load(0, 0, i, 2)) == (i >= 50), "row " << i);
    BOOST_TEST(!std::isnan(cell.out().load(0, 0, i, 3)), "row " << i);
  }
}

BOOST_AUTO_TEST_CASE(the_device_moves_bytes_in_proportion_to_the_length) {
  if (!test::has_device_code()) return;
  const auto bytes = [](const char* text) {
    return test::DeviceCell("linear/cuda_chunked", parse_problem(text)).counts().global_bytes_moved;
  };
  for (const char* rest : {" d64", " d64 causal"}) {
    const double ratio = bytes((std::string("sq1024") + rest).c_str()) / bytes((std::string("sq512") + rest).c_str());
    BOOST_TEST(ratio > 1.9, rest);
    BOOST_TEST(ratio < 2.2, rest);
  }
}

BOOST_AUTO_TEST_SUITE_END()
