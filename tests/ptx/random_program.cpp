#include "tests/ptx/random_program.hpp"

#include <array>
#include <fmt/format.h>

namespace attest::ptx {
namespace {

using Kind = Statement::Kind;

/// Draws statements. `lanes`: the lanes of a warp that are known to be here, 0 where that depends on values; `loops`:
/// how many of the innermost loops may be left from here.
class Author {
 public:
  explicit Author(std::uint64_t seed) : random_(seed) {}

  std::vector<Statement> block(int depth, std::uint32_t lanes, bool whole_block, int loops) {
    std::vector<Statement> statements;
    const std::size_t count = 1 + draw(5);
    for (std::size_t i = 0; i < count; ++i)
      statements.push_back(statement(depth, lanes, whole_block, loops));
    return statements;
  }

 private:
  std::uint32_t draw(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  std::size_t value() { return draw(program_values); }

  Statement statement(int depth, std::uint32_t lanes, bool whole_block, int loops) {
    Statement one;
    one.to = value();
    one.a = value();
    one.b = value();
    one.constant = draw(2) == 0 ? draw(9) : static_cast<std::uint32_t>(random_());
    const std::uint32_t choice = draw(20);
    if (choice < 4 && depth < 4) return branch(one, depth, lanes, loops);
    if (choice < 7 && depth < 4) return loop(one, depth, lanes, whole_block, loops);
    if (choice < 9 && loops > 0) {
      // Who leaves a loop depends on values, so no lanes are known after it: the loop was drawn so.
      one.kind = draw(3) == 0 ? Kind::next : Kind::leave;
      one.level = static_cast<int>(draw(static_cast<std::uint32_t>(loops)));
      one.condition = of_values();
      return one;
    }
    if (choice < 14 && lanes != 0) return meeting(one, lanes, whole_block);
    one.kind = choice < 16 ? Kind::wide : choice < 17 ? Kind::select : Kind::arithmetic;
    one.operation = static_cast<int>(draw(8));
    one.condition = of_values();
    return one;
  }

  Condition of_values() {
    Condition condition{
        .kind = draw(2) == 0 ? Condition::Kind::less : Condition::Kind::bit, .a = value(), .b = value()};
    condition.mask = draw(32);
    return condition;
  }

  Statement branch(Statement one, int depth, std::uint32_t lanes, int loops) {
    one.kind = Kind::branch;
    one.out_of_line = draw(2) == 0;
    const std::uint32_t choice = draw(4);
    if (lanes != 0 && choice == 0) {
      one.condition = {.kind = Condition::Kind::lanes, .mask = static_cast<std::uint32_t>(random_())};
      one.first = block(depth + 1, lanes & one.condition.mask, false, loops);
      one.second = block(depth + 1, lanes & ~one.condition.mask, false, loops);
    } else if (choice == 1) {
      one.condition = {.kind = Condition::Kind::warps, .mask = draw(8)};
      one.first = block(depth + 1, lanes, false, loops);
      one.second = block(depth + 1, lanes, false, loops);
    } else {
      one.condition = of_values();
      one.first = block(depth + 1, 0, false, loops);
      if (draw(2) == 0) one.second = block(depth + 1, 0, false, loops);
    }
    return one;
  }

  Statement loop(Statement one, int depth, std::uint32_t lanes, bool whole_block, int loops) {
    one.kind = Kind::loop;
    one.of_value = lanes == 0 || draw(3) != 0;
    one.tested_first = draw(2) == 0;
    one.constant = 1 + draw(4);
    // A loop that all lanes go through equally often may hold meetings, but no way out of it.
    one.first = one.of_value ? block(depth + 1, 0, false, loops + 1) : block(depth + 1, lanes, whole_block, 0);
    return one;
  }

  Statement meeting(Statement one, std::uint32_t lanes, bool whole_block) {
    one.lanes = lanes;
    const std::uint32_t choice = draw(whole_block ? 4 : 3);
    one.kind = choice == 0 ? Kind::shuffle : choice == 1 ? Kind::ballot : choice == 2 ? Kind::reduce : Kind::exchange;
    one.condition = of_values();
    one.operation = static_cast<int>(draw(4));
    one.constant = 1 + draw(31);
    return one;
  }

  std::mt19937_64 random_;
};

const char* const operations[] = {"add.u32", "sub.u32", "mul.lo.u32", "xor.b32",
                                  "and.b32", "or.b32",  "min.u32",    "max.s32"};

/// Writes PTX. Every temporary has a name of its own, so that allocation is put to the test too.
class Writer {
 public:
  std::string entry(const std::vector<Statement>& program) {
    block(program, body_);
    std::string text = ".visible .entry k(.param .u64 k_param_0)\n{\n.shared .align 4 .b8 board[" +
                       std::to_string(program_threads * 4) + "];\n";
    text += fmt::format(".reg .pred %p<{}>;\n.reg .b32 %t<{}>, %v<{}>, %tid, %lane, %warp;\n.reg .b64 %w<{}>, %at;\n",
                        predicates_ + 1, temporaries_ + 1, program_values, wides_ + 1);
    text +=
        "ld.param.u64 %at, [k_param_0];\nmov.u32 %tid, %tid.x;\nand.b32 %lane, %tid, 31;\nshr.u32 %warp, %tid, 5;\n";
    text += fmt::format("mad.wide.u32 %at, %tid, {}, %at;\n", program_values * 4);
    // Every block has values of its own.
    text += fmt::format("mov.u32 %lane, %ctaid.x;\nmad.wide.u32 %at, %lane, {}, %at;\nand.b32 %lane, %tid, 31;\n",
                        program_threads * program_values * 4);
    for (std::size_t k = 0; k < program_values; ++k)
      text += fmt::format("ld.global.u32 %v{}, [%at+{}];\n", k, 4 * k);
    text += body_;
    for (std::size_t k = 0; k < program_values; ++k)
      text += fmt::format("st.global.u32 [%at+{}], %v{};\n", 4 * k, k);
    return text + "ret;\n" + behind_ + "}\n";
  }

 private:
  std::string predicate() { return fmt::format("%p{}", ++predicates_); }
  std::string temporary() { return fmt::format("%t{}", ++temporaries_); }
  std::string label() { return fmt::format("L{}", ++labels_); }

  void block(const std::vector<Statement>& statements, std::string& out) {
    for (const Statement& one : statements)
      write(one, out);
  }

  std::string condition(const Condition& one, std::string& out) {
    const std::string p = predicate();
    if (one.kind == Condition::Kind::less) {
      out += fmt::format("setp.lt.u32 {}, %v{}, %v{};\n", p, one.a, one.b);
      return p;
    }
    const std::string t = temporary();
    if (one.kind == Condition::Kind::bit)
      out += fmt::format("shr.u32 {}, %v{}, {};\n", t, one.a, one.mask);
    else
      out += fmt::format("shr.u32 {}, {}, {};\n", t, one.mask, one.kind == Condition::Kind::lanes ? "%lane" : "%warp");
    out += fmt::format("and.b32 {0}, {0}, 1;\nsetp.ne.s32 {1}, {0}, 0;\n", t, p);
    return p;
  }

  void write(const Statement& one, std::string& out) {
    const std::string to = fmt::format("%v{}", one.to);
    const std::string a = fmt::format("%v{}", one.a);
    const std::string b = fmt::format("%v{}", one.b);
    switch (one.kind) {
      case Kind::arithmetic: {
        const std::string t = temporary();
        out += fmt::format("{} {}, {}, {};\nadd.s32 {}, {}, {};\n", operations[one.operation], t, a, b, to, t,
                           static_cast<std::int32_t>(one.constant));
        break;
      }
      case Kind::wide: {
        const std::string w = fmt::format("%w{}", ++wides_);
        const std::string low = temporary();
        const std::string high = temporary();
        out += fmt::format("mul.wide.u32 {0}, {1}, {2};\nmov.b64 {{{3}, {4}}}, {0};\nxor.b32 {5}, {3}, {4};\n", w, a, b,
                           low, high, to);
        break;
      }
      case Kind::select:
        out += fmt::format("@{} mov.u32 {}, {};\n", condition(one.condition, out), to, b);
        break;
      case Kind::branch:
        write_branch(one, out);
        break;
      case Kind::loop:
        write_loop(one, out);
        break;
      case Kind::leave:
      case Kind::next: {
        const Loop& loop = loops_[loops_.size() - 1 - static_cast<std::size_t>(one.level)];
        out +=
            fmt::format("@{} bra {};\n", condition(one.condition, out), one.kind == Kind::leave ? loop.end : loop.next);
        break;
      }
      case Kind::shuffle: {
        const auto from = static_cast<std::uint32_t>(__builtin_ctz(one.lanes));
        const bool all = one.lanes == 0xffffffffu;
        const char* const modes[] = {"idx", "up", "down", "bfly"};
        const int mode = all ? one.operation : 0;
        out += fmt::format("shfl.sync.{}.b32 {}, {}, {}, {}, {};\n", modes[mode], to, a, all ? one.constant : from,
                           mode == 1 ? 0 : 31, one.lanes);
        break;
      }
      case Kind::ballot:
        out += fmt::format("vote.sync.ballot.b32 {}, {}, {};\n", to, condition(one.condition, out), one.lanes);
        break;
      case Kind::reduce:
        out += fmt::format("redux.sync.{}.u32 {}, {}, {};\n", one.operation % 2 == 0 ? "add" : "max", to, a, one.lanes);
        break;
      case Kind::exchange: {
        const std::string mine = temporary();
        const std::string other = temporary();
        out += fmt::format(
            "mov.u32 {0}, board;\nmad.lo.u32 {0}, %tid, 4, {0};\nst.shared.u32 [{0}], {1};\nbar.sync 0;\n", mine, a);
        out += fmt::format(
            "add.u32 {0}, %tid, {1};\nrem.u32 {0}, {0}, {2};\nmov.u32 {3}, board;\nmad.lo.u32 {0}, {0}, 4, {3};\n",
            other, one.constant, program_threads, mine);
        out += fmt::format("ld.shared.u32 {}, [{}];\nbar.sync 0;\n", to, other);
        break;
      }
    }
  }

  void write_branch(const Statement& one, std::string& out) {
    const std::string p = condition(one.condition, out);
    const std::string start = label();
    const std::string end = label();
    if (one.out_of_line) {
      out += fmt::format("@{} bra {};\n", p, start);
      block(one.second, out);
      out += end + ":\n";
      std::string part = start + ":\n";
      block(one.first, part);
      behind_ += part + fmt::format("bra.uni {};\n", end);
      return;
    }
    out += fmt::format("@!{} bra {};\n", p, start);
    block(one.first, out);
    out += fmt::format("bra.uni {};\n{}:\n", end, start);
    block(one.second, out);
    out += end + ":\n";
  }

  void write_loop(const Statement& one, std::string& out) {
    const std::string left = temporary();
    const Loop loop{label(), label()};
    const std::string start = label();
    // At least once where the test comes last.
    if (one.of_value)
      out += fmt::format("and.b32 {}, %v{}, 7;\n", left, one.a);
    else
      out += fmt::format("mov.u32 {}, {};\n", left, one.constant);
    const std::string p = predicate();
    const std::string body = start + "B";
    out += start + ":\n";
    if (one.tested_first) out += fmt::format("setp.eq.u32 {}, {}, 0;\n@{} bra {};\n", p, left, p, loop.end);
    out += body + ":\n";
    loops_.push_back(loop);
    block(one.first, out);
    loops_.pop_back();
    out += loop.next + ":\n";
    if (one.tested_first)
      out += fmt::format("sub.u32 {0}, {0}, 1;\nbra.uni {1};\n", left, start);
    else
      out += fmt::format("setp.gt.u32 {0}, {1}, 1;\nsub.u32 {1}, {1}, 1;\n@{0} bra {2};\n", p, left, start);
    out += loop.end + ":\n";
  }

  struct Loop {
    std::string end;
    std::string next;
  };
  std::string body_;
  std::string behind_;
  std::vector<Loop> loops_;
  int predicates_ = 0;
  int temporaries_ = 0;
  int wides_ = 0;
  int labels_ = 0;
};

}  // namespace

std::vector<Statement> random_program(std::uint64_t seed) {
  Author author(seed);
  std::vector<Statement> program;
  for (int part = 0; part < 4; ++part) {
    std::vector<Statement> more = author.block(0, 0xffffffffu, true, 0);
    program.insert(program.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return program;
}

std::string program_text(const std::vector<Statement>& program) {
  return Writer().entry(program);
}

}  // namespace attest::ptx
