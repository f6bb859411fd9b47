#include "tests/contract/planted.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

#include "variants/common/cuda/attention_params.hpp"
#include "variants/common/cuda/mma_shape.hpp"

namespace attest::planted {
namespace {

using Shape = cuda::MmaShapeFor<Setup::dim>;

double from_bfloat(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return static_cast<double>(value);
}

std::vector<std::uint16_t> random_tensor(std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<std::uint16_t> values(static_cast<std::size_t>(Setup::heads * Setup::seq * Setup::dim));
  for (std::uint16_t& value : values) {
    const float drawn = normal(random);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &drawn, sizeof bits);
    value = static_cast<std::uint16_t>(bits >> 16);  // cut off: any bf16 value will do
  }
  return values;
}

std::vector<double> attention(const Setup& s) {
  std::vector<double> out(s.q.size());
  const auto at = [](int head, int row, int column) {
    return static_cast<std::size_t>((head * Setup::seq + row) * Setup::dim + column);
  };
  for (int head = 0; head < Setup::heads; ++head)
    for (int row = 0; row < Setup::seq; ++row) {
      std::vector<double> weights(Setup::seq);
      double sum = 0.0;
      for (int key = 0; key < Setup::seq; ++key) {
        double score = 0.0;
        for (int c = 0; c < Setup::dim; ++c)
          score += from_bfloat(s.q[at(head, row, c)]) * from_bfloat(s.k[at(head, key, c)]);
        weights[static_cast<std::size_t>(key)] =
            std::exp(score / std::sqrt(Setup::dim));  // of a size that cannot overflow
        sum += weights[static_cast<std::size_t>(key)];
      }
      for (int c = 0; c < Setup::dim; ++c) {
        double value = 0.0;
        for (int key = 0; key < Setup::seq; ++key)
          value += weights[static_cast<std::size_t>(key)] * from_bfloat(s.v[at(head, key, c)]);
        out[at(head, row, c)] = value / sum;
      }
    }
  return out;
}

template <class T>
std::uint64_t put(emulator::GlobalMemory& memory, const std::vector<T>& values) {
  const std::uint64_t address = memory.allocate(values.size() * sizeof(T));
  BOOST_REQUIRE(memory.write(address, values.data(), values.size() * sizeof(T)));
  return address;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

const char* const compiled_entry = "planted_mma";

const Setup& setup() {
  static const Setup made = [] {
    std::mt19937_64 random(2024);
    Setup s;
    s.q = random_tensor(random);
    s.k = random_tensor(random);
    s.v = random_tensor(random);
    s.out = attention(s);
    return s;
  }();
  return made;
}

bool Outcome::found(emulator::FaultKind kind) const {
  if (result.fault && result.fault->kind == kind) return true;
  for (const emulator::Finding& finding : result.findings)
    if (finding.kind == kind) return true;
  return false;
}

std::string Outcome::described() const {
  std::string text = "error " + std::to_string(error);
  if (result.fault) text += "; " + result.fault->message();
  for (const emulator::Finding& finding : result.findings)
    text += "; " + finding.message();
  return text;
}

Outcome run(const std::string& ptx, const std::string& entry, std::uint64_t seed) {
  const Setup& s = setup();
  emulator::GlobalMemory memory;
  const emulator::Module module(ptx, "planted.ptx", memory);
  cuda::AttentionParams params;
  params.heads_q = params.heads_kv = Setup::heads;
  params.seq_q = params.seq_kv = Setup::seq;
  params.head_dim = params.head_dim_v = Setup::dim;
  params.raw_scores = 1;
  params.exponent_scale = static_cast<float>(1.0 / std::log(2.0) / std::sqrt(Setup::dim));
  const std::uint64_t out = memory.allocate(s.out.size() * 2);
  const std::uint64_t pointers[] = {
      put(memory, s.q),
      put(memory, s.k),
      put(memory, s.v),
      0,
      0,
      0,
      out,
      memory.allocate(static_cast<std::size_t>(Setup::heads * Setup::seq) * sizeof(float))};
  const emulator::EntryInfo& info = module.entry(entry);
  std::vector<std::byte> block(info.parameter_bytes);
  std::memcpy(block.data(), &params, sizeof params);
  for (std::size_t k = 0; k < std::size(pointers); ++k)
    std::memcpy(block.data() + info.parameter_offsets.at(k + 1), &pointers[k], sizeof pointers[k]);
  constexpr auto row_blocks = static_cast<std::uint32_t>((Setup::seq + Shape::rows - 1) / Shape::rows);
  Outcome outcome;
  outcome.result = module.launch(entry, {row_blocks, Setup::heads, 1}, {Shape::threads, 1, 1}, Shape::shared_bytes,
                                 block, {.threads = 1, .instruction_budget = 20'000'000, .warp_order_seed = seed});
  std::vector<std::uint16_t> got(s.out.size());
  BOOST_REQUIRE(memory.read(out, got.data(), got.size() * 2));
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += std::pow(from_bfloat(got[i]) - s.out[i], 2);
    norm += s.out[i] * s.out[i];
  }
  outcome.error = std::sqrt(difference / norm);
  return outcome;
}

std::string only_entry(const std::string& ptx, const std::string& entry) {
  const std::size_t first = ptx.find(".visible .entry ");
  const std::size_t start = ptx.find(".visible .entry " + entry + "(");
  BOOST_REQUIRE_MESSAGE(start != std::string::npos, "no entry " << entry);
  const std::size_t end = ptx.find("\n}\n", start) + 3;
  // The table of file names stands at the end.
  std::string files;
  for (std::size_t at = ptx.find("\n\t.file\t", end); at != std::string::npos; at = ptx.find("\n\t.file\t", at + 1))
    files += ptx.substr(at, ptx.find('\n', at + 1) - at);
  return ptx.substr(0, first) + ptx.substr(start, end - start) + files + "\n";
}

std::vector<Found> instructions(const std::string& ptx, const std::string& opcode) {
  std::vector<Found> all;
  for (std::size_t at = ptx.find("\t" + opcode); at != std::string::npos; at = ptx.find("\t" + opcode, at + 1))
    all.push_back({at + 1, ptx.find(';', at) - at});
  return all;
}

std::string with_changed(const std::string& ptx, const std::string& opcode, std::size_t index,
                         const std::function<std::string(std::string)>& change) {
  const Found one = instructions(ptx, opcode).at(index);
  std::string changed = ptx;
  changed.replace(one.start, one.length, change(ptx.substr(one.start, one.length)));
  return changed;
}

std::string compile_with(const std::string& header, const std::vector<std::pair<std::string, std::string>>& changes) {
  namespace fs = std::filesystem;
  const fs::path source = ATTEST_SOURCE_DIR;
  const fs::path folder = fs::temp_directory_path() / ("attest_planted_" + std::to_string(getpid()));
  fs::create_directories((folder / header).parent_path());
  std::string text = read_file(source / header);
  for (const auto& [from, to] : changes) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error(header + " no longer holds '" + from + "'");
    text.replace(at, from.size(), to);
  }
  std::ofstream(folder / header) << text;
  std::ofstream(folder / "planted.cu")
      << "#include \"variants/common/cuda/mma_attention.cuh\"\nusing namespace attest::cuda;\n"
         "extern \"C\" __global__ void __launch_bounds__(128) planted_mma(AttentionParams p, const BFloat16* q, const "
         "BFloat16* k,\n"
         "  const BFloat16* v, const std::uint8_t*, const float*, const std::int64_t* kv_lengths, BFloat16* out, "
         "float* lse) {\n"
         "  extern __shared__ __align__(1024) unsigned char memory[];\n"
         "  MmaAttention<BFloat16, MmaShapeFor<64>, false, NoPairs>(p, {q, k, v, kv_lengths, out, lse}, NoPairs{}, "
         "memory).run();\n"
         "}\n";
  // The folder stands before the source's: its header is taken instead of the source's.
  const std::string command = std::string(ATTEST_NVCC) + " -ptx -arch=sm_80 -O3 --generate-line-info -std=c++17 -I" +
                              folder.string() + " -I" + source.string() + " -o " + (folder / "planted.ptx").string() +
                              " " + (folder / "planted.cu").string() + " 2> " + (folder / "said").string();
  const int status = std::system(command.c_str());
  const std::string said = read_file(folder / "said");
  std::string ptx = read_file(folder / "planted.ptx");
  fs::remove_all(folder);
  if (status != 0) throw std::runtime_error(command + ": " + said);
  return ptx;
}

}  // namespace attest::planted
