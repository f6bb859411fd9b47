#include "harness/backends/emulator/parser.hpp"

#include <charconv>
#include <fmt/format.h>

namespace attest::emulator {

Syntax parse(std::string text, std::string_view name) {
  Syntax syntax;
  syntax.text = std::make_shared<const std::string>(std::move(text));
  syntax.files.resize(1);
  Parser(*syntax.text, name, syntax).read_module();
  return syntax;
}

void Parser::read_module() {
  read_header();
  while (lexer_.peek().kind != TokenKind::end)
    read_declaration();
  check_files_exist();
}

// .version and .target open a module; .address_size may follow.
void Parser::read_header() {
  if (!lexer_.accept_dotted("version")) lexer_.fail_expected("'.version', which opens a PTX module");
  const Token version = lexer_.next();
  int major = 0;
  if (version.kind == TokenKind::floating && version.text.front() != '0')
    std::from_chars(version.text.data(), version.text.data() + version.text.size(), major);
  if (major < 3)
    lexer_.fail(version.line, fmt::format(".version is '{}'; expected 3.0 or later, such as 8.0", shown(version.text)));
  syntax_.version = version.text;

  if (!lexer_.accept_dotted("target")) lexer_.fail_expected("'.target' after '.version'");
  do {
    const Token target = lexer_.next();
    const bool is_architecture = target.kind == TokenKind::word && target.text.starts_with("sm_");
    if (is_architecture && syntax_.target.empty()) {
      syntax_.target = target.text;
    } else if (target.text != "debug" && target.text != "texmode_independent" && target.text != "texmode_unified" &&
               target.text != "map_f64_to_f32") {
      lexer_.fail(target.line,
                  fmt::format(".target is '{}'; expected an architecture such as sm_80", shown(target.text)));
    }
  } while (lexer_.accept(','));
  if (syntax_.target.empty()) lexer_.fail_expected("an architecture such as sm_80 in '.target'");

  if (lexer_.accept_dotted("address_size")) {
    const int line = lexer_.peek().line;
    syntax_.address_bits = static_cast<int>(lexer_.expect_integer("the address size", 32, 64));
    if (syntax_.address_bits != 64) lexer_.fail(line, "addresses of 32 bits are not supported; expected 64");
  }
}

void Parser::read_declaration() {
  const Token& token = lexer_.peek();
  if (token.kind != TokenKind::dotted) {
    lexer_.fail_expected("a directive such as .entry, .func, .global or .const");
  } else if (lexer_.accept_dotted("file")) {
    read_file_directive();
  } else if (lexer_.accept_dotted("pragma")) {
    skip_pragma();
  } else if (lexer_.accept_dotted("loc")) {
    read_location();
  } else if (lexer_.accept_dotted("alias")) {
    read_alias();
  } else if (lexer_.accept_dotted("section")) {
    if (lexer_.peek().kind != TokenKind::dotted) lexer_.fail_expected("a section's name such as .debug_info");
    lexer_.next();
    lexer_.skip_braces();
  } else {
    read_linked_declaration();
  }
}

void Parser::read_linked_declaration() {
  bool external = false;
  for (;;) {
    if (lexer_.accept_dotted("extern")) {
      external = true;
    } else if (!lexer_.accept_dotted("visible") && !lexer_.accept_dotted("weak") && !lexer_.accept_dotted("common")) {
      break;
    }
  }
  if (lexer_.accept_dotted("entry")) {
    read_function(true, external);
  } else if (lexer_.accept_dotted("func")) {
    read_function(false, external);
  } else if (lexer_.accept_dotted("global")) {
    read_variables(Space::global, external, syntax_.variables);
  } else if (lexer_.accept_dotted("const")) {
    read_variables(Space::constant, external, syntax_.variables);
  } else if (lexer_.accept_dotted("shared")) {
    read_variables(Space::shared, external, syntax_.variables);
  } else {
    lexer_.fail_expected("a directive such as .entry, .func, .global, .const or .shared");
  }
}

void Parser::read_function(bool is_entry, bool external) {
  SyntaxFunction function;
  function.is_entry = is_entry;
  function.line = lexer_.peek().line;
  if (lexer_.at_dotted("attribute")) skip_attribute();
  if (!is_entry && lexer_.at('(')) function.returns = read_parameters("the function's results");
  function.name = lexer_.expect_word(is_entry ? "the name of the entry" : "the name of the function");
  if (lexer_.at('(')) function.parameters = read_parameters(function.name);
  read_performance_directives(function);
  if (lexer_.accept(';')) {
    function.has_body = false;
  } else {
    if (external)
      lexer_.fail(function.line, fmt::format("'{}' is .extern and has a body; expected ';'", shown(function.name)));
    read_body(function);
  }
  syntax_.functions.push_back(std::move(function));
}

void Parser::read_performance_directives(SyntaxFunction& function) {
  while (lexer_.peek().kind == TokenKind::dotted) {
    const Token directive = lexer_.next();
    const std::string_view word = directive.text;
    if (word == "reqntid") {
      function.required_block = read_extent(word);
    } else if (word == "maxntid") {
      function.maximum_block = read_extent(word);
    } else if (word == "minnctapersm" || word == "maxnctapersm" || word == "maxnreg" || word == "maxclusterrank" ||
               word == "abi_preserve" || word == "abi_preserve_control") {
      lexer_.expect_integer(fmt::format("the number of .{}", word), 0, count_limit);
    } else if (word == "noreturn") {
      if (function.is_entry) lexer_.fail(directive.line, ".noreturn stands at an entry; expected it at a .func only");
      function.no_return = true;
    } else if (word == "pragma") {
      skip_pragma();
    } else {
      lexer_.fail(directive.line,
                  fmt::format("unknown directive '.{}' of '{}'; expected one such as .maxntid, .reqntid, "
                              ".minnctapersm or .maxnreg, or the body",
                              shown(word), shown(function.name)));
    }
  }
  if (function.required_block && function.maximum_block)
    lexer_.fail(function.line,
                fmt::format("'{}' has .reqntid and .maxntid; expected one of the two", shown(function.name)));
}

std::array<std::uint32_t, 3> Parser::read_extent(std::string_view directive) {
  std::array<std::uint32_t, 3> extent{1, 1, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (axis != 0 && !lexer_.accept(',')) break;
    extent[axis] = static_cast<std::uint32_t>(
        lexer_.expect_integer(fmt::format("a number of threads of .{}", directive), 1, 1024));
  }
  return extent;
}

// .file 1 "name" [, modification time, size]
void Parser::read_file_directive() {
  const int line = lexer_.peek().line;
  const auto index = static_cast<std::size_t>(lexer_.expect_integer("the number of a .file", 0, count_limit));
  if (lexer_.peek().kind != TokenKind::quoted) lexer_.fail_expected("the name of the file in quotes");
  const std::string_view file = lexer_.next().text;
  for (int part = 0; part < 2 && lexer_.accept(','); ++part)
    lexer_.expect_integer(part == 0 ? "the file's time" : "the file's size", 0, std::int64_t{1} << 62);
  if (index >= syntax_.files.size()) syntax_.files.resize(index + 1);
  if (index >= file_declared_.size()) file_declared_.resize(index + 1);
  if (file_declared_[index] != 0 && syntax_.files[index] != file)
    lexer_.fail(line,
                fmt::format(".file {} is '{}' already; expected another number", index, shown(syntax_.files[index])));
  file_declared_[index] = 1;
  syntax_.files[index] = file;
}

// .alias name, function;
void Parser::read_alias() {
  SyntaxAlias alias;
  alias.line = lexer_.peek().line;
  alias.name = lexer_.expect_word("the other name of a function");
  lexer_.expect(',', "after the name of the .alias");
  alias.function = lexer_.expect_word("the function that has a second name");
  lexer_.expect(';', "after the .alias");
  syntax_.aliases.push_back(alias);
}

void Parser::skip_pragma() {
  do {
    if (lexer_.peek().kind != TokenKind::quoted) lexer_.fail_expected("the text of the .pragma in quotes");
    lexer_.next();
  } while (lexer_.accept(','));
  lexer_.expect(';', "after the .pragma");
}

// .attribute(.managed) and .attribute(.unified(1, 2)) change nothing here: all memory is reached from everywhere.
void Parser::skip_attribute() {
  lexer_.next();
  lexer_.expect('(', "after .attribute");
  do {
    const Token attribute = lexer_.next();
    if (attribute.kind != TokenKind::dotted || (attribute.text != "managed" && attribute.text != "unified"))
      lexer_.fail(attribute.line,
                  fmt::format("unknown attribute '{}'; expected .managed or .unified", shown(attribute.text)));
    if (attribute.text == "unified") {
      lexer_.expect('(', "after .unified");
      do {
        if (lexer_.peek().kind != TokenKind::integer) lexer_.fail_expected("a number of .unified");
        lexer_.next();
      } while (lexer_.accept(','));
      lexer_.expect(')', "after the numbers of .unified");
    }
  } while (lexer_.accept(','));
  lexer_.expect(')', "after the attributes");
}

// A .file may follow the .loc that names it, so this is known at the end only.
void Parser::check_files_exist() const {
  if (highest_file_ >= static_cast<int>(syntax_.files.size()))
    lexer_.fail(highest_file_at_, fmt::format(".loc names file {}; expected a '.file {} \"...\"' in the module",
                                              highest_file_, highest_file_));
}

}  // namespace attest::emulator
