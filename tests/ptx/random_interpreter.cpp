#include "tests/ptx/random_program.hpp"

// What a random program does, by definition: thread by thread, and together only where threads exchange values.

namespace attest::ptx {
namespace {

using Kind = Statement::Kind;

std::uint32_t apply(int operation, std::uint32_t a, std::uint32_t b) {
  switch (operation) {
    case 0:
      return a + b;
    case 1:
      return a - b;
    case 2:
      return a * b;
    case 3:
      return a ^ b;
    case 4:
      return a & b;
    case 5:
      return a | b;
    case 6:
      return a < b ? a : b;
    default:
      return static_cast<std::int32_t>(a) > static_cast<std::int32_t>(b) ? a : b;
  }
}

class Interpreter {
 public:
  explicit Interpreter(Values& values) : v(values) {}

  /// Threads that come out at the end.
  Threads block(const std::vector<Statement>& statements, Threads here) {
    for (const Statement& one : statements)
      here = execute(one, here);
    return here;
  }

 private:
  bool holds(const Condition& one, std::size_t t) const {
    switch (one.kind) {
      case Condition::Kind::less:
        return v[t][one.a] < v[t][one.b];
      case Condition::Kind::bit:
        return (v[t][one.a] >> one.mask & 1) != 0;
      case Condition::Kind::lanes:
        return (one.mask >> (t % 32) & 1) != 0;
      default:
        return (one.mask >> (t / 32) & 1) != 0;
    }
  }
  Threads those(const Condition& one, const Threads& here) const {
    Threads yes;
    for (std::size_t t = 0; t < program_threads; ++t)
      yes[t] = here[t] && holds(one, t);
    return yes;
  }

  Threads execute(const Statement& one, Threads here) {
    if (here.none()) return here;
    if (one.kind == Kind::branch) {
      const Threads yes = those(one.condition, here);
      const Threads after = block(one.first, yes);
      return after | block(one.second, here & ~yes);
    }
    if (one.kind == Kind::loop) return loop(one, here);
    if (one.kind == Kind::leave || one.kind == Kind::next) {
      const Threads going = those(one.condition, here);
      const std::size_t level = left_.size() - 1 - static_cast<std::size_t>(one.level);
      (one.kind == Kind::leave ? left_ : continued_)[level] |= going;
      return here & ~going;
    }
    const Values before = v;
    for (std::size_t t = 0; t < program_threads; ++t)
      if (here[t]) v[t][one.to] = result(one, before, here, t);
    return here;
  }

  std::uint32_t result(const Statement& one, const Values& before, const Threads& here, std::size_t t) const {
    const std::uint32_t a = before[t][one.a];
    const std::uint32_t b = before[t][one.b];
    const std::size_t warp = t / 32 * 32;
    const std::size_t lane = t % 32;
    switch (one.kind) {
      case Kind::arithmetic:
        return apply(one.operation, a, b) + one.constant;
      case Kind::wide: {
        const std::uint64_t product = std::uint64_t{a} * b;
        return static_cast<std::uint32_t>(product) ^ static_cast<std::uint32_t>(product >> 32);
      }
      case Kind::select:
        return chosen(one, before, t) ? b : before[t][one.to];
      case Kind::shuffle: {
        if (one.lanes != 0xffffffffu) return before[warp + static_cast<std::size_t>(__builtin_ctz(one.lanes))][one.a];
        const std::size_t by = one.constant;
        std::size_t from = lane;
        if (one.operation == 0) from = by;
        if (one.operation == 1 && lane >= by) from = lane - by;
        if (one.operation == 2 && lane + by < 32) from = lane + by;
        if (one.operation == 3) from = lane ^ by;
        return before[warp + from][one.a];
      }
      case Kind::ballot: {
        std::uint32_t votes = 0;
        for (std::size_t i = 0; i < 32; ++i)
          if (here[warp + i] && chosen(one, before, warp + i)) votes |= 1u << i;
        return votes;
      }
      case Kind::reduce: {
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < 32; ++i) {
          if (!here[warp + i]) continue;
          const std::uint32_t x = before[warp + i][one.a];
          sum = one.operation % 2 == 0 ? sum + x : x > sum ? x : sum;
        }
        return sum;
      }
      default:
        return before[(t + one.constant) % program_threads][one.a];
    }
  }

  /// A condition on the values as they were.
  bool chosen(const Statement& one, const Values& before, std::size_t t) const {
    const Condition& c = one.condition;
    return c.kind == Condition::Kind::less ? before[t][c.a] < before[t][c.b] : (before[t][c.a] >> c.mask & 1) != 0;
  }

  Threads loop(const Statement& one, Threads here) {
    std::vector<std::uint32_t> left(program_threads, one.constant);
    for (std::size_t t = 0; t < program_threads; ++t)
      if (one.of_value) left[t] = v[t][one.a] & 7;
    Threads after;
    left_.emplace_back();
    continued_.emplace_back();
    bool first = true;
    while (here.any()) {
      for (std::size_t t = 0; t < program_threads; ++t)
        if (here[t] && left[t] == 0 && (one.tested_first || !first)) {
          after[t] = true;
          here[t] = false;
        }
      first = false;
      continued_.back().reset();
      here = block(one.first, here);
      here |= continued_.back();
      for (std::size_t t = 0; t < program_threads; ++t)
        if (here[t] && left[t] > 0) --left[t];
    }
    after |= left_.back();
    left_.pop_back();
    continued_.pop_back();
    return after;
  }

  Values& v;
  std::vector<Threads> left_;
  std::vector<Threads> continued_;
};

}  // namespace

void interpret(const std::vector<Statement>& program, Values& values) {
  Threads all;
  all.set();
  Interpreter(values).block(program, all);
}

}  // namespace attest::ptx
