#include <fmt/format.h>
#include <limits>

#include "harness/backends/emulator/parser.hpp"

// Bodies: scopes, labels, declarations, instructions and their operands.
namespace attest::emulator {
namespace {

constexpr int deepest_scope = 256;

bool is_register_component(std::string_view text) {
  return text.size() == 1 && std::string_view("xyzwrgba").find(text.front()) != std::string_view::npos;
}

}  // namespace

void Parser::read_body(SyntaxFunction& function) {
  using Kind = SyntaxStatement::Kind;
  location_ = {};
  const int first = lexer_.peek().line;
  lexer_.expect('{', fmt::format("of the body of {}", shown(function.name)));
  for (int depth = 1; depth != 0;) {
    const Token& token = lexer_.peek();
    const int line = token.line;
    switch (token.kind) {
      case TokenKind::dotted:
        read_body_directive(function);
        continue;
      case TokenKind::word: {
        const Token word = lexer_.next();
        if (!lexer_.accept(':')) {
          read_instruction(function, word);
        } else if (lexer_.peek().kind == TokenKind::dotted) {
          read_label_directive(function, word.text);
        } else {
          function.statements.push_back({.kind = Kind::label, .line = line, .label = word.text, .targets = {}});
        }
        continue;
      }
      case TokenKind::end:
        lexer_.fail(line, fmt::format("the text ends in the body of '{}' that begins in line {}; expected '}}'",
                                      shown(function.name), first));
      default:
        break;
    }
    if (lexer_.at('@')) {
      read_instruction(function, lexer_.next());
    } else if (lexer_.accept('{')) {
      if (++depth > deepest_scope)
        lexer_.fail(line, fmt::format("more than {} scopes inside each other", deepest_scope));
      function.statements.push_back({.kind = Kind::open_scope, .line = line, .label = {}, .targets = {}});
    } else if (lexer_.accept('}')) {
      if (--depth != 0)
        function.statements.push_back({.kind = Kind::close_scope, .line = line, .label = {}, .targets = {}});
    } else {
      lexer_.fail_expected("an instruction, a label, a declaration or '}'");
    }
  }
}

void Parser::read_body_directive(SyntaxFunction& function) {
  const Token directive = lexer_.next();
  Space space = Space::reg;
  if (directive.text == "loc") return read_location();
  if (directive.text == "pragma") return skip_pragma();
  if (directive.text == "local") {
    space = Space::local;
  } else if (directive.text == "shared") {
    space = Space::shared;
  } else if (directive.text == "param") {
    space = Space::param;
  } else if (directive.text == "global") {
    space = Space::global;
  } else if (directive.text == "const") {
    space = Space::constant;
  } else if (directive.text != "reg") {
    lexer_.fail(directive.line,
                fmt::format("unknown directive '.{}' in the body of '{}'; expected .reg, .local, .shared, "
                            ".param, .loc or .pragma",
                            shown(directive.text), shown(function.name)));
  }
  auto index = static_cast<std::uint32_t>(function.variables.size());
  read_variables(space, false, function.variables);
  for (; index < function.variables.size(); ++index)
    function.statements.push_back(
        {.kind = SyntaxStatement::Kind::variable, .index = index, .line = directive.line, .label = {}, .targets = {}});
}

// `name: .branchtargets a, b;`, `.calltargets`, and `.callprototype (.param .b32 _) _ (.param .b32 _) [.noreturn];`
void Parser::read_label_directive(SyntaxFunction& function, std::string_view label) {
  const Token& ahead = lexer_.peek();
  SyntaxStatement statement{.kind = SyntaxStatement::Kind::label, .line = ahead.line, .label = label, .targets = {}};
  if (ahead.text == "callprototype") {
    lexer_.next();
    statement.kind = SyntaxStatement::Kind::call_prototype;
    statement.index = static_cast<std::uint32_t>(function.prototypes.size());
    SyntaxPrototype prototype;
    if (lexer_.at('(')) prototype.returns = read_parameters("the prototype's results");
    if (lexer_.expect_word("'_' in the place of the function's name") != "_")
      lexer_.fail(statement.line, "the prototype names a function; expected '_'");
    if (lexer_.at('(')) prototype.parameters = read_parameters(label);
    lexer_.accept_dotted("noreturn");
    lexer_.expect(';', "after the prototype");
    function.prototypes.push_back(std::move(prototype));
  } else if (ahead.text == "branchtargets" || ahead.text == "calltargets") {
    statement.kind =
        ahead.text == "branchtargets" ? SyntaxStatement::Kind::branch_targets : SyntaxStatement::Kind::call_targets;
    lexer_.next();
    do {
      statement.targets.push_back(lexer_.expect_word("the name of a target"));
    } while (lexer_.accept(','));
    lexer_.expect(';', "after the targets");
  }
  function.statements.push_back(std::move(statement));
}

// .loc file line column [, function_name label [+ offset], inlined_at file line column]
void Parser::read_location() {
  const auto read_place = [this](int& file, int& line) {
    const int at = lexer_.peek().line;
    file = static_cast<int>(lexer_.expect_integer("the file of .loc", 0, count_limit));
    line = static_cast<int>(lexer_.expect_integer("the line of .loc", 0, std::numeric_limits<int>::max()));
    lexer_.expect_integer("the column of .loc", 0, std::numeric_limits<int>::max());
    if (file > highest_file_) {
      highest_file_ = file;
      highest_file_at_ = at;
    }
  };
  Location location;
  read_place(location.file, location.line);
  while (lexer_.accept(',')) {
    const Token attribute = lexer_.next();
    if (attribute.text == "function_name") {
      lexer_.expect_word("the label of function_name");
      if (lexer_.accept('+')) lexer_.expect_integer("the offset of function_name", 0, std::int64_t{1} << 40);
    } else if (attribute.text == "inlined_at") {
      read_place(location.caller_file, location.caller_line);
    } else {
      lexer_.fail(attribute.line,
                  fmt::format("found '{}' in .loc; expected function_name or inlined_at", shown(attribute.text)));
    }
  }
  location_ = location;
}

// `first` is the opcode, or the '@' of a guard.
void Parser::read_instruction(SyntaxFunction& function, const Token& first) {
  SyntaxInstruction instruction;
  instruction.line = first.line;
  instruction.source_file = location_.file;
  instruction.source_line = location_.line;
  instruction.caller_file = location_.caller_file;
  instruction.caller_line = location_.caller_line;
  std::string_view opcode = first.text;
  if (first.kind == TokenKind::symbol) {
    instruction.guard_negated = lexer_.accept('!');
    instruction.guard = lexer_.expect_word("the predicate of the guard");
    instruction.line = lexer_.peek().line;
    opcode = lexer_.expect_word("an instruction after its guard");
  }
  if (opcode.front() < 'a' || opcode.front() > 'z')
    lexer_.fail(instruction.line, fmt::format("found '{}'; expected an instruction, a label or '}}'", shown(opcode)));
  instruction.opcode = opcode;
  modifiers_.clear();
  const char* form_end = opcode.data() + opcode.size();
  for (; lexer_.peek().kind == TokenKind::dotted; lexer_.next()) {
    modifiers_.push_back(lexer_.peek().text);
    form_end = modifiers_.back().data() + modifiers_.back().size();
  }
  instruction.form = {opcode.data(), static_cast<std::size_t>(form_end - opcode.data())};
  instruction.modifiers.assign(modifiers_.begin(), modifiers_.end());

  operands_.clear();
  if (!lexer_.at(';')) {
    do {
      operands_.push_back(read_operand());
    } while (lexer_.accept(','));
  }
  if (!lexer_.accept(';')) {
    // The usual mistake is a missing ';', found at the next line's first word: name the line that lacks it.
    const Token& found = lexer_.peek();
    if (found.line != instruction.line)
      lexer_.fail(instruction.line,
                  fmt::format("'{}' has no end; expected ';' after its operands", shown(instruction.form)));
    lexer_.fail_expected(fmt::format("',' or ';' after an operand of {}", shown(instruction.form)));
  }
  instruction.operands.reserve(operands_.size());
  for (SyntaxOperand& operand : operands_)
    instruction.operands.push_back(std::move(operand));
  function.statements.push_back({.kind = SyntaxStatement::Kind::instruction,
                                 .index = static_cast<std::uint32_t>(function.instructions.size()),
                                 .line = instruction.line,
                                 .label = {},
                                 .targets = {}});
  function.instructions.push_back(std::move(instruction));
}

SyntaxOperand Parser::read_operand() {
  if (lexer_.at('[')) return read_address();
  if (lexer_.at('{')) return read_group('{', '}');
  if (lexer_.at('(')) return read_group('(', ')');
  SyntaxOperand operand = read_simple_operand();
  if (!lexer_.accept('|')) return operand;
  SyntaxOperand pair;
  pair.kind = OperandKind::pair;
  pair.elements.reserve(2);
  pair.elements.push_back(std::move(operand));
  pair.elements.push_back(read_simple_operand());
  return pair;
}

// A name, a number or a sink, with its sign or '!'.
SyntaxOperand Parser::read_simple_operand() {
  SyntaxOperand operand;
  const bool negated = lexer_.accept('!');
  const bool minus = !negated && lexer_.accept('-');
  if (lexer_.peek().kind == TokenKind::word) {
    operand = read_named_operand(lexer_.next());
    operand.negated = negated || minus;
    if (operand.negated && operand.kind != OperandKind::name) lexer_.fail_expected("a register after '!' or '-'");
    return operand;
  }
  const Token& token = lexer_.peek();
  if (negated) lexer_.fail_expected("a predicate after '!'");
  if (token.kind == TokenKind::integer) {
    operand.kind = OperandKind::integer;
    operand.integer = minus ? static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(token.integer)) : token.integer;
  } else if (token.kind == TokenKind::floating) {
    operand.kind = OperandKind::floating;
    operand.single = token.single;
    operand.bits = minus ? token.bits ^ (std::uint64_t{1} << (token.single ? 31 : 63)) : token.bits;
  } else {
    lexer_.fail_expected("an operand: a register, a number, an address in '[]' or a group in '{}'");
  }
  lexer_.next();
  return operand;
}

