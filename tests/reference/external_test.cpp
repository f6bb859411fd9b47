// The reference against values that others computed: the ONNX operator Attention and activations of MiniLM.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <toml++/toml.h>

#include "harness/inputs/tensor_file.hpp"
#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"

namespace {

using namespace attest;

const std::string onnx_folder = std::string(ATTEST_TEST_DATA) + "/onnx/";

// The tensors of a case with q, k and v in the problem's type; npz widens f16 and bf16 to f32.
TensorStorage in_type(const TensorStorage& given, DType type) {
  TensorStorage result;
  for (const TensorStorage::Entry& entry : given.entries()) {
    const bool is_main = entry.name == "q" || entry.name == "k" || entry.name == "v";
    result.add(entry.name, converted(entry.tensor.view(), is_main ? type : entry.tensor.view().dtype));
  }
  return result;
}

Verification check_case(const toml::table& entry) {
  const std::string name = entry["name"].value_or(std::string());
  PartialProblem partial = parse_partial_problem(entry["problem"].value_or(std::string()), name);
  const TensorStorage file = read_npz(onnx_folder + entry["tensors"].value_or(std::string()));
  infer_standard(file.views(), partial);
  const Problem problem = partial.complete(name);
  const TensorStorage tensors = in_type(file, problem.dtype);
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, tensors.views());
  const TensorView& expected = file.find("out")->view();
  const Tensor got = reference_output(*oracle, "out", expected.shape_vector());
  return compare_expected(got.view(), expected, "out", entry["rtol"].value_or(-1.0), entry["atol"].value_or(-1.0));
}

struct Activations {
  explicit Activations(const std::string& name)
      : file(read_npz(std::string(ATTEST_SOURCE_DIR) + "/harness/inputs/minilm/" + name)) {
    PartialProblem partial;
    infer_standard(file.views(), partial);
    problem = partial.complete(name);
  }
  TensorStorage file;
  Problem problem;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(external)

BOOST_AUTO_TEST_CASE(all_cases_of_the_onnx_operator_attention_agree) {
  const toml::table cases = toml::parse_file(onnx_folder + "cases.toml");
  int count = 0;
  for (const toml::node& node : *cases["case"].as_array()) {
    const toml::table& entry = *node.as_table();
    const Verification result = check_case(entry);
    BOOST_CHECK_MESSAGE(result.verdict.has_passed(),
                        entry["name"].value_or(std::string()) + ": " + result.verdict.reason);
    ++count;
  }
  BOOST_TEST(count == 46);
}

BOOST_AUTO_TEST_CASE(activations_of_minilm_agree_to_twelve_digits) {
  for (const char* name : {"license_layer0.npz", "license_layer3.npz"}) {
    const Activations given(name);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, given.problem, given.file.views());
    const TensorView& out = given.file.find("out")->view();
    const TensorView& lse = given.file.find("lse")->view();
    std::vector<OutputRow> lines;
    double worst_out = 0.0;
    double worst_lse = 0.0;
    for (std::int64_t head = 0; head < given.problem.heads_q; ++head) {
      for (std::int64_t row = head % 8; row < given.problem.seq_q; row += 8) {
        oracle->row({0, head, row}, Arithmetic{}, lines);
        for (std::int64_t c = 0; c < given.problem.head_dim_v; ++c) {
          const double size = std::max(std::fabs(lines[0].value[c]), 1e-2);
          worst_out = std::max(worst_out, std::fabs(lines[0].value[c] - out.load(0, head, row, c)) / size);
        }
        worst_lse = std::max(worst_lse, std::fabs(lines[1].value[0] / lse.load(0, head, row) - 1.0));
      }
    }
    BOOST_TEST_MESSAGE(name << ": out " << worst_out << ", lse " << worst_lse);
    BOOST_TEST(worst_out <= 1e-12);
    BOOST_TEST(worst_lse <= 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(padded_sentences_of_minilm_agree_by_mask_and_by_lengths) {
  const Activations given("sentences_layer1.npz");
  const TensorSet file = given.file.views();
  const TensorView& mask = file.at("mask");
  TensorView mask_of_pairs = TensorView::dense(mask.data, mask.dtype, {mask.shape[0], 1, 1, mask.shape[1]});
  const TensorView& expected = file.at("out");
  for (const bool by_lengths : {false, true}) {
    TensorSet inputs;
    for (const char* name : {"q", "k", "v"})
      inputs.add(name, file.at(name));
    inputs.add(by_lengths ? "kv_lengths" : "mask", by_lengths ? file.at("lengths") : mask_of_pairs);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, given.problem, inputs);
    const Tensor got = reference_output(*oracle, "out", expected.shape_vector());
    const Verification result = compare_expected(got.view(), expected, "out", 1e-12, 1e-14);
    BOOST_CHECK_MESSAGE(result.verdict.has_passed(), result.verdict.reason);
  }
}

BOOST_AUTO_TEST_SUITE_END()
