#include "harness/core/problem.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <set>

#include "harness/core/error.hpp"

namespace attest {
namespace {

constexpr std::int64_t greatest_size = std::int64_t{1} << 31;

constexpr std::string_view tokens_known =
    "known are b hq hkv sq skv d dv with a number, f32 f16 bf16 f64, causal, align= window= scale= softcap= dropout= "
    "seed= and a variant's own name=value";

template <class T>
bool read_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end && !text.empty();
}

struct SizeToken {
  std::string_view name;
  std::optional<std::int64_t> PartialProblem::*field;
};

// Longest names first, so that "hkv8" is not read as "h".
constexpr std::array<SizeToken, 7> size_tokens{{{"hkv", &PartialProblem::heads_kv},
                                                {"skv", &PartialProblem::seq_kv},
                                                {"hq", &PartialProblem::heads_q},
                                                {"sq", &PartialProblem::seq_q},
                                                {"dv", &PartialProblem::head_dim_v},
                                                {"b", &PartialProblem::batch},
                                                {"d", &PartialProblem::head_dim}}};

class Reader {
 public:
  Reader(std::string_view place) : place_(place) {}

  PartialProblem read(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
      if (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
        ++at;
        continue;
      }
      const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
      token(text.substr(at, end - at));
      at = end;
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(std::string_view token, std::string_view wrong, std::string_view right) const {
    complain(place_, fmt::format("token '{}' {}", token, wrong), right);
  }

  void once(std::string_view token, std::string_view name) {
    if (!seen_.insert(std::string(name)).second) refuse(token, "says again what was said before", "say it once");
  }

  void token(std::string_view token) {
    if (const std::size_t equals = token.find('='); equals != std::string_view::npos) {
      once(token, token.substr(0, equals));
      assignment(token, token.substr(0, equals), token.substr(equals + 1));
      return;
    }
    if (token == "causal") {
      once(token, token);
      result_.causal = true;
      return;
    }
    if (const auto type = floating_type(token)) {
      once(token, "type");
      result_.dtype = type;
      return;
    }
    for (const SizeToken& size : size_tokens) {
      if (!token.starts_with(size.name)) continue;
      const std::string_view digits = token.substr(size.name.size());
      if (digits.empty() || digits.find_first_not_of("-+0123456789") != std::string_view::npos) continue;
      std::int64_t value = 0;
      if (!read_number(digits, value) || value < 1 || value > greatest_size) {
        refuse(token, "is out of range", fmt::format("{} takes a whole number from 1 to 2147483648", size.name));
      }
      once(token, size.name);
      result_.*size.field = value;
      return;
    }
    refuse(token, "is unknown", tokens_known);
  }

  double finite(std::string_view token, std::string_view value, std::string_view right) const {
    double number = 0.0;
    if (!read_number(value, number) || !std::isfinite(number)) refuse(token, "has no such value", right);
    return number;
  }

  void assignment(std::string_view token, std::string_view name, std::string_view value) {
    if (name == "align") {
      result_.align = read_align(token, value);
    } else if (name == "window") {
      result_.window = read_window(token, value);
    } else if (name == "scale") {
      result_.scale = finite(token, value, "scale takes a finite number, as scale=0.125");
    } else if (name == "softcap") {
      const double softcap = finite(token, value, "softcap takes a number, 0 (off) or more, as softcap=50");
      if (softcap < 0.0) refuse(token, "is negative", "softcap takes 0 (off) or more");
      result_.softcap = softcap;
    } else if (name == "dropout") {
      const double dropout = finite(token, value, "dropout takes a probability, as dropout=0.1");
      if (!(dropout >= 0.0 && dropout < 1.0)) refuse(token, "is no probability", "dropout takes 0 <= p < 1");
      result_.dropout = dropout;
    } else if (name == "seed") {
      std::uint64_t seed = 0;
      if (!read_number(value, seed)) refuse(token, "has no such value", "seed takes a whole number, 0 or more");
      result_.seed = seed;
    } else {
      parameter(token, name, value);
    }
  }

  void parameter(std::string_view token, std::string_view name, std::string_view value) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_0123456789";
    const bool well_formed = !name.empty() && name.find_first_not_of(letters) == std::string_view::npos &&
                             !(name[0] >= '0' && name[0] <= '9') && !value.empty() &&
                             value.find_first_of("=\"'\\") == std::string_view::npos;
    if (!well_formed) refuse(token, "is malformed", "write name=value, the name in small letters");
    result_.parameters[std::string(name)] = std::string(value);
  }

