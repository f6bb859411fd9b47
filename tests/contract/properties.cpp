// What attention keeps whatever computes it, with no reference for the result: the exact ones bit for bit, the others
// within the bounds that rule F gives the runs that are compared.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/cell.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
using attest::test::Cell;

/// One run of a kernel with the bound of rule F for each element; lse is empty where the variant has none.
struct Run {
  std::vector<double> out, bound, lse, lse_bound;
};

Run run(const KernelEntry& entry, const Problem& problem, const TensorStorage& inputs) {
  TensorStorage copy;
  for (const TensorStorage::Entry& one : inputs.entries())
    copy.add(one.name, converted(one.tensor.view(), one.tensor.view().dtype));
  const Cell cell(entry, problem, std::move(copy), attest::test::contract_backend, 2, {});
  const TensorSet& outputs = cell.execution->outputs();
  const auto oracle = make_oracle(*entry.variant, problem, cell.inputs, outputs);
  Run result;
  std::vector<OutputRow> lines;
  attest::test::for_each_row(problem, [&](const RowPlace& at) {
    oracle->row(at, entry.kernel->arithmetic(problem), lines);
    for (const OutputRow& line : lines) {
      if (line.output != "out" && line.output != "lse") continue;
      std::vector<double>& values = line.output == "out" ? result.out : result.lse;
      std::vector<double>& bounds = line.output == "out" ? result.bound : result.lse_bound;
      const TensorView& view = outputs.at(line.output);
      for (std::size_t c = 0; c < line.value.size(); ++c)
        values.push_back(view.load(at.batch, at.head, at.row, static_cast<std::int64_t>(c)));
      bounds.insert(bounds.end(), line.bound.begin(), line.bound.end());
    }
  });
  return result;
}

/// Calls visit(entry, problem) for every kernel that computes attention of q, k and v and takes the problem; fails
/// where a kernel took none.
template <class Visit>
void for_each_kernel(std::initializer_list<const char*> texts, const Visit& visit) {
  int turn = 0;
  for (const KernelEntry& entry : all_kernels()) {
    if (!find_backend(attest::test::contract_backend).runs(*entry.kernel) || entry.variant->name == "multihead")
      continue;
    int taken = 0;
    for (const char* text : texts) {
      // The 16-bit types take turns, so that over the problems each kernel sees both.
      for (const char* type : {" f32", ++turn % 2 == 0 ? " bf16" : " f16"}) {
        if (!attest::test::on_cpu && turn % 3 != 0 && type[1] == 'f' && type[2] == '3') continue;
        const Problem problem = parse_problem(text + std::string(type));
        if (!attest::test::takes(entry, problem, "normal")) continue;
        ++taken;
        BOOST_TEST_CONTEXT(entry.id() << " \"" << problem.text() << "\"") {
          visit(entry, problem);
        }
      }
    }
    BOOST_TEST(taken > 0, entry.id() << " took none of these problems");
  }
}

/// The tensor with map(value) or, by rows along its third dimension, map(value, row) in place of each element.
template <class Map>
void change(const TensorStorage& inputs, const char* name, const Map& map) {
  const TensorView& view = inputs.find(name)->view();
  const std::int64_t width = view.shape[3];
  for (std::int64_t index = 0; index < view.element_count(); ++index) {
    const double value = load_element(view.data, view.dtype, index);
    store_element(view.data, view.dtype, index, map(value, index / width % view.shape[2], index));
  }
}

TensorStorage normal(const KernelEntry& entry, const Problem& problem, std::uint64_t seed = 1) {
  return generate_inputs("normal", *entry.variant, problem, seed);
}

