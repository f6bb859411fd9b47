// Exact probes of softmax kernels: inputs whose result is known without a reference, so no tolerance is needed.
// Zero queries weigh all visible keys alike, so that a one-hot V shows which keys each row attended, and codes of +-1
// select one key with a weight that rounds to 1.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "harness/backends/backend.hpp"
#include "harness/core/registry.hpp"
#include "tests/support/cell.hpp"

namespace {

using attest::DType;
using attest::KernelEntry;
using attest::parse_problem;
using attest::Problem;
using attest::TensorSet;
using attest::TensorStorage;
using attest::TensorView;

// Written apart from the product's geometry on purpose.
bool sees(const Problem& p, std::int64_t i, std::int64_t j) {
  std::int64_t shift = 0;
  if (p.align.kind == attest::Align::Kind::bottom_right) shift = p.seq_kv - p.seq_q;
  if (p.align.kind == attest::Align::Kind::offset) shift = p.align.value;
  const std::int64_t ahead = j - i - shift;
  if (p.causal && ahead > 0) return false;
  if (p.window.left != -1 && -ahead > p.window.left) return false;
  if (p.window.right != -1 && ahead > p.window.right) return false;
  return true;
}

void set(const TensorView& view, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d, double value) {
  store_element(view.data, view.dtype, view.offset(a, b, c, d), value);
}

bool takes(const KernelEntry& entry, const Problem& problem) {
  return attest::find_backend(attest::test::contract_backend).runs(*entry.kernel) && entry.variant->is_softmax &&
         supports(*entry.variant, *entry.kernel, problem, {});
}

struct Probe {
  explicit Probe(const Problem& problem) {
    q = inputs.add("q", problem.dtype, {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim}).view();
    k = inputs.add("k", problem.dtype, {problem.batch, problem.heads_kv, problem.seq_kv, problem.head_dim}).view();
    v = inputs.add("v", problem.dtype, {problem.batch, problem.heads_kv, problem.seq_kv, problem.head_dim_v}).view();
  }
  TensorStorage inputs;
  TensorView q, k, v;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(probes)

BOOST_AUTO_TEST_CASE(zero_queries_count_exactly_the_keys_that_each_row_attends) {
  int probed = 0;
  for (const KernelEntry& entry : attest::all_kernels()) {
    for (const char* text : {"hq4 hkv2 sq90 skv90 d16 dv90 causal", "hq2 sq60 skv97 d8 dv97 causal window=13,0",
                             "hq2 sq97 skv60 d8 dv60 causal", "hq4 hkv1 sq1 skv150 d32 dv150",
                             "hq2 sq80 d16 dv80 window=9,4", "hq2 sq50 skv70 d16 dv70 causal align=top_left",
                             "hq1 sq50 skv70 d16 dv70 align=-7 causal", "hq2 sq1 skv250 d16 dv250 window=100,0",
                             "hq4 hkv2 sq90 skv120 d128 causal", "hq2 sq130 skv64 d64 causal align=top_left",
                             "hq4 hkv1 sq1 skv128 d128", "hq2 sq100 skv100 d128 causal window=13,0",
                             "hq2 sq32 d32 window=9,4", "hq1 sq150 skv127 d128 align=-7 causal"}) {
      for (const char* type : {"f32", "bf16", "f16"}) {
        const Problem problem = parse_problem(std::string(text) + " " + type);
        if (!takes(entry, problem)) continue;
        ++probed;
        Probe probe(problem);
        for (std::int64_t h = 0; h < problem.heads_kv; ++h) {
          for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
            for (std::int64_t c = 0; c < problem.head_dim; ++c)
              set(probe.k, 0, h, j, c, std::sin(1.0 + 7.0 * j + c));
            set(probe.v, 0, h, j, j, 1.0);
          }
        }
        const TensorSet inputs = probe.inputs.views();
        const auto execution = attest::find_backend(attest::test::contract_backend)
                                   .prepare(*entry.variant, *entry.kernel, problem, inputs, 2);
        execution->run();
        const TensorView& out = execution->outputs().at("out");
        std::int64_t wrong = 0;
        for (std::int64_t h = 0; h < problem.heads_q; ++h) {
          for (std::int64_t i = 0; i < problem.seq_q; ++i) {
            std::int64_t n = 0;
            for (std::int64_t j = 0; j < problem.seq_kv; ++j)
              n += sees(problem, i, j) ? 1 : 0;
            for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
              const double count = out.load(0, h, i, j) * static_cast<double>(n);
              const double expected = sees(problem, i, j) ? 1.0 : 0.0;
              // A weight 1/n rounds, so the count is read as the nearest integer; a masked key is 0 exactly.
              if (!(std::nearbyint(count) == expected) || (expected == 0.0 && out.load(0, h, i, j) != 0.0)) ++wrong;
            }
          }
        }
        BOOST_CHECK_MESSAGE(wrong == 0, entry.id() << " \"" << problem.text() << "\": " << wrong << " wrong counts");
      }
    }
  }
  BOOST_CHECK_GE(probed, 30);
}

