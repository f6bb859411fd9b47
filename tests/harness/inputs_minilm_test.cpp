// The kind `minilm` gives the activations as they are, first rows and heads, and says no with what would be right.

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>

#include "harness/core/error.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/inputs/tensor_file.hpp"
#include "tests/harness/inputs_variants.hpp"

using namespace attest;
using namespace attest::test;

namespace {

TensorStorage data(const std::string& name) {
  return read_npz(std::string(ATTEST_SOURCE_DIR) + "/harness/inputs/minilm/" + name);
}

std::string refusal(const Variant& variant, std::string_view text) {
  return supports_inputs("minilm", variant, problem_of(text)).reason;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(minilm_inputs)

BOOST_AUTO_TEST_CASE(layers_zero_and_three_are_the_batch_entries) {
  const TensorStorage made = generate_inputs("minilm", softmax_variant(), problem_of("b2 hq5 sq7 skv300 d32"), 1);
  const char* files[] = {"license_layer0.npz", "license_layer3.npz"};
  for (std::int64_t b = 0; b < 2; ++b) {
    const TensorStorage truth = data(files[b]);
    for (const char* name : {"q", "k", "v"}) {
      const TensorView view = made.find(name)->view();
      for (std::int64_t h = 0; h < 5; ++h) {
        for (const std::int64_t i : {std::int64_t{0}, std::int64_t{3}, view.shape[2] - 1}) {
          for (std::int64_t c = 0; c < 32; ++c)
            BOOST_REQUIRE_EQUAL(view.load(b, h, i, c), truth.find(name)->view().load(0, h, i, c));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(grouped_heads_are_the_mean_of_their_group) {
  const TensorStorage made = generate_inputs("minilm", softmax_variant(), problem_of("hq12 hkv4 sq9 d32 f64"), 1);
  const TensorStorage truth = data("license_layer0.npz");
  for (const char* name : {"k", "v"}) {
    const TensorView heads = truth.find(name)->view();
    for (std::int64_t h = 0; h < 4; ++h) {
      const double sum = heads.load(0, 3 * h, 8, 5) + heads.load(0, 3 * h + 1, 8, 5) + heads.load(0, 3 * h + 2, 8, 5);
      BOOST_CHECK_EQUAL(made.find(name)->view().load(0, h, 8, 5), sum / 3.0);
    }
  }
  BOOST_CHECK_EQUAL(made.find("q")->view().load(0, 7, 8, 5), truth.find("q")->view().load(0, 7, 8, 5));
}

BOOST_AUTO_TEST_CASE(a_lower_type_rounds_the_activations) {
  const TensorStorage made = generate_inputs("minilm", softmax_variant(), problem_of("sq4 d32 bf16"), 1);
  const double exact = data("license_layer0.npz").find("q")->view().load(0, 0, 2, 1);
  BOOST_CHECK_EQUAL(made.find("q")->view().load(0, 0, 2, 1), bf16_value(bf16_bits(exact)));
}

BOOST_AUTO_TEST_CASE(a_module_gets_its_weights_its_text_and_its_padding_mask) {
  const Problem problem = problem_of("b3 hq12 sq20 d32");
  BOOST_CHECK(presence_of_inputs("minilm", module_variant(), problem) == (Presence{.mask = true}));
  const TensorStorage made = generate_inputs("minilm", module_variant(), problem, 1);
  const TensorStorage truth = data("module_layer1.npz");
  for (std::int64_t b = 0; b < 3; ++b) {
    for (std::int64_t i = 0; i < 20; ++i) {
      BOOST_REQUIRE_EQUAL(made.find("x")->view().load(b, i, 383), truth.find("x")->view().load(b, i, 383));
      BOOST_REQUIRE_EQUAL(made.find("mask")->view().load(b, 0, 0, i), truth.find("mask")->view().load(b, i));
    }
  }
  for (const char* name : {"w_q", "w_k", "w_v", "w_o"})
    BOOST_CHECK_EQUAL(made.find(name)->view().load(5, 300), truth.find(name)->view().load(5, 300));
  BOOST_CHECK_EQUAL(made.find("b_o")->view().load(77), truth.find("b_o")->view().load(77));
}

BOOST_AUTO_TEST_CASE(what_the_activations_do_not_cover_is_refused_with_what_would_be_right) {
  BOOST_CHECK(contains(refusal(softmax_variant(), "hq12 sq512 d64"), "give d32 dv32"));
  BOOST_CHECK(contains(refusal(softmax_variant(), "hq13 sq512 d32"), "hq up to 12"));
  BOOST_CHECK(contains(refusal(softmax_variant(), "b3 sq512 d32"), "b up to 2"));
  BOOST_CHECK(contains(refusal(softmax_variant(), "sq512 skv513 d32"), "sq and skv up to 512"));
  BOOST_CHECK(contains(refusal(softmax_variant(), "sq5 d32 dv64"), "dv32"));
  BOOST_CHECK(contains(refusal(module_variant(), "hq8 sq20 d64"), "give d_model=384 hq12"));
  BOOST_CHECK(contains(refusal(module_variant(), "b9 hq12 sq20 d32"), "b up to 8"));
  BOOST_CHECK(contains(refusal(module_variant(), "hq12 sq31 d32"), "sq and skv up to 30"));
  BOOST_CHECK_EQUAL(refusal(softmax_variant(), "b2 hq12 sq512 d32"), "");
  BOOST_CHECK_EQUAL(refusal(module_variant(), "b8 hq12 sq30 d32"), "");
}

BOOST_AUTO_TEST_CASE(the_folder_that_the_environment_names_is_the_only_one) {
  ::setenv("ATTEST_DATA", "/absent", 1);
  const std::string reason = refusal(softmax_variant(), "sq5 d32");
  const std::string module = refusal(module_variant(), "hq12 sq5 d32");
  ::setenv("ATTEST_DATA", ATTEST_SOURCE_DIR "/harness/inputs", 1);
  const std::string found = refusal(softmax_variant(), "sq5 d32");
  ::unsetenv("ATTEST_DATA");
  BOOST_CHECK_EQUAL(reason,
                    "license_layer0.npz is not in /absent/minilm; let ATTEST_DATA name the folder that holds minilm/");
  BOOST_CHECK(contains(module, "module_layer1.npz is not in /absent/minilm"));
  BOOST_CHECK_EQUAL(found, "");
}

BOOST_AUTO_TEST_SUITE_END()