  Align read_align(std::string_view token, std::string_view value) const {
    if (value == "top_left") return {.kind = Align::Kind::top_left, .value = 0};
    if (value == "bottom_right") return {.kind = Align::Kind::bottom_right, .value = 0};
    std::int64_t offset = 0;
    if (!read_number(value, offset) || offset < -greatest_size || offset > greatest_size) {
      refuse(token, "has no such value",
             "align takes top_left, bottom_right or a whole number of at most " + std::to_string(greatest_size));
    }
    return {.kind = Align::Kind::offset, .value = offset};
  }

  Window read_window(std::string_view token, std::string_view value) const {
    constexpr std::string_view right = "window takes L,R, each -1 (unbounded) or more, as window=255,0";
    const std::size_t comma = value.find(',');
    Window window;
    if (comma == std::string_view::npos || !read_number(value.substr(0, comma), window.left) ||
        !read_number(value.substr(comma + 1), window.right)) {
      refuse(token, "has no such value", right);
    }
    if (window.left < -1 || window.right < -1 || window.left > greatest_size || window.right > greatest_size) {
      refuse(token, "is out of range", right);
    }
    return window;
  }

  std::string_view place_;
  PartialProblem result_;
  std::set<std::string> seen_;
};

void check_overflow(const Problem& problem, std::string_view place) {
  const auto fits = [](std::initializer_list<std::int64_t> factors) {
    std::int64_t product = 8;  // the widest element
    for (const std::int64_t factor : factors) {
      if (__builtin_mul_overflow(product, factor, &product)) return false;
    }
    return true;
  };
  const Problem& p = problem;
  if (!fits({p.batch, p.heads_q, p.seq_q, std::max(p.head_dim, p.head_dim_v)}) ||
      !fits({p.batch, p.heads_kv, p.seq_kv, std::max(p.head_dim, p.head_dim_v)}) ||
      !fits({p.batch, p.heads_q, p.seq_q, p.seq_kv})) {
    complain(place, "the sizes overflow 63 bits", "choose smaller b, hq, sq, skv or d");
  }
}

}  // namespace

double Problem::effective_scale() const {
  return scale ? *scale : 1.0 / std::sqrt(static_cast<double>(head_dim));
}

std::int64_t Problem::offset(std::int64_t kv_length) const {
  switch (align.kind) {
    case Align::Kind::top_left:
      return 0;
    case Align::Kind::bottom_right:
      return kv_length - seq_q;
    case Align::Kind::offset:
      return align.value;
  }
  return 0;
}

std::int64_t Problem::parameter(std::string_view name, std::int64_t fallback) const {
  const auto found = parameters.find(std::string(name));
  if (found == parameters.end()) return fallback;
  std::int64_t value = 0;
  if (!read_number(std::string_view(found->second), value)) {
    complain("problem", fmt::format("parameter '{}={}' is no whole number", name, found->second),
             fmt::format("write {}=N", name));
  }
  return value;
}

double Problem::real_parameter(std::string_view name, double fallback) const {
  const auto found = parameters.find(std::string(name));
  if (found == parameters.end()) return fallback;
  double value = 0.0;
  if (!read_number(std::string_view(found->second), value) || !std::isfinite(value)) {
    complain("problem", fmt::format("parameter '{}={}' is no finite number", name, found->second),
             fmt::format("write {}=X", name));
  }
  return value;
}

std::string Problem::text_parameter(std::string_view name, std::string_view fallback) const {
  const auto found = parameters.find(std::string(name));
  return found == parameters.end() ? std::string(fallback) : found->second;
}

