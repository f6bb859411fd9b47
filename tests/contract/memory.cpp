// Memory comes only from the workspace: its measured peak equals the declared formula, and nothing is allocated around
// it. Views are provoked: strided, misaligned to all but their element, with NaN in the padding and guards about the
// outputs.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <limits>
#include <vector>

#include "tests/support/allocations.hpp"
#include "tests/support/cell.hpp"

using attest::test::Cell;

namespace {

using attest::KernelEntry;
using attest::Problem;
using attest::TensorSet;
using attest::TensorSpec;
using attest::TensorView;

const std::vector<const char*> problems{"hq4 sq130 d64 f32",
                                        "hq4 sq130 d64 f32 causal",
                                        "b2 hq4 hkv2 sq65 skv300 d32 bf16 causal",
                                        "b2 hq4 hkv2 sq1 skv900 d128 f16",
                                        "b1 hq2 hkv1 sq1 skv900 d64 f32",
                                        "hq3 sq200 d40 f32 causal window=31,0"};

// A view with gaps between rows and an odd first element, in a buffer of its own that starts as `filling` everywhere.
struct Loose {
  Loose(const TensorView& source, double filling) : dtype(source.dtype) {
    strides.resize(static_cast<std::size_t>(source.rank));
    std::int64_t stride = 1;
    for (int axis = source.rank - 1; axis >= 0; --axis) {
      strides[static_cast<std::size_t>(axis)] = stride;
      stride = stride * source.shape[axis] + 3;
    }
    elements = stride + 8;
    buffer.resize(static_cast<std::size_t>(elements) * size_of(dtype) + 64);
    for (std::int64_t index = 0; index < elements; ++index)
      store_element(buffer.data(), dtype, index, filling);
    view = source;
    view.data = buffer.data() + size_of(dtype);  // one element off any alignment of the buffer
    for (int axis = 0; axis < source.rank; ++axis)
      view.strides[axis] = strides[static_cast<std::size_t>(axis)];
  }

  template <class Visit>
  void for_each(Visit visit) const {
    std::array<std::int64_t, 4> extent{1, 1, 1, 1};
    for (int axis = 0; axis < view.rank; ++axis)
      extent[axis] = view.shape[axis];
    for (std::int64_t a = 0; a < extent[0]; ++a) {
      for (std::int64_t b = 0; b < extent[1]; ++b) {
        for (std::int64_t c = 0; c < extent[2]; ++c) {
          for (std::int64_t d = 0; d < extent[3]; ++d)
            visit(view.offset(a, b, c, d), a, b, c, d);
        }
      }
    }
  }

