// Which changes leave every bit of a kernel's outputs as it is: each kernel says so in its descriptor, and both answers
// are held to it. A yes must hold on all problems here; a no on none would be said lazily. The problems provoke what
// changes the order of a sum: few rows and many keys, which kernels split over threads or blocks, and whole blocks.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/cell.hpp"

namespace {

using namespace attest;
using attest::test::Cell;

// The emulator is slow, and its threads are not the kernel's.
const std::vector<const char*> problems =
    attest::test::on_cpu
        ? std::vector{"b3 hq4 sq130 d64 causal",    "b3 hq4 hkv2 sq1 skv700 d64", "b3 hq2 sq1 skv1500 d128",
                      "b3 hq4 hkv2 sq5 skv900 d64", "b3 hq2 sq300 skv200 d32",    "b3 hq2 sq200 d64 causal window=31,0",
                      "b3 hq4 sq50 d_model=128",    "b3 hq1 sq100 skv400 d16",    "b2 hq1 sq90 skv300 d40"}
        : std::vector{"b2 hq2 sq70 d64 causal", "b3 hq2 hkv1 sq1 skv600 d64", "b2 hq2 sq70 d64 causal window=31,0",
                      "b2 hq4 sq30 d_model=128", "b2 hq16 sq1 skv2048 d16"};

/// Calls visit(problem) for each problem, in f32 and, where only that is taken, in bf16.
template <class Visit>
int for_each_problem(const KernelEntry& entry, const Visit& visit) {
  int count = 0;
  for (const char* text : problems) {
    for (const char* type : {" f32", " bf16"}) {
      const Problem problem = parse_problem(text + std::string(type));
      if (!attest::test::takes(entry, problem, "normal")) continue;
      visit(problem);
      ++count;
    }
  }
  return count;
}

std::uint64_t bits_on(const KernelEntry& entry, const Problem& problem, int threads) {
  const Cell cell(entry, problem, "normal", threads, 1, {});
  return hash_tensors(cell.execution->outputs());
}

/// Batch entry `batch` of each tensor that has batch entries: whose first extent the number of them sets.
TensorStorage entry_of(const Variant& variant, const Problem& problem, const TensorStorage& whole, std::int64_t batch) {
  Problem one = problem;
  one.batch = 1;
  TensorStorage part;
  for (const TensorSpec& spec : tensors_of(variant, one)) {
    const Tensor* tensor = whole.find(spec.name);
    if (tensor == nullptr) continue;
    const Tensor& to = part.add(spec.name, spec.dtype, spec.shape);
    const bool is_batched = tensor->bytes() != to.bytes();
    std::memcpy(to.raw().data(), tensor->raw().data() + (is_batched ? static_cast<std::size_t>(batch) * to.bytes() : 0),
                to.bytes());
  }
  return part;
}

/// Whether the outputs of one batch entry are, bit for bit, that entry of the outputs of all.
bool is_entry(const TensorSet& one, const TensorSet& all, std::int64_t batch) {
  for (const TensorSet::Entry& output : one.entries()) {
    const std::int64_t count = output.view.element_count();
    const TensorView& whole = all.at(output.name);
    BOOST_REQUIRE(output.view.is_dense() && whole.is_dense());
    const std::size_t bytes = static_cast<std::size_t>(count) * size_of(whole.dtype);
    const auto* from = static_cast<const std::byte*>(whole.data) + static_cast<std::size_t>(batch) * bytes;
    if (std::memcmp(from, output.view.data, bytes) != 0) return false;
  }
  return true;
}

/// A claim and what was found of it.
void hold(const KernelEntry& entry, const char* what, bool claimed, int problems_seen, int problems_that_differ) {
  BOOST_TEST_CONTEXT(entry.id() << ", " << what << ": " << problems_that_differ << " of " << problems_seen
                                << " problems gave other bits") {
    BOOST_TEST(problems_seen > 0);
    BOOST_TEST((problems_that_differ == 0) == claimed);
  }
}

template <class Differs>
void check_claim(const char* what, bool Invariance::*claim, const Differs& differs) {
  for (const KernelEntry& entry : all_kernels()) {
    if (!find_backend(attest::test::contract_backend).runs(*entry.kernel)) continue;
    int different = 0;
    const int seen =
        for_each_problem(entry, [&](const Problem& problem) { different += differs(entry, problem) ? 1 : 0; });
    hold(entry, what, entry.kernel->invariance.*claim, seen, different);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(invariance)

BOOST_AUTO_TEST_CASE(a_kernel_run_again_gives_the_same_bits_where_it_says_so_and_only_there) {
  check_claim("run again", &Invariance::reruns, [](const KernelEntry& entry, const Problem& problem) {
    const Cell cell(entry, problem, "normal", 2, 1, {});
    const std::uint64_t first = hash_tensors(cell.execution->outputs());
    cell.execution->run();
    return hash_tensors(cell.execution->outputs()) != first;
  });
}

BOOST_AUTO_TEST_CASE(a_kernel_on_other_threads_gives_the_same_bits_where_it_says_so_and_only_there) {
  check_claim("threads", &Invariance::threads, [](const KernelEntry& entry, const Problem& problem) {
    const std::uint64_t first = bits_on(entry, problem, 1);
    return bits_on(entry, problem, 2) != first || (attest::test::on_cpu && bits_on(entry, problem, 7) != first);
  });
}

BOOST_AUTO_TEST_CASE(a_batch_entry_alone_gives_the_same_bits_where_the_kernel_says_so_and_only_there) {
  check_claim("batch", &Invariance::batch, [](const KernelEntry& entry, const Problem& problem) {
    const Cell all(entry, problem, "normal", 2, 1, {});
    Problem one = problem;
    one.batch = 1;
    bool differs = false;
    for (std::int64_t batch = 0; batch < problem.batch; ++batch) {
      const Cell alone(entry, one, entry_of(*entry.variant, problem, all.storage, batch),
                       attest::test::contract_backend, 2, {});
      differs = differs || !is_entry(alone.execution->outputs(), all.execution->outputs(), batch);
    }
    return differs;
  });
}

BOOST_AUTO_TEST_SUITE_END()
