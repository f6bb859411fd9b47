#include <array>
#include <cstring>
#include <fmt/format.h>
#include <utility>

#include "harness/backends/emulator/parser.hpp"

// Declarations: `.global .align 4 .b8 table[32] = {...};`, `.reg .b32 %r<9>;`, `.param .u64 .ptr .global .align 4 p`.
namespace attest::emulator {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 20> types{{
    {"b32", 32}, {"b64", 64}, {"f32", 32},   {"pred", 1},  {"b16", 16},    {"b8", 8},     {"f64", 64},
    {"u32", 32}, {"u64", 64}, {"s32", 32},   {"s64", 64},  {"u16", 16},    {"s16", 16},   {"u8", 8},
    {"s8", 8},   {"f16", 16}, {"f16x2", 32}, {"bf16", 16}, {"bf16x2", 32}, {"b128", 128},
}};

std::size_t element_bytes(const SyntaxVariable& variable) {
  return variable.type.bits / 8;
}

bool is_floating(const TypeName& type) {
  return type.text.front() == 'f';
}

}  // namespace

TypeName Parser::read_type() {
  const Token& token = lexer_.peek();
  if (token.kind == TokenKind::dotted)
    for (const auto& [text, bits] : types)
      if (token.text == text) return {lexer_.next().text, bits};
  lexer_.fail_expected("a type such as .b32, .u64, .f32 or .pred");
}

// [.attribute(...)] [.align n] [.v2|.v4] .type [.ptr [.space] [.align n]]
void Parser::read_shape(SyntaxVariable& variable) {
  const auto read_alignment = [&] {
    const int line = lexer_.peek().line;
    const std::int64_t alignment = lexer_.expect_integer("the alignment", 1, std::int64_t{1} << 12);
    if ((alignment & (alignment - 1)) != 0)
      lexer_.fail(line, fmt::format("the alignment is {}; expected a power of two", alignment));
    return static_cast<std::uint32_t>(alignment);
  };
  if (lexer_.at_dotted("attribute")) skip_attribute();
  if (lexer_.accept_dotted("align")) variable.alignment = read_alignment();
  if (lexer_.accept_dotted("v2")) variable.vector = 2;
  if (lexer_.accept_dotted("v4")) variable.vector = 4;
  const int line = lexer_.peek().line;
  variable.type = read_type();
  if (variable.type.text == "pred" && variable.space != Space::reg)
    lexer_.fail(line, "a .pred variable in memory; expected it in the space .reg");
  if (variable.space == Space::param && lexer_.accept_dotted("ptr")) {
    if (!lexer_.accept_dotted("global") && !lexer_.accept_dotted("const") && !lexer_.accept_dotted("shared"))
      lexer_.accept_dotted("local");
    if (lexer_.accept_dotted("align")) read_alignment();  // of what it points to: the pointer keeps its own
  }
}

// `[4][8]`, the first empty where the size comes from elsewhere.
void Parser::read_dimensions(SyntaxVariable& variable) {
  auto bytes = static_cast<std::int64_t>((variable.type.bits + 7u) / 8u * variable.vector);
  while (lexer_.at('[')) {
    const int line = lexer_.next().line;
    if (variable.dimensions.size() == 8) lexer_.fail(line, "an array of more than 8 dimensions; expected fewer");
    std::int64_t extent = 0;
    if (lexer_.at(']')) {
      if (!variable.dimensions.empty())
        lexer_.fail_expected("the extent of this dimension: only the first may be empty");
    } else {
      extent = lexer_.expect_integer("the extent of an array", 1, variable_bytes_limit);
      if (extent > variable_bytes_limit / bytes)
        lexer_.fail(line, fmt::format("'{}' is larger than {} bytes; expected an array that fits in memory",
                                      shown(variable.name), variable_bytes_limit));
      bytes *= extent;
    }
    lexer_.expect(']', "after the extent");
    variable.dimensions.push_back(extent);
  }
}

