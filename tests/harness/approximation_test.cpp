// The second error of linear attention and the recall task, against plain loops in long double that share nothing with
// the product. The inputs provoke: groups, causal rows, head sizes that are no multiple of the loops' padding, rounding
// to 16 bits.
#include "harness/verify/approximation.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "harness/backends/backend.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/sweep/cell.hpp"
#include "harness/verify/verify.hpp"

namespace {

using namespace attest;
using Row = std::vector<long double>;

const Variant& variant_of_kernel(const char* id) {
  return *find_kernel(id).variant;
}

Row row_of(const TensorView& view, std::int64_t b, std::int64_t h, std::int64_t i) {
  Row row;
  for (std::int64_t c = 0; c < view.shape[3]; ++c)
    row.push_back(view.load(b, h, i, c));
  return row;
}

long double dot(const Row& a, const Row& b) {
  long double sum = 0.0L;
  for (std::size_t c = 0; c < a.size(); ++c)
    sum += a[c] * b[c];
  return sum;
}

Row elu_plus_one(Row row) {
  for (long double& x : row)
    x = x > 0.0L ? x + 1.0L : std::exp(x);
  return row;
}

std::int64_t keys_seen(const Problem& p, std::int64_t i) {
  return p.causal ? std::min(p.seq_kv, std::max<std::int64_t>(0, i + p.seq_kv - p.seq_q + 1)) : p.seq_kv;
}

/// A row of linear or of softmax attention.
Row attend(const Problem& p, const TensorSet& t, std::int64_t b, std::int64_t h, std::int64_t i, bool linear) {
  const std::int64_t head = h / (p.heads_q / p.heads_kv);
  const Row q = row_of(t.at("q"), b, h, i);
  Row out(static_cast<std::size_t>(p.head_dim_v), 0.0L);
  long double total = 0.0L;
  for (std::int64_t j = 0; j < keys_seen(p, i); ++j) {
    const Row k = row_of(t.at("k"), b, head, j);
    const long double weight = linear ? dot(elu_plus_one(q), elu_plus_one(k))
                                      : std::exp(dot(q, k) / std::sqrt(static_cast<long double>(p.head_dim)));
    const Row v = row_of(t.at("v"), b, head, j);
    total += weight;
    for (std::size_t c = 0; c < out.size(); ++c)
      out[c] += weight * v[c];
  }
  for (long double& value : out)
    value /= total;
  return out;
}

/// Whether the value of the one key that equals the query is the nearest to `answer`.
bool recalls(const Problem& p, const TensorSet& t, std::int64_t b, std::int64_t h, std::int64_t i, const Row& answer) {
  const std::int64_t head = h / (p.heads_q / p.heads_kv);
  const Row q = row_of(t.at("q"), b, h, i);
  std::int64_t equal = -1;
  std::int64_t found = -1;
  long double least = HUGE_VALL;
  for (std::int64_t j = 0; j < keys_seen(p, i); ++j) {
    if (row_of(t.at("k"), b, head, j) == q) equal = j;
    Row away = row_of(t.at("v"), b, head, j);
    for (std::size_t c = 0; c < away.size(); ++c)
      away[c] -= answer[c];
    if (const long double distance = dot(away, away); distance < least) {
      least = distance;
      found = j;
    }
  }
  return equal == found;
}

std::vector<RowPlace> all_places(const Problem& p) {
  std::vector<RowPlace> places;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    for (std::int64_t h = 0; h < p.heads_q; ++h) {
      for (std::int64_t i = 0; i < p.seq_q; ++i)
        places.push_back({b, h, i});
    }
  }
  return places;
}