SyntaxOperand Parser::read_named_operand(const Token& word) {
  SyntaxOperand operand;
  if (word.text == "_") {
    operand.kind = OperandKind::sink;
    return operand;
  }
  if (word.text == "WARP_SZ") {
    operand.kind = OperandKind::integer;
    operand.integer = 32;
    return operand;
  }
  operand.name = word.text;
  const Token& after = lexer_.peek();
  if (after.kind == TokenKind::dotted) {
    const char* end = word.text.data() + word.text.size();
    if (after.text.data() != end + 1 || !is_register_component(after.text))
      lexer_.fail_expected("a component .x, .y, .z or .w right after the register's name, ',' or ';'");
    operand.name = {word.text.data(), word.text.size() + 1 + after.text.size()};
    lexer_.next();
  } else if (after.kind == TokenKind::symbol && (after.symbol == '+' || after.symbol == '-')) {
    operand.integer = read_offset("what is added to the address");
  }
  return operand;
}

// `+ 4`, `-4` or `+-4`, of which the sign is the current token.
std::int64_t Parser::read_offset(std::string_view what) {
  bool negative = lexer_.at('-');
  lexer_.next();
  if (!negative) negative = lexer_.accept('-');
  const std::int64_t value = lexer_.expect_integer(what, 0, std::numeric_limits<std::int64_t>::max());
  return negative ? -value : value;
}