std::vector<SyntaxVariable> Parser::read_parameters(std::string_view of) {
  std::vector<SyntaxVariable> parameters;
  lexer_.expect('(', fmt::format("of the parameters of {}", shown(of)));
  if (lexer_.accept(')')) return parameters;
  do {
    SyntaxVariable parameter;
    parameter.line = lexer_.peek().line;
    if (parameters.size() == parameters_limit)
      lexer_.fail(parameter.line, fmt::format("{} has more than {} parameters", shown(of), parameters_limit));
    if (lexer_.accept_dotted("param")) {
      parameter.space = Space::param;
    } else if (!lexer_.accept_dotted("reg")) {
      lexer_.fail_expected(fmt::format("'.param' of a parameter of {}", shown(of)));
    }
    read_shape(parameter);
    parameter.name = lexer_.expect_word("the name of the parameter");
    read_dimensions(parameter);
    parameters.push_back(std::move(parameter));
  } while (lexer_.accept(','));
  lexer_.expect(')', fmt::format("after the parameters of {}", shown(of)));
  return parameters;
}

void Parser::read_variables(Space space, bool external, std::vector<SyntaxVariable>& into) {
  SyntaxVariable shape;
  shape.space = space;
  shape.external = external;
  read_shape(shape);
  do {
    SyntaxVariable variable = shape;
    variable.line = lexer_.peek().line;
    variable.name = lexer_.expect_word("the name of the variable");
    if (lexer_.accept('<')) {
      if (space != Space::reg)
        lexer_.fail(variable.line,
                    fmt::format("'{}<...>' is not in the space .reg; expected an array '[...]'", shown(variable.name)));
      variable.count = static_cast<std::uint32_t>(lexer_.expect_integer("the number of registers", 1, count_limit));
      lexer_.expect('>', "after the number of registers");
    }
    if (lexer_.at('[')) {
      if (space == Space::reg)
        lexer_.fail(variable.line, fmt::format("'{}' is an array of registers; expected '{}<n>'", shown(variable.name),
                                               shown(variable.name)));
      read_dimensions(variable);
    }
    if (lexer_.at('=')) read_initialiser(variable);
    const bool unsized = !variable.dimensions.empty() && variable.dimensions.front() == 0;
    if (unsized && !external)
      lexer_.fail(variable.line, fmt::format("'{}' has no size; expected a number in '[]', an initialiser or .extern",
                                             shown(variable.name)));
    into.push_back(std::move(variable));
  } while (lexer_.accept(','));
  lexer_.expect(';', "after the declaration");
}

void Parser::read_initialiser(SyntaxVariable& variable) {
  const int line = lexer_.next().line;
  if ((variable.space != Space::global && variable.space != Space::constant) || variable.external)
    lexer_.fail(line, fmt::format("'{}' has an initialiser; expected one in .global and .const only, not with .extern",
                                  shown(variable.name)));
  if (variable.type.text == "f16" || variable.type.text == "f16x2" || variable.type.text.starts_with("bf") ||
      variable.type.bits > 64)
    lexer_.fail(line, fmt::format("'{}' of type .{} has an initialiser; expected it as .b16 or .b32 bits",
                                  shown(variable.name), variable.type.text));
  // The components of a vector are the innermost dimension.
  if (variable.vector > 1) variable.dimensions.push_back(variable.vector);
  if (variable.dimensions.empty()) {
    read_initial_value(variable, 0);
  } else {
    if (!lexer_.at('{')) lexer_.fail_expected("'{' of an array's initialiser");
    read_initial_level(variable, 0, 0);
  }
  if (variable.vector > 1) variable.dimensions.pop_back();
}