template <class Close>
int count_not(const Run& run, const Close& is_close) {
  int count = 0;
  for (std::size_t index = 0; index < run.out.size(); ++index)
    count += is_close(index) ? 0 : 1;
  return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(properties)

BOOST_AUTO_TEST_CASE(four_times_minus_v_gives_four_times_minus_the_output_bit_for_bit) {
  for_each_kernel({"b2 hq4 hkv2 sq33 skv49 d64", "hq2 sq1 skv130 d64", "hq2 sq70 d64 window=80,80"},
                  [](const KernelEntry& entry, const Problem& p) {
                    const TensorStorage inputs = normal(entry, p);
                    const Run once = run(entry, p, inputs);
                    change(inputs, "v", [](double value, std::int64_t, std::int64_t) { return -4.0 * value; });
                    const Run four = run(entry, p, inputs);
                    // Near the smallest numbers of f16 a rounding is not scaled with its value.
                    const double floor = p.dtype == DType::f16 ? 0x1p-14 : 0.0;
                    BOOST_TEST(count_not(once, [&](std::size_t at) {
                                 return four.out[at] == -4.0 * once.out[at] || std::fabs(once.out[at]) < floor;
                               }) == 0);
                  });
}

BOOST_AUTO_TEST_CASE(output_of_a_sum_of_v_is_the_sum_of_outputs) {
  for_each_kernel({"b2 hq4 hkv2 sq33 skv49 d64 causal", "hq2 sq1 skv130 d64", "hq2 sq70 d64 window=80,80"},
                  [](const KernelEntry& entry, const Problem& p) {
                    // Whole numbers, so that the sum of the two V is exact in every type.
                    const TensorStorage first = normal(entry, p);
                    const TensorStorage second = normal(entry, p);
                    const TensorStorage both = normal(entry, p);
                    const auto one = [](std::int64_t at) { return static_cast<double>(at * 7919 % 61 - 30); };
                    const auto other = [](std::int64_t at) { return static_cast<double>(at * 104729 % 53 - 26); };
                    change(first, "v", [&](double, std::int64_t, std::int64_t at) { return one(at); });
                    change(second, "v", [&](double, std::int64_t, std::int64_t at) { return other(at); });
                    change(both, "v", [&](double, std::int64_t, std::int64_t at) { return one(at) + other(at); });
                    const Run a = run(entry, p, first), b = run(entry, p, second), sum = run(entry, p, both);
                    BOOST_TEST(count_not(sum, [&](std::size_t at) {
                                 return std::fabs(sum.out[at] - a.out[at] - b.out[at]) <=
                                        sum.bound[at] + a.bound[at] + b.bound[at];
                               }) == 0);
                  });
}

BOOST_AUTO_TEST_CASE(order_of_the_keys_does_not_matter) {
  for_each_kernel({"b2 hq4 hkv2 sq33 skv70 d64", "hq2 sq1 skv300 d64", "hq2 sq70 d64 window=80,80"},
                  [](const KernelEntry& entry, const Problem& p) {
                    const TensorStorage inputs = normal(entry, p);
                    const TensorStorage moved = normal(entry, p);
                    for (const char* name : {"k", "v"}) {
                      const TensorView& from = inputs.find(name)->view();
                      change(moved, name, [&](double, std::int64_t row, std::int64_t index) {
                        const std::int64_t other =
                            (row * 37 + 11) % p.seq_kv;  // 37 and the lengths have no common factor
                        return load_element(from.data, from.dtype, index + (other - row) * from.shape[3]);
                      });
                    }
                    const Run one = run(entry, p, inputs), other = run(entry, p, moved);
                    BOOST_TEST(count_not(one, [&](std::size_t at) {
                                 return std::fabs(one.out[at] - other.out[at]) <= one.bound[at] + other.bound[at];
                               }) == 0);
                  });
}

BOOST_AUTO_TEST_CASE(constant_v_comes_back) {
  for_each_kernel(
      {"b2 hq4 hkv2 sq33 skv70 d64", "hq2 sq60 d64 causal window=12,0", "hq2 sq1 skv300 d64"},
      [](const KernelEntry& entry, const Problem& p) {
        const TensorStorage inputs = normal(entry, p);
        const auto constant = [&](std::int64_t index) { return static_cast<double>(index % p.head_dim_v) / 8.0 - 3.0; };
        change(inputs, "v", [&](double, std::int64_t, std::int64_t index) { return constant(index); });
        const Run result = run(entry, p, inputs);
        BOOST_TEST(count_not(result, [&](std::size_t at) {
                     return std::fabs(result.out[at] - constant(static_cast<std::int64_t>(at))) <= result.bound[at];
                   }) == 0);
      });
}

BOOST_AUTO_TEST_CASE(equal_weights_of_small_whole_numbers_give_their_mean_exactly) {
  for_each_kernel(
      {"b2 hq4 hkv2 sq33 skv64 d64", "hq2 sq1 skv256 d64", "hq2 sq40 skv128 d32", "hq2 sq64 d64 window=80,80"},
      [](const KernelEntry& entry, const Problem& p) {
        const TensorStorage inputs = normal(entry, p);
        change(inputs, "q", [](double, std::int64_t, std::int64_t) { return 0.0; });
        // Linear attention weighs by phi(k), so that its keys must be equal too.
        if (!entry.variant->is_softmax) change(inputs, "k", [](double, std::int64_t, std::int64_t) { return 0.0; });
        const auto mean = [&](std::int64_t index) { return static_cast<double>(index % p.head_dim_v % 29 - 14); };
        // Keys in pairs, above and below the mean.
        change(inputs, "v", [&](double, std::int64_t row, std::int64_t index) {
          const double away = static_cast<double>(row / 2 % 17);
          return mean(index) + (row % 2 == 0 ? away : -away);
        });
        const Run result = run(entry, p, inputs);
        BOOST_TEST(count_not(result, [&](std::size_t at) {
                     return result.out[at] == mean(static_cast<std::int64_t>(at));
                   }) == 0);
      });
}

BOOST_AUTO_TEST_CASE(shares_of_the_keys_merge_by_their_lse) {
  for_each_kernel({"b2 hq4 hkv2 sq33 skv70 d64", "hq2 sq1 skv300 d64", "hq2 sq70 d64 window=80,80"},
                  [](const KernelEntry& entry, const Problem& p) {
                    if (!entry.variant->is_softmax) return;  // it has no lse
                    const TensorStorage inputs = normal(entry, p);
                    const std::int64_t cut = p.seq_kv / 3;
                    const auto share = [&](std::int64_t first, std::int64_t count) {
                      Problem part = p;
                      part.seq_kv = count;
                      const TensorStorage own = normal(entry, part);
                      change(own, "q", [&](double, std::int64_t, std::int64_t index) {
                        return load_element(inputs.find("q")->view().data, p.dtype, index);
                      });
                      for (const char* name : {"k", "v"}) {
                        const TensorView& from = inputs.find(name)->view();
                        const std::int64_t width = from.shape[3];
                        change(own, name, [&](double, std::int64_t row, std::int64_t index) {
                          const std::int64_t head = index / width / count;
                          return load_element(from.data, from.dtype,
                                              (head * p.seq_kv + first + row) * width + index % width);
                        });
                      }
                      return run(entry, part, own);
                    };
                    const Run whole = run(entry, p, inputs), a = share(0, cut), b = share(cut, p.seq_kv - cut);
                    const auto columns = static_cast<std::size_t>(p.head_dim_v);
                    BOOST_TEST(count_not(whole, [&](std::size_t at) {
                                 const std::size_t row = at / columns;
                                 const double weight = 1.0 / (1.0 + std::exp(b.lse[row] - a.lse[row]));
                                 const double merged = weight * a.out[at] + (1.0 - weight) * b.out[at];
                                 // The weight errs by at most w (1 - w) times the error of the difference of the lse,
                                 // to first order.
                                 const double moved = std::expm1(a.lse_bound[row] + b.lse_bound[row]) * weight *
                                                      (1.0 - weight) * std::fabs(a.out[at] - b.out[at]) * 2.0;
                                 return std::fabs(merged - whole.out[at]) <=
                                        whole.bound[at] + weight * a.bound[at] + (1.0 - weight) * b.bound[at] + moved;
                               }) == 0);
                  });
}

// With few keys some rows have scores of -inf alone, or no key at all: no weight, so that V may hold anything.
BOOST_AUTO_TEST_CASE(rows_without_any_weight_are_zero_whatever_the_values_hold) {
  for (const attest::KernelEntry& entry : attest::all_kernels()) {
    for (const char* text : {"sq1 skv1 d64", "hq2 sq9 skv3 d8 causal", "hq4 hkv2 sq1 skv2 d32", "hq2 sq5 skv2 d16"}) {
      const attest::Problem problem = attest::parse_problem(text);
      if (!attest::test::takes(entry, problem, "nan_in_sight")) continue;
      for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
        Cell cell(entry, problem, "nan_in_sight", 2, seed);
        const attest::Verification verification = cell.judge(false);
        BOOST_CHECK_MESSAGE(verification.verdict.has_passed(),
                            entry.id() << " " << text << ", seed " << seed << ": " << verification.verdict.reason);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
