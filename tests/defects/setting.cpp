#include "tests/defects/setting.hpp"

#include <map>
#include <mutex>
#include <stdexcept>
#include <tuple>

#include "harness/core/registry.hpp"
#include "harness/verify/verify.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"

namespace attest::test {
namespace {

// A row's lines do not depend on the output that is judged, so that they serve every defect.
class RememberingOracle final : public Oracle {
 public:
  explicit RememberingOracle(std::unique_ptr<Oracle> oracle) : oracle_(std::move(oracle)) {}

  RowPlace extent() const override { return oracle_->extent(); }
  double row_cost() const override { return oracle_->row_cost(); }

  void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
    const std::lock_guard lock(guard_);
    std::vector<OutputRow>& known = rows_[{place.batch, place.head, place.row}];
    if (known.empty()) oracle_->row(place, arithmetic, known);
    rows = known;
  }

  std::vector<KnownDefect> defects(const Arithmetic& arithmetic) const override { return oracle_->defects(arithmetic); }

  std::vector<LineChanges> changes(const RowPlace& place, const Arithmetic& arithmetic) const override {
    const std::lock_guard lock(guard_);
    std::vector<LineChanges>& known = changes_[{place.batch, place.head, place.row}];
    if (known.empty()) known = oracle_->changes(place, arithmetic);
    return known;
  }

 private:
  std::unique_ptr<Oracle> oracle_;
  mutable std::mutex guard_;
  using Place = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  mutable std::map<Place, std::vector<OutputRow>> rows_;
  mutable std::map<Place, std::vector<LineChanges>> changes_;
};

}  // namespace

const Variant& variant_of(const std::string& name) {
  for (const RegisteredVariant& entry : registered_variants())
    if (entry.variant->name == name) return *entry.variant;
  throw std::runtime_error("no variant " + name);
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all{
      {"hq2 sq64 skv120 d64"},
      {"b2 hq4 hkv2 sq33 skv61 d32 dv24 causal"},
      {"hq4 hkv2 sq64 skv96 d32 causal window=29,0"},
      {"hq2 sq48 skv80 d64 window=19,14"},
      {"b2 hq2 sq48 skv72 d40 dv32", {.mask = true, .bias = true, .kv_lengths = true}},
      {"hq2 sq48 skv80 d64 dropout=0.2 seed=77"},
      {"hq2 sq96 skv64 d128 dv64 softcap=2"},
      {"b8 hq8 hkv2 sq1 skv300 d64"},
      {"hq2 sq56 d32 scale=1 buckets=16 max_distance=20", {}, "cross"},
      {"b2 hq2 sq48 d32 causal feature=elu1", {}, "linear"},
  };
  return all;
}

Bench::Bench(const Setting& setting, const std::string& type, const std::string& kind, std::uint64_t seed)
    : problem_(parse_problem(setting.problem + " " + type)),
      inputs_(random_inputs(problem_, kind, setting.extras, seed)) {
  if (const std::int64_t buckets = problem_.parameter("buckets", 0); buckets > 0) {
    Random random(seed + 1);
    fill_normal(inputs_.add("relative_bias", DType::f32, {buckets, problem_.heads_q}).view(), random);
  }
  views_ = inputs_.views();
  oracle_ = std::make_unique<RememberingOracle>(make_oracle(variant_of(setting.variant), problem_, views_, {}));
  // The truth is apart from the lines that are judged, which belong to the kernel's arithmetic.
  const Tensor truth = reference_output(*make_oracle(variant_of(setting.variant), problem_, views_, {}), "out",
                                        {problem_.batch, problem_.heads_q, problem_.seq_q, problem_.head_dim_v});
  truth_ = elements_of(truth.view());
  rounded_ = elements_of(converted(truth.view(), problem_.dtype).view());
  plain_ = elements_of(run_textbook(problem_, views_).view());
}

}  // namespace attest::test
