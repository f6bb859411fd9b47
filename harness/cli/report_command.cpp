#include <fmt/format.h>

#include "harness/cli/commands.hpp"
#include "harness/store/store.hpp"
#include "harness/sweep/models.hpp"
#include "reports/build.hpp"
#include "reports/verifier_table.hpp"
#include "reports/write.hpp"

namespace attest {
namespace {

CacheModel cache_model_of(const Model& model) {
  const Problem problem = model.problem.complete(model.name);
  CacheModel cache;
  cache.name = model.name;
  cache.layers = model.layers;
  cache.heads_q = problem.heads_q;
  cache.heads_kv = problem.heads_kv;
  cache.head_dim = problem.head_dim;
  cache.length = model.length;
  if (problem.window.left >= 0)
    cache.window_keys = problem.window.left + 1 + std::max<std::int64_t>(0, problem.window.right);
  cache.window_layers = model.window_layers;
  cache.note = model.note;
  cache.source = model.source;
  return cache;
}

}  // namespace

ExitCode report_command(const CommonOptions&, const ReportOptions& options) {
  const Store store = Store::open_existing(options.store);
  ReportInput input;
  if (!options.title.empty()) input.title = options.title;
  input.cells = store.cells();
  input.runs = store.runs();
  input.base = options.base;
  if (input.cells.empty()) {
    complain(options.store, "holds no cell", "run attest sweep FILE.toml --store " + options.store + " first");
  }
  for (const Model& model : models()) {
    // Encoders keep no cache.
    if (model.problem.causal.value_or(false)) input.models.push_back(cache_model_of(model));
  }
  if (options.verifier) input.verifier_table = embedded_verifier_table;
  WriteOptions write;
  if (!options.formats.empty()) {
    write.formats.clear();
    std::size_t begin = 0;
    while (begin <= options.formats.size()) {
      const std::size_t comma = std::min(options.formats.find(',', begin), options.formats.size());
      write.formats.push_back(options.formats.substr(begin, comma - begin));
      begin = comma + 1;
    }
  }
  const WrittenReport written = write_report(build_report(input), options.out, write);
  if (!written.figure_problem.empty()) fmt::print(stderr, "attest: figures: {}\n", written.figure_problem);
  for (const std::filesystem::path& path : written.files)
    fmt::print("{}\n", path.string());
  return ExitCode::passed;
}

ExitCode merge_command(const CommonOptions&, const MergeOptions& options) {
  for (const std::string& path : options.in)
    Store::open_existing(path);  // all are looked at before anything is written
  Store out = Store::open(options.out);
  for (const std::string& path : options.in)
    fmt::print("{}: {} cells added\n", path, out.merge_from(path));
  fmt::print("{}: {} cells\n", options.out, out.cells().size());
  return ExitCode::passed;
}

}  // namespace attest
