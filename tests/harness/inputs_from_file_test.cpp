// Arrays of a file become a variant's inputs: converted, shaped, and refused in one line where they do not fit.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "harness/core/error.hpp"
#include "harness/inputs/generators.hpp"
#include "tests/harness/inputs_variants.hpp"

using namespace attest;
using namespace attest::test;

namespace {

// q, k and v in f32 for the problem, all ones.
TensorStorage arrays_for(const Problem& p) {
  TensorStorage arrays;
  for (const TensorSpec& spec : standard_tensors(p)) {
    if (spec.optional || spec.role == Role::output) continue;
    const TensorView view = arrays.add(spec.name, DType::f32, spec.shape).view();
    for (std::int64_t i = 0; i < view.element_count(); ++i)
      view.as<float>()[i] = 1.0f;
  }
  return arrays;
}

std::string error_of(const TensorStorage& arrays, const Problem& problem, const Variant& variant = softmax_variant()) {
  try {
    inputs_from_file(arrays.views(), variant, problem, "case.npz");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The inputs with a bool mask of that shape whose element 1 is visible, the others hidden.
TensorStorage with_mask(const Problem& problem, const Shape& shape, const Variant& variant = softmax_variant()) {
  TensorStorage arrays = arrays_for(problem);
  arrays.add("mask", DType::boolean, shape).view().as<std::uint8_t>()[1] = 1;
  return inputs_from_file(arrays.views(), variant, problem, "case.npz");
}

Shape mask_shape(const TensorStorage& inputs) {
  return inputs.find("mask")->view().shape_vector();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inputs_of_files)

BOOST_AUTO_TEST_CASE(arrays_are_converted_to_the_type_of_the_problem) {
  const Problem problem = problem_of("b2 hq2 sq3 skv4 d8 bf16");
  TensorStorage arrays = arrays_for(problem);
  arrays.find("q")->view().as<float>()[1] = 1.003f;
  const TensorStorage inputs = inputs_from_file(arrays.views(), softmax_variant(), problem, "case.npz");
  BOOST_CHECK_EQUAL(inputs.entries().size(), 3u);
  BOOST_CHECK(inputs.find("q")->view().dtype == DType::bf16);
  BOOST_CHECK_EQUAL(inputs.find("q")->view().load(0, 0, 0, 1), bf16_value(bf16_bits(1.003f)));
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_of_another_shape_or_type_is_named) {
  const Problem problem = problem_of("b2 hq2 sq3 skv4 d8");
  TensorStorage missing;
  missing.add("q", DType::f32, {2, 2, 3, 8});
  BOOST_CHECK_EQUAL(error_of(missing, problem), "case.npz: has no array 'k'; softmax needs it, of shape (2, 2, 4, 8)");
  TensorStorage shape;
  shape.add("q", DType::f32, {2, 2, 8, 3});
  BOOST_CHECK_EQUAL(error_of(shape, problem),
                    "case.npz: array 'q': has shape (2, 2, 8, 3); '" + problem.text() + "' asks for (2, 2, 3, 8)");
  TensorStorage type;
  type.add("q", DType::i64, {2, 2, 3, 8});
  BOOST_CHECK_EQUAL(error_of(type, problem), "case.npz: array 'q': is of type i64; give a floating type");
  TensorStorage mask = arrays_for(problem);
  mask.add("mask", DType::f32, {3, 4});
  BOOST_CHECK_NE(error_of(mask, problem).find("'mask': is of type f32; give bool, true = attend"), std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_finite_value_that_the_type_cannot_hold_is_refused_and_an_infinite_one_is_kept) {
  const Problem problem = problem_of("sq3 d8 f16");
  TensorStorage arrays = arrays_for(problem);
  arrays.find("v")->view().as<float>()[5] = std::numeric_limits<float>::infinity();
  BOOST_CHECK_EQUAL(error_of(arrays, problem), "");
  arrays.find("v")->view().as<float>()[6] = 70000.0f;
  BOOST_CHECK_EQUAL(error_of(arrays, problem),
                    "case.npz: array 'v': element 6 is 70000, which overflows f16; give a problem of a wider type");
}

BOOST_AUTO_TEST_CASE(a_mask_that_broadcasts_keeps_its_meaning_under_four_dimensions) {
  const Problem problem = problem_of("b2 hq3 sq4 skv6 d8");
  BOOST_CHECK(mask_shape(with_mask(problem, {4, 6})) == (Shape{1, 1, 4, 6}));
  BOOST_CHECK(mask_shape(with_mask(problem, {6})) == (Shape{1, 1, 1, 6}));
  BOOST_CHECK(mask_shape(with_mask(problem, {3, 1, 6})) == (Shape{1, 3, 1, 6}));
  BOOST_CHECK(mask_shape(with_mask(problem, {2, 1, 4, 6})) == (Shape{2, 1, 4, 6}));
  TensorStorage arrays = arrays_for(problem);
  arrays.add("mask", DType::boolean, {5, 6});
  BOOST_CHECK_NE(error_of(arrays, problem).find("has shape (5, 6) where"), std::string::npos);
  BOOST_CHECK_NE(error_of(arrays, problem).find("or (b, skv) for padding"), std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_mask_over_batch_and_keys_hides_padding_only_where_it_is_no_mask_over_rows) {
  const TensorStorage padding = with_mask(problem_of("b2 hq3 sq4 skv6 d8"), {2, 6});
  BOOST_CHECK(mask_shape(padding) == (Shape{2, 1, 1, 6}));
  BOOST_CHECK_EQUAL(padding.find("mask")->view().load(0, 0, 0, 1), 1.0);
  BOOST_CHECK_EQUAL(padding.find("mask")->view().load(1, 0, 0, 1), 0.0);
  // As many rows as batch entries: (sq, skv) wins.
  BOOST_CHECK(mask_shape(with_mask(problem_of("b4 hq3 sq4 skv6 d8"), {4, 6})) == (Shape{1, 1, 4, 6}));
  // But for a variant whose mask can hide keys only.
  const Problem square = problem_of("b4 hq3 sq4 skv6 d8");
  BOOST_CHECK(mask_shape(with_mask(square, {4, 6}, flat_mask_variant())) == (Shape{4, 6}));
  const TensorStorage spread = with_mask(square, {6}, flat_mask_variant());
  BOOST_CHECK(mask_shape(spread) == (Shape{4, 6}));
  BOOST_CHECK_EQUAL(spread.find("mask")->view().load(3, 1), 1.0);
  BOOST_CHECK(mask_shape(with_mask(square, {4, 1, 1, 6}, flat_mask_variant())) == (Shape{4, 6}));
}

BOOST_AUTO_TEST_CASE(a_module_with_a_padding_mask_takes_it_with_two_dimensions_or_four) {
  const Problem problem = problem_of("b4 hq2 sq4 d8");
  const TensorStorage made = generate_inputs("normal", module_variant(), problem, 1);
  for (const Shape& shape : {Shape{4, 4}, Shape{4, 1, 1, 4}}) {
    TensorStorage arrays;
    for (const auto& [name, tensor] : made.entries())
      arrays.add(name, converted(tensor.view(), DType::f32));
    arrays.add("mask", DType::boolean, shape).view().as<std::uint8_t>()[1] = 1;
    const TensorStorage inputs = inputs_from_file(arrays.views(), module_variant(), problem, "case.npz");
    BOOST_CHECK(mask_shape(inputs) == (Shape{4, 1, 1, 4}));
    BOOST_CHECK_EQUAL(inputs.find("mask")->view().load(0, 0, 0, 1), 1.0);
    BOOST_CHECK_EQUAL(inputs.find("mask")->view().load(1, 0, 0, 1), 0.0);
  }
}

BOOST_AUTO_TEST_CASE(lengths_by_either_name_lie_between_none_and_all) {
  const Problem problem = problem_of("b2 hq2 sq3 skv4 d8");
  for (const char* name : {"kv_lengths", "lengths"}) {
    TensorStorage arrays = arrays_for(problem);
    auto* lengths = arrays.add(name, DType::i64, {2}).view().as<std::int64_t>();
    lengths[1] = 4;
    BOOST_CHECK_EQUAL(error_of(arrays, problem), "");
    const TensorStorage inputs = inputs_from_file(arrays.views(), softmax_variant(), problem, "case.npz");
    BOOST_REQUIRE(inputs.find("kv_lengths") != nullptr);
    BOOST_CHECK_EQUAL(inputs.find("kv_lengths")->view().load(1), 4.0);
    lengths[1] = 5;
    BOOST_CHECK_EQUAL(error_of(arrays, problem),
                      "case.npz: array 'kv_lengths': length 5 of batch entry 1 is out of range; give 0 to 4");
    lengths[1] = -1;
    BOOST_CHECK_NE(error_of(arrays, problem), "");
  }
}

BOOST_AUTO_TEST_CASE(a_bias_is_rounded_to_f32_and_keeps_minus_infinity) {
  const Problem problem = problem_of("b2 hq2 sq3 skv4 d8 f16");
  TensorStorage arrays = arrays_for(problem);
  auto* bias = arrays.add("bias", DType::f64, {2, 1, 3, 4}).view().as<double>();
  bias[0] = -std::numeric_limits<double>::infinity();
  bias[1] = 0.1;
  const TensorStorage inputs = inputs_from_file(arrays.views(), softmax_variant(), problem, "case.npz");
  const TensorView view = inputs.find("bias")->view();
  BOOST_CHECK(view.dtype == DType::f32 && view.shape_vector() == (Shape{2, 1, 3, 4}));
  BOOST_CHECK(std::isinf(view.load(0)));
  BOOST_CHECK_EQUAL(view.load(0, 0, 0, 1), 0.1f);
}

BOOST_AUTO_TEST_CASE(arrays_that_a_variant_does_not_name_are_listed) {
  const Problem problem = problem_of("b2 hq2 sq3 skv4 d8");
  TensorStorage arrays = arrays_for(problem);
  arrays.add("out", DType::f64, {2, 2, 3, 8});
  arrays.add("lengths", DType::i64, {2});
  arrays.add("notes", DType::f32, {1});
  arrays.add("attn", DType::f32, {1});
  const TensorSet set = arrays.views();
  BOOST_CHECK(unknown_arrays(set, softmax_variant(), problem) == (std::vector<std::string>{"notes", "attn"}));
  BOOST_CHECK(find_array(set, "weights") == set.find("attn"));
  BOOST_CHECK(find_array(set, "kv_lengths") == set.find("lengths"));
  BOOST_CHECK(find_array(set, "bias") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
