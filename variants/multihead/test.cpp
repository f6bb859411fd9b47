// Facts of the whole module. The inputs provoke: real weights with real padding (MiniLM), a second sequence, rows that
// see nothing, and results that are wrong in one stage only.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/inputs/tensor_file.hpp"
#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"

namespace {

using namespace attest;

const char* const id = "multihead/cpu";

std::string verdict_text(const Verification& verification) {
  return std::string(name_of(verification.verdict.outcome)) + ": " + verification.verdict.reason;
}

/// The module of MiniLM's layer 1 with the padding mask of its sentences, as problem and inputs.
struct MiniLm {
  MiniLm() : file(read_npz(ATTEST_SOURCE_DIR "/harness/inputs/minilm/module_layer1.npz")) {
    for (const auto& [name, tensor] : file.entries()) {
      if (name != "out" && name != "attn" && name != "mask") inputs.add(name, tensor.view());
    }
    TensorView mask = file.find("mask")->view();  // (b, skv): seen as (b, 1, 1, skv)
    mask.shape = {mask.shape[0], 1, 1, mask.shape[1]};
    mask.strides = {mask.strides[0], 0, 0, mask.strides[1]};
    mask.rank = 4;
    inputs.add("mask", mask);
    PartialProblem partial;
    find_kernel(id).variant->infer(file.views(), partial);
    problem = partial.complete("minilm");
  }
  TensorStorage file;
  TensorSet inputs;
  Problem problem;
};

struct Run {
  Run(const Problem& problem, const TensorSet& inputs, int threads = 2)
      : entry(find_kernel(id)),
        execution(find_backend("cpu").prepare(*entry.variant, *entry.kernel, problem, inputs, threads)) {
    execution->run();
  }
  const TensorView& at(std::string_view name) { return execution->outputs().at(name); }