std::string Problem::text() const {
  std::string text = fmt::format("b{} hq{}", batch, heads_q);
  const auto append = [&text](std::string token) { text.append(" ").append(token); };
  if (heads_kv != heads_q) append(fmt::format("hkv{}", heads_kv));
  append(fmt::format("sq{}", seq_q));
  if (seq_kv != seq_q) append(fmt::format("skv{}", seq_kv));
  append(fmt::format("d{}", head_dim));
  if (head_dim_v != head_dim) append(fmt::format("dv{}", head_dim_v));
  append(std::string(name_of(dtype)));
  if (causal) append("causal");
  if (align.kind == Align::Kind::top_left) append("align=top_left");
  if (align.kind == Align::Kind::offset) append(fmt::format("align={}", align.value));
  if (has_window()) append(fmt::format("window={},{}", window.left, window.right));
  if (scale) append(fmt::format("scale={}", *scale));
  if (softcap != 0.0) append(fmt::format("softcap={}", softcap));
  if (dropout != 0.0) append(fmt::format("dropout={}", dropout));
  if (seed != 0) append(fmt::format("seed={}", seed));
  for (const auto& [name, value] : parameters)
    append(fmt::format("{}={}", name, value));
  return text;
}

void PartialProblem::override_with(const PartialProblem& over) {
  const auto take = [](auto& own, const auto& other) {
    if (other) own = other;
  };
  take(batch, over.batch);
  take(heads_q, over.heads_q);
  take(heads_kv, over.heads_kv);
  take(seq_q, over.seq_q);
  take(seq_kv, over.seq_kv);
  take(head_dim, over.head_dim);
  take(head_dim_v, over.head_dim_v);
  take(dtype, over.dtype);
  take(causal, over.causal);
  take(align, over.align);
  take(window, over.window);
  take(scale, over.scale);
  take(softcap, over.softcap);
  take(dropout, over.dropout);
  take(seed, over.seed);
  for (const auto& [name, value] : over.parameters)
    parameters[name] = value;
}

Problem PartialProblem::complete(std::string_view place) const {
  if (!seq_q) complain(place, "no query length is given", "add sq and a number, as sq128");
  Problem problem;
  problem.batch = batch.value_or(1);
  problem.heads_q = heads_q.value_or(1);
  problem.heads_kv = heads_kv.value_or(problem.heads_q);
  problem.seq_q = *seq_q;
  problem.seq_kv = seq_kv.value_or(problem.seq_q);
  problem.head_dim = head_dim.value_or(64);
  problem.dtype = dtype.value_or(DType::f32);
  problem.causal = causal.value_or(false);
  problem.align = align.value_or(Align{});
  problem.window = window.value_or(Window{});
  problem.scale = scale;
  problem.softcap = softcap.value_or(0.0);
  problem.dropout = dropout.value_or(0.0);
  problem.seed = seed.value_or(0);
  problem.parameters = parameters;
  if (parameters.contains("d_model")) {
    const std::int64_t d_model = problem.parameter("d_model", 0);
    if (d_model < 1 || d_model > greatest_size) {
      complain(place, fmt::format("d_model={} is out of range", d_model), "d_model is at least 1");
    }
    if (d_model % problem.heads_q != 0) {
      complain(place, fmt::format("hq{} does not divide d_model={}", problem.heads_q, d_model),
               "d_model must be a multiple of hq");
    }
    const std::int64_t expected = d_model / problem.heads_q;
    if (head_dim && *head_dim != expected) {
      complain(place, fmt::format("d{} disagrees with d_model={} and hq{}", *head_dim, d_model, problem.heads_q),
               fmt::format("leave d out or write d{}", expected));
    }
    problem.head_dim = expected;
  }
  problem.head_dim_v = head_dim_v.value_or(problem.head_dim);
  if (problem.heads_q % problem.heads_kv != 0) {
    complain(place, fmt::format("hq{} is not a multiple of hkv{}", problem.heads_q, problem.heads_kv),
             "each key head serves hq/hkv query heads, so hkv must divide hq");
  }
  check_overflow(problem, place);
  return problem;
}

PartialProblem parse_partial_problem(std::string_view text, std::string_view place) {
  return Reader(place).read(text);
}

Problem parse_problem(std::string_view text, std::string_view place) {
  return parse_partial_problem(text, place).complete(place);
}

}  // namespace attest