BOOST_AUTO_TEST_CASE(codes_return_the_selected_value_bit_for_bit) {
  int probed = 0;
  for (const KernelEntry& entry : attest::all_kernels()) {
    for (const char* text :
         {"hq2 hkv1 sq1 skv300 d128 scale=1", "hq2 sq70 skv130 d128 scale=1", "hq4 hkv2 sq100 skv130 d128 dv64 scale=1",
          "hq2 sq1 skv300 d128 dv32 scale=1", "b2 hq2 sq129 d128 scale=1"}) {
      for (const char* type : {"f32", "bf16", "f16"}) {
        const Problem problem = parse_problem(std::string(text) + " " + type);
        if (!takes(entry, problem)) continue;
        ++probed;
        std::mt19937 random(17);
        Probe probe(problem);
        std::vector<std::int64_t> chosen(static_cast<std::size_t>(problem.seq_q));
        for (auto& key : chosen)
          key = static_cast<std::int64_t>(random() % static_cast<unsigned>(problem.seq_kv));
        // Random codes differ in about half of 128 places; 8 times a difference of 40 underflows in exp.
        for (std::int64_t b = 0; b < problem.batch; ++b) {
          for (std::int64_t h = 0; h < problem.heads_kv; ++h) {
            for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
              for (std::int64_t c = 0; c < problem.head_dim; ++c)
                set(probe.k, b, h, j, c, (random() & 1) != 0 ? 1.0 : -1.0);
              for (std::int64_t c = 0; c < problem.head_dim_v; ++c) {
                set(probe.v, b, h, j, c, std::ldexp(static_cast<double>(random() % 256) - 128.0, -3));
              }
            }
          }
          for (std::int64_t h = 0; h < problem.heads_q; ++h) {
            for (std::int64_t i = 0; i < problem.seq_q; ++i) {
              const std::int64_t j = chosen[static_cast<std::size_t>(i)];
              for (std::int64_t c = 0; c < problem.head_dim; ++c) {
                set(probe.q, b, h, i, c, 8.0 * probe.k.load(b, h / problem.group(), j, c));
              }
            }
          }
        }
        const TensorSet inputs = probe.inputs.views();
        const auto execution = attest::find_backend(attest::test::contract_backend)
                                   .prepare(*entry.variant, *entry.kernel, problem, inputs, 2);
        execution->run();
        const TensorView& out = execution->outputs().at("out");
        std::int64_t wrong = 0;
        for (std::int64_t b = 0; b < problem.batch; ++b) {
          for (std::int64_t h = 0; h < problem.heads_q; ++h) {
            for (std::int64_t i = 0; i < problem.seq_q; ++i) {
              for (std::int64_t c = 0; c < problem.head_dim_v; ++c) {
                const std::int64_t j = chosen[static_cast<std::size_t>(i)];
                if (out.load(b, h, i, c) != probe.v.load(b, h / problem.group(), j, c)) ++wrong;
              }
            }
          }
        }
        BOOST_CHECK_MESSAGE(wrong == 0, entry.id() << " \"" << problem.text() << "\": " << wrong << " wrong values");
      }
    }
  }
  BOOST_CHECK_GE(probed, 15);
}

BOOST_AUTO_TEST_SUITE_END()