  KernelEntry entry;
  std::unique_ptr<Execution> execution;
};

Verification judged(const Problem& problem, const TensorSet& inputs, Run& run) {
  const auto oracle = make_oracle(*run.entry.variant, problem, inputs, run.execution->outputs());
  VerifyOptions options;
  options.budget = 1e18;
  return verify(*oracle, problem, run.entry.kernel->arithmetic(problem), run.execution->outputs(), options);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(multihead)

BOOST_AUTO_TEST_CASE(sizes_follow_from_the_tensors) {
  const MiniLm model;
  BOOST_TEST(model.problem.batch == 8);
  BOOST_TEST(model.problem.heads_q == 12);
  BOOST_TEST(model.problem.seq_q == 30);
  BOOST_TEST(model.problem.seq_kv == 30);
  BOOST_TEST(model.problem.head_dim == 32);
}

BOOST_AUTO_TEST_CASE(the_module_of_minilm_is_reproduced) {
  const MiniLm model;
  Run run(model.problem, model.inputs);
  const Verification verification = judged(model.problem, model.inputs, run);
  BOOST_TEST(verification.verdict.has_passed(), verdict_text(verification));

  // The file's doubles come from another program: they prove the oracle, whose bound then proves the kernel.
  const auto oracle = make_oracle(*run.entry.variant, model.problem, model.inputs, run.execution->outputs());
  Arithmetic arithmetic = run.entry.kernel->arithmetic(model.problem);
  double worst = 0.0;
  const TensorView out = model.file.find("out")->view();
  const TensorView weights = model.file.find("attn")->view();
  std::vector<OutputRow> rows;
  for (const std::int64_t b : {0, 3, 7}) {
    for (const std::int64_t i : {0, 11, 29}) {
      oracle->row({b, 0, i}, arithmetic, rows);
      for (const OutputRow& row : rows) {
        for (std::size_t c = 0; row.output == "out" && c < row.value.size(); ++c)
          worst = std::max(worst, std::fabs(row.value[c] - out.load(b, i, static_cast<std::int64_t>(c))));
        for (std::size_t j = 0; row.output == "weights" && j < row.value.size(); ++j) {
          const double expected = weights.load(b, row.index[1], i, static_cast<std::int64_t>(j));
          BOOST_TEST(std::fabs(row.value[j] - expected) < 1e-5);  // on the kernel's f32 heads
        }
      }
    }
  }
  BOOST_TEST(worst < 1e-13);
}

BOOST_AUTO_TEST_CASE(returned_weights_of_a_row_sum_to_one_and_hidden_ones_are_zero) {
  const MiniLm model;
  Run run(model.problem, model.inputs);
  const TensorView& mask = model.inputs.at("mask");
  for (std::int64_t b = 0; b < 8; ++b) {
    for (std::int64_t h = 0; h < 12; ++h) {
      double sum = 0.0;
      for (std::int64_t j = 0; j < 30; ++j) {
        const double weight = run.at("weights").load(b, h, 17, j);
        sum += weight;
        if (mask.load(b, 0, 0, j) == 0.0) BOOST_TEST(weight == 0.0);
      }
      BOOST_TEST(std::fabs(sum - 1.0) <= 32 * 0x1p-24);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_feature_is_right_for_any_number_of_threads) {
  for (const int threads : {1, 2, 3}) {
    for (const char* text : {"hq2 sq9 d_model=48", "b2 hq3 sq17 skv5 d_model=24", "sq6 skv33 d16 causal",
                             "hq4 sq31 d_model=32 causal align=top_left window=6,2", "hq2 sq8 skv24 d8 scale=0.7",
                             "b2 hq2 sq21 d_model=32 dropout=0.3 seed=9", "sq1 d8", "hq2 sq10 skv4 d8 causal"}) {
      test::Cell cell(find_kernel(id), parse_problem(text), "normal", threads);
      const Verification verification = cell.judge();
      BOOST_TEST(verification.verdict.has_passed(), text << ", " << threads << ": " << verdict_text(verification));
      BOOST_TEST(cell.execution->workspace_measured() == cell.entry.kernel->workspace_bytes(cell.problem, threads));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_row_that_sees_nothing_gives_the_output_bias) {
  const Problem problem = parse_problem("hq2 sq6 skv3 d8 causal");  // rows 0 to 2 end before the first key
  test::Cell cell(find_kernel(id), problem, "normal");
  const TensorView& out = cell.execution->outputs().at("out");
  for (std::int64_t c = 0; c < 16; ++c) {
    BOOST_TEST(out.load(0, 1, c) == cell.inputs.at("b_o").load(c));
    BOOST_TEST(cell.execution->outputs().at("context").load(0, 1, c) == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(dropped_weights_are_zero_and_kept_ones_are_scaled) {
  const Problem dropping = parse_problem("hq2 sq16 d_model=32 dropout=0.25 seed=3");
  Problem keeping = dropping;
  keeping.dropout = 0.0;
  test::Cell with(find_kernel(id), dropping, "normal");
  test::Cell without(find_kernel(id), keeping, "normal");
  int dropped = 0;
  for (std::int64_t i = 0; i < 16; ++i) {
    for (std::int64_t j = 0; j < 16; ++j) {
      const double got = with.execution->outputs().at("weights").load(0, 1, i, j);
      const double whole = without.execution->outputs().at("weights").load(0, 1, i, j);
      if (got == 0.0) {
        ++dropped;
      } else {
        BOOST_TEST(std::fabs(got - whole / 0.75) <= 4 * 0x1p-24 * got);
      }
    }
  }
  BOOST_TEST(dropped > 32);
  BOOST_TEST(dropped < 96);
}

BOOST_AUTO_TEST_CASE(an_error_in_any_stage_is_found) {
  const Problem problem = parse_problem("b2 hq2 sq7 skv11 d_model=32");
  for (const char* stage : {"out", "weights", "heads_q", "heads_k", "heads_v", "context"}) {
    test::Cell cell(find_kernel(id), problem, "normal");
    const TensorView& view = cell.execution->outputs().at(stage);
    float& element = view.as<float>()[view.element_count() - 1];
    element += 1e-4f * (1.0f + std::fabs(element));
    const Verification verification = cell.judge();
    BOOST_TEST(!verification.verdict.has_passed(), stage);
  }
}

// Chances are of first order in what a score errs by; weights of rows with a score that errs by more have none.
BOOST_AUTO_TEST_CASE(weights_of_rows_with_scores_that_err_by_much_are_left_to_rule_f) {
  test::Cell cell(find_kernel(id), parse_problem("hq2 sq40 skv9 d_model=32"), "normal");
  const TensorSet& outputs = cell.execution->outputs();
  const auto oracle = make_oracle(*cell.entry.variant, cell.problem, cell.inputs, outputs);
  constexpr double u_s = 0x1p-3;
  int with = 0, without = 0;
  std::vector<OutputRow> lines;
  for (std::int64_t i = 0; i < cell.problem.seq_q; ++i) {
    oracle->row({0, 0, i}, {.score = u_s}, lines);
    for (const OutputRow& line : lines) {
      if (line.output != "weights") continue;
      double greatest = 0.0;
      for (std::int64_t j = 0; j < cell.problem.seq_kv; ++j) {
        double dot = 0.0;
        for (std::int64_t c = 0; c < cell.problem.head_dim; ++c)
          dot +=
              outputs.at("heads_q").load(0, line.index[1], i, c) * outputs.at("heads_k").load(0, line.index[1], j, c);
        greatest = std::max(greatest, std::fabs(dot * cell.problem.effective_scale()));
      }
      const double farthest = 6.5 * u_s * greatest;
      if (std::fabs(farthest - 1.0) < 1e-3) continue;
      BOOST_TEST(line.probable.empty() == (farthest > 1.0));
      ++(farthest > 1.0 ? without : with);
    }
  }
  BOOST_TEST(with > 5);
  BOOST_TEST(without > 5);
}

BOOST_AUTO_TEST_CASE(rules_p_and_s_hold_for_the_module_and_find_less_than_rule_f_does) {
  // Of 512 roundings chance makes sqrt(512): the wider the module, the farther is P below F.
  for (const char* text : {"hq8 sq8 d_model=512", "b2 hq4 sq5 d_model=384 causal"}) {
    test::Cell cell(find_kernel(id), parse_problem(text), "normal");
    const Verification right = cell.judge();
    BOOST_CHECK_MESSAGE(right.verdict.has_passed(), verdict_text(right));
    BOOST_REQUIRE(right.accuracy.rules.size() == 4U);
    // The result too large by a share that grows until a rule objects: F must be the last one to do so.
    const TensorView& out = cell.execution->outputs().at("out");
    const Tensor kept = converted(out, out.dtype);
    double first_p = 0.0, first_f = 0.0;
    for (double share = 0x1p-24; share < 1.0 && first_f == 0.0; share *= 1.5) {
      for (std::int64_t n = 0; n < out.element_count(); ++n)
        store_element(out.data, out.dtype, n, (1.0 + share) * load_element(kept.view().data, kept.view().dtype, n));
      const Verification wrong = cell.judge();
      if (!wrong.accuracy.rules[1].passed && first_p == 0.0) first_p = share;
      if (!wrong.accuracy.rules[0].passed) first_f = share;
    }
    BOOST_TEST_MESSAGE(text << ": P from " << first_p << ", F from " << first_f);
    BOOST_TEST((first_p > 0.0 && first_p <= first_f / 1.5));
  }
}

BOOST_AUTO_TEST_CASE(chances_of_a_projection_are_those_of_independent_roundings) {
  const Problem problem = parse_problem("hq2 sq3 d_model=16");
  test::Cell cell(find_kernel(id), problem, "normal");
  const auto oracle = make_oracle(*cell.entry.variant, problem, cell.inputs, cell.execution->outputs());
  std::vector<OutputRow> lines;
  oracle->row({0, 0, 1}, {}, lines);
  int found = 0;
  for (const OutputRow& line : lines) {
    if (line.output != "heads_q") continue;
    ++found;
    for (std::int64_t c = 0; c < 8; ++c) {
      const std::int64_t column = line.index[1] * 8 + c;
      double magnitude = std::fabs(cell.inputs.at("b_q").load(column));
      for (std::int64_t n = 0; n < 16; ++n)
        magnitude += std::fabs(cell.inputs.at("x").load(0, 1, n) * cell.inputs.at("w_q").load(column, n));
      const double one = std::sqrt(17.0) * 0x1p-24 * magnitude;
      BOOST_TEST(line.probable[static_cast<std::size_t>(c)] == 6.5 * one, boost::test_tools::tolerance(1e-6));
      BOOST_TEST(line.deviation[static_cast<std::size_t>(c)] == 0.41 * one, boost::test_tools::tolerance(1e-6));
    }
  }
  BOOST_TEST(found == 2);
}

BOOST_AUTO_TEST_CASE(stages_that_agree_with_each_other_but_not_with_x_are_found_in_the_output) {
  const Problem problem = parse_problem("hq2 sq10 d_model=32");
  const TensorStorage storage = generate_inputs("normal", *find_kernel(id).variant, problem, 8);
  TensorSet shifted;
  Tensor x = converted(storage.find("x")->view(), DType::f32);
  for (std::int64_t n = 0; n < x.view().element_count(); ++n)
    x.view().as<float>()[n] *= 1.001f;
  for (const auto& [name, tensor] : storage.entries())
    shifted.add(name, name == "x" ? x.view() : tensor.view());
  Run run(problem, shifted);
  BOOST_TEST(judged(problem, shifted, run).verdict.has_passed());
  const Verification verification = judged(problem, storage.views(), run);
  BOOST_TEST(!verification.verdict.has_passed());
  BOOST_REQUIRE(!verification.accuracy.outputs.empty());
  BOOST_TEST(verification.accuracy.outputs.front().output == "out");
  BOOST_TEST(verification.accuracy.outputs.front().error_over_bound > 1.0);
}

BOOST_AUTO_TEST_CASE(heads_in_the_wrong_order_are_found) {
  const Problem problem = parse_problem("hq4 sq12 d_model=32");
  test::Cell cell(find_kernel(id), problem, "normal");
  const TensorView& context = cell.execution->outputs().at("context");
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t c = 0; c < 8; ++c)
      std::swap(context.as<float>()[context.offset(0, i, c)], context.as<float>()[context.offset(0, i, c + 8)]);
  }
  BOOST_TEST(!cell.judge().verdict.has_passed());
}

BOOST_AUTO_TEST_CASE(strided_tokens_and_transposed_matrices_change_no_bit) {
  const Problem problem = parse_problem("b2 hq2 sq9 d_model=16");
  const TensorStorage storage = generate_inputs("normal", *find_kernel(id).variant, problem, 4);
  TensorSet strided;
  std::vector<Tensor> rooms;
  for (const auto& [name, tensor] : storage.entries()) {
    TensorView view = tensor.view();
    rooms.emplace_back(DType::f32, Shape{3 * view.element_count()});
    view.data = rooms.back().view().data;
    std::int64_t stride = 3;
    for (int axis = 0; axis < view.rank; ++axis) {  // the first dimension lies closest
      view.strides[static_cast<std::size_t>(axis)] = stride;
      stride *= view.shape[static_cast<std::size_t>(axis)];
    }
    const TensorView& dense = tensor.view();
    for (std::int64_t n = 0; n < dense.element_count(); ++n) {
      std::int64_t rest = n, to = 0;
      for (int axis = view.rank - 1; axis >= 0; --axis) {
        to += rest % view.shape[static_cast<std::size_t>(axis)] * view.strides[static_cast<std::size_t>(axis)];
        rest /= view.shape[static_cast<std::size_t>(axis)];
      }
      view.as<float>()[to] = dense.as<float>()[n];
    }
    strided.add(name, view);
  }
  Run plain(problem, storage.views());
  Run scattered(problem, strided);
  for (const char* name : {"out", "weights", "context"}) {
    const TensorView& a = plain.at(name);
    const TensorView& b = scattered.at(name);
    BOOST_TEST(std::memcmp(a.data, b.data, static_cast<std::size_t>(a.element_count()) * sizeof(float)) == 0, name);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_module_is_refused_with_a_reason) {
  const KernelEntry entry = find_kernel(id);
  const auto reason = [&entry](const char* text, Presence presence = {}) {
    return supports(*entry.variant, *entry.kernel, parse_problem(text), presence).reason;
  };
  BOOST_TEST(reason("hq2 sq4 d_model=32").empty());
  BOOST_TEST(reason("hq4 hkv2 sq4 d8").find("hkv") != std::string::npos);
  BOOST_TEST(reason("hq4 sq4 d8 dv16").find("dv") != std::string::npos);
  BOOST_TEST(reason("hq4 sq4 d8 softcap=3").find("softcap") != std::string::npos);
  BOOST_TEST(reason("hq4 sq4 d8 bf16").find("f32") != std::string::npos);
  BOOST_TEST(reason("hq4 sq4 d8", {.bias = true}).find("bias") != std::string::npos);
  BOOST_CHECK_THROW(parse_problem("hq3 sq4 d_model=32"), Error);
}

BOOST_AUTO_TEST_CASE(flops_are_those_of_four_projections_and_the_visible_pairs) {
  const KernelEntry entry = find_kernel(id);
  const Problem problem = parse_problem("b2 hq2 sq3 d4 causal");  // d_model 8; 6 visible pairs a head
  BOOST_TEST(flops_of(*entry.variant, *entry.kernel, problem) == 2.0 * 8 * 8 * 4 * 6 + 2.0 * (4 + 4) * 6 * 2 * 2);
}

BOOST_AUTO_TEST_CASE(the_device_computes_the_module_in_every_type) {
  if (!test::has_device_code()) return;
  for (const char* text :
       {"b2 hq2 sq65 skv33 d_model=32 causal", "b2 hq3 sq7 d_model=72", "hq2 sq64 skv130 d_model=256",
        "hq2 sq16 d_model=32 dropout=0.25 seed=9", "hq4 sq40 d_model=96 window=9,4"}) {
    for (const char* type : {"f32", "bf16", "f16"}) {
      for (const char* kind : {"normal", "padded"}) {
        test::DeviceCell cell("multihead/cuda", parse_problem(std::string(text) + " " + type), kind);
        BOOST_TEST(cell.judge().verdict.has_passed(),
                   text << " " << type << " " << kind << ": " << cell.judge().verdict.reason);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_module_of_minilm_is_reproduced_on_the_device) {
  if (!test::has_device_code()) return;
  const MiniLm model;
  const KernelEntry entry = find_kernel("multihead/cuda");
  const auto execution =
      find_backend("emulated").prepare(*entry.variant, *entry.kernel, model.problem, model.inputs, 1);
  execution->run();
  const auto oracle = make_oracle(*entry.variant, model.problem, model.inputs, execution->outputs());
  const Verification verification =
      verify(*oracle, model.problem, entry.kernel->arithmetic(model.problem), execution->outputs(), {});
  BOOST_TEST(verification.verdict.has_passed(), verdict_text(verification));
}

BOOST_AUTO_TEST_CASE(stage_results_of_a_low_type_are_what_the_next_stage_read) {
  if (!test::has_device_code()) return;
  test::DeviceCell cell("multihead/cuda", parse_problem("hq2 sq20 d_model=64 bf16"));
  for (const char* stage : {"heads_q", "heads_k", "heads_v", "context"}) {
    const TensorView& view = cell.execution->outputs().at(stage);
    for (std::int64_t n = 0; n < view.element_count(); ++n)
      BOOST_REQUIRE_EQUAL(view.as<float>()[n], bf16_value(bf16_bits(view.as<float>()[n])));
  }
}

BOOST_AUTO_TEST_SUITE_END()