CellRecord run(const std::string& kernel, const std::string& problem, const std::string& inputs) {
  CellJob job;
  job.key = {.kernel = kernel, .backend = "cpu", .problem = problem, .inputs = inputs};
  return run_cell(job);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(approximation)

BOOST_AUTO_TEST_CASE(distance_of_linear_from_softmax_attention_is_that_of_plain_loops) {
  const Variant& linear = variant_of_kernel("linear/cpu_chunked");
  for (const char* text : {"b2 hq4 hkv2 sq20 skv33 d24 dv20 causal", "hq2 sq17 skv40 d64 bf16", "sq1 skv50 d8"}) {
    for (const char* kind : {"normal", "large_logits", "recall"}) {
      const Problem problem = parse_problem(text);
      const TensorStorage storage = generate_inputs(kind, linear, problem, 3);
      const TensorSet inputs = storage.views();
      const auto own = linear.make_oracle(problem, inputs, {});
      const auto softmax = linear.approximated(problem, inputs, {});
      const ApproximationFigures figures = approximation_of(*own, *softmax, all_places(problem), 2);
      long double differences = 0.0L, squares = 0.0L, own_squares = 0.0L, products = 0.0L;
      for (const RowPlace& at : all_places(problem)) {
        Row a = attend(problem, inputs, at.batch, at.head, at.row, true);
        const Row s = attend(problem, inputs, at.batch, at.head, at.row, false);
        squares += dot(s, s);
        own_squares += dot(a, a);
        products += dot(a, s);
        for (std::size_t c = 0; c < a.size(); ++c)
          a[c] -= s[c];
        differences += dot(a, a);
      }
      BOOST_TEST_CONTEXT(text << " " << kind) {
        BOOST_TEST(figures.rows == std::ssize(all_places(problem)));
        // Sums of some thousand products in double: an error of 1e-12 is a hundred times what they round.
        BOOST_TEST(figures.relative_l2 == static_cast<double>(std::sqrt(differences / squares)),
                   boost::test_tools::tolerance(1e-12));
        BOOST_TEST(figures.cosine == static_cast<double>(products / std::sqrt(squares * own_squares)),
                   boost::test_tools::tolerance(1e-12));
        BOOST_TEST(figures.relative_l2 > 0.01);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(recall_of_kernels_and_references_is_that_of_plain_loops) {
  for (const char* id : {"linear/cpu_chunked", "flash2/cpu_tiled"}) {
    for (const char* text : {"b2 hq4 hkv2 sq30 skv90 d20 dv16 causal", "hq2 sq40 skv200 d16 bf16", "sq64 d32 causal"}) {
      const KernelEntry entry = find_kernel(id);
      const Problem problem = parse_problem(text);
      const TensorStorage storage = generate_inputs("recall", *entry.variant, problem, 5);
      const TensorSet inputs = storage.views();
      const auto execution = find_backend("cpu").prepare(*entry.variant, *entry.kernel, problem, inputs, 1);
      execution->run();
      const TensorView& out = execution->outputs().at("out");
      const auto oracle = make_oracle(*entry.variant, problem, inputs, {});
      const RecallFigures figures = recall_of(*oracle, problem, inputs, out, all_places(problem), 2);
      std::int64_t kernel = 0;
      std::int64_t reference = 0;
      for (const RowPlace& at : all_places(problem)) {
        kernel += recalls(problem, inputs, at.batch, at.head, at.row, row_of(out, at.batch, at.head, at.row)) ? 1 : 0;
        const Row truth = attend(problem, inputs, at.batch, at.head, at.row, !entry.variant->is_softmax);
        reference += recalls(problem, inputs, at.batch, at.head, at.row, truth) ? 1 : 0;
      }
      BOOST_TEST_CONTEXT(id << " " << text) {
        BOOST_TEST(figures.queries == std::ssize(all_places(problem)));
        BOOST_TEST(figures.kernel == kernel);
        BOOST_TEST(figures.reference == reference);
        BOOST_TEST(figures.reference > 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_output_that_is_no_answer_recalls_nothing_and_its_reference_stays) {
  const KernelEntry entry = find_kernel("flash2/cpu_tiled");
  const Problem problem = parse_problem("hq2 sq60 d64");
  const TensorStorage storage = generate_inputs("recall", *entry.variant, problem, 5);
  const TensorSet inputs = storage.views();
  const auto oracle = make_oracle(*entry.variant, problem, inputs, {});
  // Each row answers with the negative of all values: none is near.
  const Tensor wrong = converted(reference_output(*oracle, "out", {1, 2, 60, 64}).view(), DType::f32);
  for (std::int64_t index = 0; index < wrong.view().element_count(); ++index)
    wrong.view().as<float>()[index] *= -1.0f;
  const RecallFigures figures = recall_of(*oracle, problem, inputs, wrong.view(), all_places(problem), 1);
  BOOST_TEST(figures.queries == 120);
  BOOST_TEST(figures.reference == 120);
  BOOST_TEST(figures.kernel == 0);
}

BOOST_AUTO_TEST_CASE(cells_record_what_is_approximated_and_recalled_and_where_nothing_is) {
  const CellRecord linear = run("linear/cpu_full", "hq2 sq256 d32 f32", "recall");
  BOOST_TEST(linear.verdict.has_passed(), linear.verdict.reason);
  BOOST_REQUIRE((linear.accuracy.approximation && linear.accuracy.recall));
  BOOST_TEST(linear.accuracy.recall->queries == 512);
  const CellRecord softmax = run("flash2/cpu_tiled", "hq2 sq256 d32 f32", "recall");
  BOOST_REQUIRE(softmax.accuracy.recall);
  BOOST_TEST(!softmax.accuracy.approximation);
  // 256 pairs in 32 dimensions are more than a sum of features of 32 numbers tells apart, and few for softmax.
  BOOST_TEST(softmax.accuracy.recall->reference > linear.accuracy.recall->reference);
  BOOST_TEST(!run("flash2/cpu_tiled", "sq16 d32 f32", "normal").accuracy.recall);
  const nlohmann::ordered_json json = to_json(linear);
  BOOST_TEST(json["recall"]["right"] == linear.accuracy.recall->kernel);
  BOOST_TEST(json["approximation_error"]["relative_l2"] == linear.accuracy.approximation->relative_l2);
  BOOST_TEST(to_json(record_from_json(json)).dump() == json.dump());
}

BOOST_AUTO_TEST_CASE(averages_are_over_rows_in_even_steps) {
  const Variant& linear = variant_of_kernel("linear/cpu_chunked");
  const Problem problem = parse_problem("hq2 sq1000 d16 causal");
  const TensorStorage storage = generate_inputs("normal", linear, problem, 1);
  const TensorSet inputs = storage.views();
  const auto oracle = linear.make_oracle(problem, inputs, {});
  VerifyOptions options;
  BOOST_TEST(rows_in_even_steps(*oracle, problem, options).size() == 2000U);
  options.budget = 1000.0 * 32.0 * 200.0;  // of 1000 keys and 32 numbers each: 200 rows
  double sum = 0.0;
  const std::vector<RowPlace> places = rows_in_even_steps(*oracle, problem, options);
  for (const RowPlace& place : places)
    sum += static_cast<double>(place.row);
  BOOST_TEST(places.size() == 200U);
  BOOST_TEST((places.front().row == 5 && places[99].row == 995));
  BOOST_TEST(sum / 200.0 == 500.0);
}

BOOST_AUTO_TEST_CASE(activations_of_a_trained_model_have_an_approximation_error) {
  const CellRecord record = run("linear/cpu_chunked", "b2 hq12 sq64 d32 f32", "minilm");
  BOOST_TEST(record.verdict.has_passed(), record.verdict.reason);
  BOOST_REQUIRE(record.accuracy.approximation);
  BOOST_TEST(record.accuracy.approximation->rows == 2 * 12 * 64);
  BOOST_TEST(record.accuracy.approximation->relative_l2 > 0.1);
  BOOST_TEST(record.accuracy.approximation->cosine < 0.999);
}

BOOST_AUTO_TEST_CASE(recall_has_keys_and_values_of_one_length_and_queries_that_equal_a_visible_key) {
  for (const char* text : {"b2 hq4 hkv2 sq40 skv60 d32 dv24 causal", "hq2 sq50 d64 bf16", "hq2 sq30 d16"}) {
    const Problem problem = parse_problem(text);
    const TensorStorage storage = generate_inputs("recall", variant_of_kernel("flash2/cpu_tiled"), problem, 1);
    for (const char* name : {"k", "v"}) {
      const TensorView view = storage.find(name)->view();
      for (std::int64_t b = 0; b < view.shape[0]; ++b) {
        for (std::int64_t h = 0; h < view.shape[1]; ++h) {
          for (std::int64_t j = 0; j < view.shape[2]; ++j) {
            const Row line = row_of(view, b, h, j);
            // Rounding moves an element by 2^-8 of itself at most.
            const auto length = static_cast<double>(std::sqrt(dot(line, line) / static_cast<double>(line.size())));
            BOOST_TEST(std::fabs(length - 1.0) <= 0x1p-8);
          }
        }
      }
    }
    std::set<std::int64_t> picked;
    for (const RowPlace& at : all_places(problem)) {
      const Row q = row_of(storage.find("q")->view(), at.batch, at.head, at.row);
      std::int64_t equal = -1;
      for (std::int64_t j = 0; j < keys_seen(problem, at.row); ++j)
        if (row_of(storage.find("k")->view(), at.batch, at.head / problem.group(), j) == q) equal = j;
      BOOST_TEST(equal >= 0);
      picked.insert(equal);
    }
    BOOST_TEST(std::ssize(picked) > problem.seq_kv / 2);
  }
}

BOOST_AUTO_TEST_SUITE_END()