// One pair of braces: dimension `level` from element number `first` on.
void Parser::read_initial_level(SyntaxVariable& variable, std::size_t level, std::int64_t first) {
  const int line = lexer_.next().line;
  std::int64_t stride = 1;
  for (std::size_t inner = level + 1; inner < variable.dimensions.size(); ++inner)
    stride *= variable.dimensions[inner];
  const bool innermost = level + 1 == variable.dimensions.size();
  const bool sizes_itself = variable.dimensions[level] == 0;
  std::int64_t count = 0;
  if (!lexer_.at('}')) {
    do {
      if (!sizes_itself && count == variable.dimensions[level])
        lexer_.fail(lexer_.peek().line, fmt::format("'{}' has more initial values than its {} elements",
                                                    shown(variable.name), variable.dimensions[level]));
      if (innermost) {
        read_initial_value(variable, first + count);
      } else {
        if (!lexer_.at('{')) lexer_.fail_expected("'{' of the inner dimension");
        read_initial_level(variable, level + 1, first + count * stride);
      }
      ++count;
    } while (lexer_.accept(','));
  }
  lexer_.expect('}', "after the initial values");
  if (sizes_itself && count == 0)
    lexer_.fail(line, fmt::format("'{}' has neither size nor initial values", shown(variable.name)));
  if (sizes_itself && count > variable_bytes_limit / (stride * static_cast<std::int64_t>(element_bytes(variable))))
    lexer_.fail(line, fmt::format("'{}' is larger than {} bytes; expected an array that fits in memory",
                                  shown(variable.name), variable_bytes_limit));
  if (sizes_itself) variable.dimensions[level] = count;
}

void Parser::read_initial_value(SyntaxVariable& variable, std::int64_t element) {
  const int line = lexer_.peek().line;
  const std::size_t bytes = element_bytes(variable);
  if (element >= initialised_bytes_limit / static_cast<std::int64_t>(bytes))
    lexer_.fail(line,
                fmt::format("'{}' has initial values beyond {} bytes", shown(variable.name), initialised_bytes_limit));
  const std::size_t offset = static_cast<std::size_t>(element) * bytes;
  if (variable.initial.size() < offset + bytes) variable.initial.resize(offset + bytes);

  if (lexer_.peek().kind == TokenKind::word) {
    if (bytes != 8)
      lexer_.fail(line, fmt::format("an address in '{}' of {} bits; expected 64", shown(variable.name), bytes * 8));
    SyntaxVariable::Relocation relocation{.offset = offset, .symbol = lexer_.next().text};
    if (relocation.symbol == "generic" && lexer_.accept('(')) {
      relocation.generic = true;
      relocation.symbol = lexer_.expect_word("the symbol of generic()");
      lexer_.expect(')', "after the symbol of generic()");
    }
    if (lexer_.at('+') || lexer_.at('-')) relocation.addend = read_offset("what is added to the address");
    variable.relocations.push_back(relocation);
    return;
  }
  const bool negative = lexer_.accept('-');
  const Token value = lexer_.next();
  std::uint64_t bits = 0;
  if (value.kind == TokenKind::integer) {
    if (is_floating(variable.type))
      lexer_.fail(line, fmt::format("the integer '{}' in '{}' of type .{}; expected a floating constant such as {}.0",
                                    shown(value.text), shown(variable.name), variable.type.text, shown(value.text)));
    bits = static_cast<std::uint64_t>(value.integer);
    if (negative) bits = 0 - bits;
    if (lexer_.at('('))
      lexer_.fail(line, "a masked address such as 0xFF(symbol) is not supported; expected a 64-bit one");
  } else if (value.kind == TokenKind::floating) {
    if (!is_floating(variable.type))
      lexer_.fail(line, fmt::format("the floating constant '{}' in '{}' of type .{}; expected an integer",
                                    shown(value.text), shown(variable.name), variable.type.text));
    double number = 0.0;
    float rounded = 0.0f;
    if (value.single) {
      const auto word = static_cast<std::uint32_t>(value.bits);
      std::memcpy(&rounded, &word, sizeof(word));
      number = rounded;
    } else {
      std::memcpy(&number, &value.bits, sizeof(number));
      rounded = static_cast<float>(number);
    }
    std::uint32_t word = 0;
    std::memcpy(&word, &rounded, sizeof(word));
    std::memcpy(&bits, &number, sizeof(bits));
    if (bytes == 4) bits = word;
    if (negative) bits ^= std::uint64_t{1} << (bytes * 8 - 1);
  } else {
    lexer_.fail(line, fmt::format("found '{}'; expected an initial value: a number, a symbol or generic(symbol)",
                                  shown(value.text)));
  }
  std::memcpy(variable.initial.data() + offset, &bits, bytes);
}

}  // namespace attest::emulator