  attest::DType dtype;
  std::vector<std::int64_t> strides;
  std::int64_t elements = 0;
  std::vector<std::byte> buffer;
  TensorView view;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(the_measured_peak_of_the_workspace_equals_its_formula) {
  for (const KernelEntry& entry : attest::all_kernels()) {
    for (const char* text : problems) {
      for (const int threads : {1, 2, 5}) {
        const Problem problem = attest::parse_problem(text);
        if (!attest::test::takes(entry, problem, "normal")) continue;
        Cell cell(entry, problem, "normal", threads);
        BOOST_CHECK_MESSAGE(cell.execution->workspace_measured() == entry.kernel->workspace_bytes(problem, threads),
                            entry.id() << " " << text << " on " << threads << " threads: formula "
                                       << entry.kernel->workspace_bytes(problem, threads) << ", measured "
                                       << cell.execution->workspace_measured());
      }
    }
  }
}

#if ATTEST_COUNTS_ALLOCATIONS
BOOST_AUTO_TEST_CASE(a_kernel_allocates_nothing_beside_its_workspace) {
  {
    const attest::test::CountAllocations count;
    void* volatile taken = std::malloc(1000);  // volatile: a compiler may leave out a pair that nobody looks at
    std::free(taken);
    BOOST_REQUIRE_GE(count.bytes(), 1000);  // the counter counts
  }
  for (const KernelEntry& entry : attest::all_kernels()) {
    for (const char* text : problems) {
      const Problem problem = attest::parse_problem(text);
      if (!attest::test::takes(entry, problem, "normal")) continue;
      Cell cell(entry, problem, "normal", 2);  // the first run starts threads, which allocate once
      const attest::test::CountAllocations count;
      cell.execution->run();
      const std::int64_t bytes = count.bytes();
      BOOST_CHECK_MESSAGE(bytes < 4096, entry.id() << " " << text << " allocated " << bytes << " bytes");
    }
  }
}
#endif

BOOST_AUTO_TEST_CASE(strided_and_misaligned_views_give_a_right_result_and_nothing_else_is_written) {
  constexpr double guard = -77.0;
  for (const KernelEntry& entry : attest::all_kernels()) {
    for (const char* text : problems) {
      const Problem problem = attest::parse_problem(text);
      if (!attest::test::takes(entry, problem, "normal")) continue;
      Cell dense(entry, problem, "normal", 2);
      std::vector<Loose> loose;
      loose.reserve(32);
      TensorSet inputs;
      TensorSet outputs;
      for (const TensorSet::Entry& input : dense.inputs.entries()) {
        const bool floating = input.view.dtype != attest::DType::boolean && input.view.dtype != attest::DType::i64;
        Loose& copy = loose.emplace_back(input.view, floating ? std::numeric_limits<double>::quiet_NaN() : 0.0);
        copy.for_each([&](std::int64_t offset, auto a, auto b, auto c, auto d) {
          store_element(copy.view.data, copy.dtype, offset, input.view.load(a, b, c, d));
        });
        inputs.add(input.name, copy.view);
      }
      const std::size_t first_output = loose.size();
      for (const TensorSet::Entry& output : dense.execution->outputs().entries()) {
        outputs.add(output.name, loose.emplace_back(output.view, guard).view);
      }
      attest::Tensor memory(attest::DType::boolean,
                            {static_cast<std::int64_t>(entry.kernel->workspace_bytes(problem, 2))});
      attest::Workspace workspace(memory.raw());
      entry.kernel->run(
          {.problem = problem, .inputs = inputs, .outputs = outputs, .workspace = workspace, .threads = 2});
      const auto oracle = attest::make_oracle(*entry.variant, problem, inputs, outputs);
      const attest::Verification verification =
          attest::verify(*oracle, problem, entry.kernel->arithmetic(problem), outputs, {.budget = 1e18, .threads = 2});
      BOOST_CHECK_MESSAGE(verification.verdict.has_passed(),
                          entry.id() << " " << text << " with loose strides: " << verification.verdict.reason);
      for (std::size_t index = first_output; index < loose.size(); ++index) {
        Loose& result = loose[index];
        result.for_each(
            [&](std::int64_t offset, auto...) { store_element(result.view.data, result.dtype, offset, guard); });
        std::int64_t touched = 0;
        for (std::int64_t element = 0; element < result.elements; ++element) {
          if (load_element(result.buffer.data(), result.dtype, element) != guard) ++touched;
        }
        BOOST_CHECK_MESSAGE(touched == 0, entry.id() << " " << text << " wrote " << touched << " elements beside "
                                                     << outputs.entries()[index - first_output].name);
      }
    }
  }
}

// Zeros are right where V is zero: only what V was says that the kernel made it so.
void erase_values(const attest::KernelCall& call) {
  for (const TensorView& view : {call.inputs.at("v"), call.outputs.at("out"), call.outputs.at("lse")})
    std::fill_n(static_cast<std::byte*>(view.data),
                static_cast<std::size_t>(view.element_count()) * size_of(view.dtype), std::byte{0});
}

BOOST_AUTO_TEST_CASE(a_kernel_that_writes_to_an_input_is_not_believed) {
  if (!attest::test::on_cpu) return;
  KernelEntry entry = attest::find_kernel("standard/cpu_naive");
  attest::Kernel vandal = *entry.kernel;
  vandal.run = erase_values;
  entry.kernel = &vandal;
  Cell cell(entry, attest::parse_problem("hq2 sq1 skv1 d8"), "uniform_scores", 1);
  const attest::Verification verification = cell.judge(false);
  BOOST_TEST(!verification.verdict.has_passed());
  BOOST_TEST(verification.verdict.reason == "the kernel wrote to its input 'v'");
}

BOOST_AUTO_TEST_SUITE_END()
