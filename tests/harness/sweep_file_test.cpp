// Sweep files: axes and their ranges, and one table of everything that may be wrong with a file, each with the line and
// the key that the message must name.
#include "harness/sweep/sweep_file.hpp"

#include <boost/test/unit_test.hpp>

#include "harness/core/error.hpp"
#include "harness/sweep/axis.hpp"
#include "harness/sweep/models.hpp"
#include "harness/sweep/options.hpp"

namespace attest {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_sweep_file(text, "f.toml");
  } catch (const Error& error) {
    BOOST_TEST(static_cast<int>(error.code()) == 2);
    return error.what();
  }
  return "";
}

const std::string good = "[[sweep]]\nkernels = 'flash2/*'\nproblem = 'sq8'\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(sweep_file)

BOOST_AUTO_TEST_CASE(ranges_are_powers_of_two_or_steps) {
  const std::vector<std::string> powers{"128", "256", "512"};
  const std::vector<std::string> steps{"64", "160", "256"};
  BOOST_TEST(axis_values("pow2 7:9", "t") == powers, boost::test_tools::per_element());
  BOOST_TEST(axis_values("64:300:96", "t") == steps, boost::test_tools::per_element());
  BOOST_TEST(axis_values("4095,0", "t").front() == "4095,0");
  for (const char* wrong :
       {"pow2 9:7", "pow2 7", "pow2 1:40", "8:4:1", "1:4:0", "1:4", "a:b:c", "0:2000000000:1", ""}) {
    BOOST_CHECK_THROW(axis_values(wrong, "t"), Error);
  }
}

BOOST_AUTO_TEST_CASE(a_window_of_w_keys_counts_the_querys_own) {
  BOOST_TEST(axis_token("window", "256", "t") == "window=255,0");
  BOOST_TEST(axis_token("window", "128,128", "t") == "window=128,128");
  BOOST_TEST(axis_token("window", "full", "t") == "window=-1,-1");
  BOOST_CHECK_THROW(axis_token("window", "0", "t"), Error);
}

BOOST_AUTO_TEST_CASE(tokens_of_other_axes_are_problem_text) {
  BOOST_TEST(axis_token("hkv", "8", "t") == "hkv8");
  BOOST_TEST(axis_token("dtype", "bf16", "t") == "bf16");
  BOOST_TEST(axis_token("causal", "true", "t") == "causal");
  BOOST_TEST(axis_token("causal", "false", "t").empty());
  BOOST_TEST(axis_token("global", "16", "t") == "global=16");
  BOOST_TEST(axis_token("softcap", "50", "t") == "softcap=50");
  for (const auto& [name, value] :
       {std::pair{"sq", "many"}, {"sq", "0"}, {"causal", "1"}, {"dtype", "i64"}, {"dropout", "2"}, {"Bad Name", "1"}}) {
    BOOST_CHECK_THROW(axis_token(name, value, "t"), Error);
  }
}

BOOST_AUTO_TEST_CASE(axes_keep_the_order_of_the_file) {
  const SweepFile file = parse_sweep_file(good + "axes = { skv = [8, 16], b = [1, 2] }\ndtypes = ['f32']\n", "f.toml");
  const std::vector<Axis>& axes = file.tables.front().axes;
  BOOST_REQUIRE(axes.size() == 3U);
  BOOST_TEST(axes[2].name == "dtype");
  BOOST_TEST(axes[0].tokens.size() == 2U);
}