// [register], [register + 4], [symbol - 4], [1024]
SyntaxOperand Parser::read_address() {
  SyntaxOperand operand;
  operand.kind = OperandKind::address;
  lexer_.next();
  if (lexer_.peek().kind == TokenKind::word) {
    operand.name = lexer_.next().text;
    if (lexer_.at('+') || lexer_.at('-')) operand.integer = read_offset("the offset of the address");
  } else {
    const bool minus = lexer_.accept('-');
    if (lexer_.peek().kind != TokenKind::integer) lexer_.fail_expected("a register, a symbol or a number in '[]'");
    const auto value = static_cast<std::uint64_t>(lexer_.next().integer);
    operand.integer = static_cast<std::int64_t>(minus ? 0 - value : value);
  }
  lexer_.expect(']', "after the address");
  return operand;
}

// {a, b}: a vector; (a, b): what a call takes or gives, which may be empty.
SyntaxOperand Parser::read_group(char open, char close) {
  SyntaxOperand operand;
  operand.kind = open == '{' ? OperandKind::vector : OperandKind::list;
  lexer_.next();
  if (open == '(' && lexer_.accept(close)) return operand;
  operand.elements.reserve(4);
  do {
    operand.elements.push_back(read_simple_operand());
  } while (lexer_.accept(','));
  lexer_.expect(close, open == '{' ? "after the elements of the vector" : "after the arguments");
  return operand;
}

}  // namespace attest::emulator