BOOST_AUTO_TEST_CASE(every_mistake_is_named_with_its_line_and_key) {
  struct Mistake {
    std::string text;
    std::string place;
    std::string word;
  };
  const std::vector<Mistake> mistakes{
      {"[[sweep]\n", "f.toml:1:", "expect"},
      {"", "f.toml", "no sweep"},
      {"speed = 3\n" + good, "f.toml:1: speed", "unknown"},
      {"sweep = 3\n", "f.toml:1: sweep", "[[sweep]]"},
      {good + "kernel = 'x'\n", "f.toml:4: kernel", "known are"},
      {"[[sweep]]\nproblem = 'sq8'\n", "f.toml:1: sweep", "kernels"},
      {"[[sweep]]\nkernels = 'flash9/*'\n", "f.toml:2: kernels", "flash9"},
      {"[[sweep]]\nkernels = 3\n", "f.toml:2: kernels", "text"},
      {"[[sweep]]\nkernels = []\n", "f.toml:2: kernels", "empty"},
      {good + "inputs = ['noise']\n", "f.toml:4: inputs", "noise"},
      {good + "backends = ['gpu']\n", "f.toml:4: backends", "gpu"},
      {good + "models = ['llama9']\n", "f.toml:4: models", "llama9"},
      {"[[sweep]]\nkernels = 'flash2'\nproblem = 'sq8 hq-1'\n", "f.toml:3: problem", "hq-1"},
      {"[[sweep]]\nkernels = 'flash2'\nproblem = 7\n", "f.toml:3: problem", "text"},
      {good + "axes = { sq = [] }\n", "f.toml:4: axes.sq", "empty"},
      {good + "axes = { sq = 'pow2 9:7' }\n", "f.toml:4: axes.sq", "range"},
      {good + "axes = { sq = [8, 'x'] }\n", "f.toml:4: axes.sq", "'x'"},
      {good + "axes = { sq = [[8]] }\n", "f.toml:4: axes.sq", "text"},
      {good + "axes = [1]\n", "f.toml:4: axes", "table"},
      {good + "dtypes = ['f33']\n", "f.toml:4: dtypes", "f33"},
      {good + "lengths = [8]\naxes = { sq = [8] }\n", "f.toml:", "before"},
      {good + "rounds = -1\n", "f.toml:4: rounds", "-1"},
      {good + "rounds = 'three'\n", "f.toml:4: rounds", "three"},
      {good + "min_samples = 3\n", "f.toml:4: min_samples", "6"},
      {good + "memory_limit = '8 apples'\n", "f.toml:4: memory_limit", "8GiB"},
      {good + "threads = [1, 0]\n", "f.toml:4: threads", "'0'"},
      {good + "zip = [['sq', 'hq']]\n", "f.toml:4: zip", "no axis"},
      {good + "axes = { sq = [8, 16], hq = [1] }\nzip = [['sq', 'hq']]\n", "f.toml:5: zip", "as many"},
      {good + "zip = ['sq']\n", "f.toml:4: zip", "lists"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string message = error_of(mistake.text);
    BOOST_TEST(message.starts_with(mistake.place), mistake.text << " gives: " << message);
    BOOST_TEST(message.find(mistake.word) != std::string::npos, mistake.text << " gives: " << message);
    BOOST_TEST(message.find('\n') == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(an_axis_can_be_replaced_in_every_table) {
  SweepFile file = parse_sweep_file(good + "axes = { sq = [8] }\n" + good, "f.toml");
  override_axis(file, "sq=pow2 3:5,100");
  BOOST_TEST(file.tables[0].axes[0].tokens.size() == 4U);
  BOOST_TEST(file.tables[1].axes[0].tokens.size() == 4U);
  override_axis(file, "window=full;255,0");
  BOOST_TEST(file.tables[0].axes[1].tokens.size() == 2U);
  for (const char* wrong : {"sq", "=8", "sq=", "sq=x"})
    BOOST_CHECK_THROW(override_axis(file, wrong), Error);
}

BOOST_AUTO_TEST_CASE(sizes_in_bytes_have_units) {
  BOOST_TEST(parse_bytes("8GiB", "t") == 8ULL << 30U);
  BOOST_TEST(parse_bytes("1.5 MiB", "t") == 3ULL << 19U);
  BOOST_TEST(parse_bytes("500MB", "t") == 500'000'000ULL);
  BOOST_TEST(parse_bytes("123", "t") == 123ULL);
  for (const char* wrong : {"", "GiB", "-1GiB", "1e30GiB", "8 gib", "nan"})
    BOOST_CHECK_THROW(parse_bytes(wrong, "t"), Error);
}

BOOST_AUTO_TEST_CASE(models_are_problems_and_give_the_published_cache_sizes) {
  BOOST_TEST(models().size() >= 15U);
  for (const Model& model : models()) {
    BOOST_TEST(!model.source.empty(), model.name);
    const Problem problem = model.problem.complete(model.name);
    BOOST_TEST((parse_problem(problem.text()) == problem), model.name);
  }
  BOOST_TEST(kv_bytes_per_token(find_model("llama2-7b"), DType::f16) == 512.0 * 1024);
  BOOST_TEST(kv_bytes_per_token(find_model("llama2-70b"), DType::f16) == 320.0 * 1024);
  BOOST_TEST(kv_bytes_per_token(find_model("llama3-8b"), DType::f16) == 128.0 * 1024);
  BOOST_CHECK_THROW(find_model("llama9"), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest
