//===- Declarations.cpp - directives, variables, function heads -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Parser.h"

#include <bit>
#include <charconv>
#include <cstring>

using namespace trine;
using namespace trine::ptx;
using namespace trine::ptx::ast;

/// Of a variable.
static constexpr uint64_t mostBytes = 256 << 20;

static std::optional<Space> variableSpace(std::string_view word) {
  static constexpr std::pair<std::string_view, Space> spaces[] = {
      {".global", Space::Global}, {".const", Space::Const},
      {".shared", Space::Shared}, {".local", Space::Local},
      {".param", Space::Local}, // of a call
  };
  for (const auto &[name, space] : spaces)
    if (word == name)
      return space;
  return std::nullopt;
}

Module Parser::run() {
  lex.expect(".version");
  Token version = lex.take();
  unsigned major = 0, minor = 0;
  const char *end = version.text.data() + version.text.size();
  const char *begin = version.text.data();
  auto [dot, error] = std::from_chars(begin, end, major);
  if (error != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, minor).ec != std::errc() || minor > 9)
    throw lex.faultAt(version.line, "expected a version as 8.7, got '{}'",
                      version.text);
  module.version = major * 10 + minor;
  lex.expect(".target");
  module.target = lex.word("a target as sm_80");
  while (lex.accept(","))
    lex.word("a target");
  while (lex.peek().kind != Token::End)
    directive();
  return std::move(module);
}

/// .file, .loc and .pragma, up to their ends.
bool Parser::debugDirective(std::string_view word, uint32_t line) {
  if (word != ".file" && word != ".loc" && word != ".pragma")
    return false;
  if (word != ".pragma") {
    auto number = uint32_t(lex.integer("a file's number"));
    if (word == ".loc")
      source = {number, uint32_t(lex.integer("a line"))};
    else if (lex.peek().kind == Token::String)
      module.files[number] = lex.take().text;
    // A folder, then the name.
    if (word == ".file" && lex.peek().kind == Token::String)
      module.files[number] += "/" + std::string(lex.take().text);
  }
  lex.skipLine(line);
  return true;
}

void Parser::header(std::string_view word) {
  uint32_t line = lex.peek().line;
  if (word == ".file" || word == ".loc" || word == ".pragma") {
    lex.take();
    debugDirective(word, line);
  } else if (word == ".section") {
    lex.take();
    lex.word("a section's name");
    lex.skipBlock();
  } else if (word == ".address_size") {
    lex.take();
    if (lex.integer("an address size") != 64)
      throw lex.faultAt(line, "expected .address_size 64");
  } else {
    throw lex.expected("a directive");
  }
}

void Parser::directive() {
  bool external = false;
  for (bool more = true; more;) {
    more = false;
    for (std::string_view linkage : {".extern", ".visible", ".weak", ".common"})
      if (lex.accept(linkage)) {
        external |= linkage == ".extern";
        more = true;
      }
  }
  std::string_view word = lex.peek().text;
  if (word == ".entry" || word == ".func") {
    lex.take();
    functionDeclaration(word == ".entry");
  } else if (std::optional<Space> space = variableSpace(word)) {
    lex.take();
    variables(*space, external);
  } else {
    header(word);
  }
}

Type Parser::type() {
  Token token = lex.take();
  Type type = token.text.starts_with(".") ? parseType(token.text.substr(1))
                                          : Type::None;
  if (type == Type::None)
    throw lex.faultAt(token.line, "expected a type, got '{}'", token.text);
  return type;
}

uint32_t Parser::declare(Variable variable) {
  auto id = uint32_t(module.variables.size());
  scopes.back().variables[variable.name] = id;
  if (function)
    function->variables.push_back(id);
  module.variables.push_back(std::move(variable));
  return id;
}

/// A name with its dimensions. `elements` is 2 or 4 for a vector type.
uint32_t Parser::variable(Space space, Type type, unsigned elements,
                          uint32_t align) {
  Variable variable;
  variable.name = lex.word("a variable's name");
  variable.space = space;
  variable.type = type;
  unsigned size = bytesOf(type) * elements;
  variable.align = std::max(align, size);
  if (align)
    variable.align = align;
  uint64_t count = 1;
  while (lex.accept("[")) {
    bool open = lex.peek().text == "]";
    uint64_t length = open ? 0 : lex.integer("a length");
    if (length > mostBytes / std::max<uint64_t>(count, 1))
      throw lex.fault("variable '{}': expected at most {} bytes", variable.name,
                      mostBytes);
    count *= length;
    lex.expect("]");
  }
  variable.bytes = count * size;
  if (!std::has_single_bit(variable.align) || size == 0)
    throw lex.fault("variable '{}': expected a type of bytes and an alignment "
                    "that is a power of two",
                    variable.name);
  return declare(std::move(variable));
}

void Parser::variables(Space space, bool external) {
  uint32_t align = 0;
  unsigned elements = 1;
  for (bool more = true; more;) {
    more = false;
    if (lex.accept(".align")) {
      align = uint32_t(lex.integer("an alignment"));
      more = true;
    } else if (lex.accept(".v2") || lex.accept(".v4")) {
      throw lex.fault("variables of vector type are not supported; declare an "
                      "array");
    } else if (lex.accept(".attribute")) {
      lex.expect("(");
      while (!lex.accept(")"))
        lex.take();
      more = true;
    }
  }
  Type element = type();
  do {
    uint32_t id = variable(space, element, elements, align);
    module.variables[id].external = external;
    if (lex.accept("=")) {
      Variable &target = module.variables[id];
      target.initialised = true;
      initialiser(target, bytesOf(element));
      // float a[] = {1, 2} takes its size from the list.
      target.bytes = std::max<uint64_t>(target.bytes, target.data.size());
    }
  } while (lex.accept(","));
  lex.expect(";");
}

void Parser::initialiser(Variable &variable, unsigned elementBytes) {
  Nested nested(*this);
  if (!lex.accept("{")) {
    initialiserValue(variable, elementBytes);
    return;
  }
  while (!lex.accept("}")) {
    initialiser(variable, elementBytes);
    if (!lex.accept(",") && lex.peek().text != "}")
      throw lex.expected("',' or '}'");
  }
}

void Parser::initialiserValue(Variable &variable, unsigned elementBytes) {
  size_t at = variable.data.size();
  variable.data.resize(at + elementBytes);
  if (lex.peek().kind != Token::Word) {
    Operand value = constant();
    int64_t bits = value.value;
    if (value.type == Type::F64 && elementBytes == 4)
      bits = std::bit_cast<int32_t>(float(std::bit_cast<double>(bits)));
    std::memcpy(variable.data.data() + at, &bits, elementBytes);
    return;
  }
  bool generic = lex.accept("generic");
  if (generic)
    lex.expect("(");
  std::string_view name = lex.word("a variable's name");
  const uint32_t *id = find(&Scope::variables, name);
  if (!id)
    throw lex.fault("'{}' is not a variable declared before", name);
  if (generic)
    lex.expect(")");
  int64_t addend = lex.accept("+") ? int64_t(lex.integer("an offset")) : 0;
  variable.relocations.push_back({at, *id, addend, generic});
}

uint32_t Parser::parameter(Space space) {
  lex.expect(".param");
  uint32_t align = 0;
  Type element = Type::None;
  while (lex.peek().text.starts_with(".")) {
    if (lex.accept(".align")) {
      align = uint32_t(lex.integer("an alignment"));
    } else if (lex.accept(".ptr")) {
      // What a pointer points to: a hint, with an alignment of its own.
      for (std::string_view hint : {".global", ".shared", ".local", ".const"})
        lex.accept(hint);
      if (lex.accept(".align"))
        lex.integer("an alignment");
    } else {
      element = type();
    }
  }
  uint32_t id = variable(space, element, 1, align);
  module.variables[id].formal = true;
  return id;
}

std::vector<uint32_t> Parser::parameterList(Space space) {
  std::vector<uint32_t> list;
  if (!lex.accept("("))
    return list;
  while (!lex.accept(")")) {
    list.push_back(parameter(space));
    if (!lex.accept(",") && lex.peek().text != ")")
      throw lex.expected("',' or ')'");
  }
  return list;
}

void Parser::performanceDirectives(Function &function) {
  while (lex.peek().text.starts_with(".")) {
    std::string_view word = lex.take().text;
    if (word == ".pragma") {
      lex.take();
      lex.accept(";");
      continue;
    }
    std::vector<uint32_t> values;
    while (lex.peek().kind == Token::Integer) {
      values.push_back(uint32_t(lex.take().bits));
      lex.accept(",");
    }
    if (word == ".reqntid")
      function.requiredThreads = values;
    else if (word == ".maxntid")
      function.maximalThreads = values;
    else if (word != ".minnctapersm" && word != ".maxnreg" &&
             word != ".noreturn" && word != ".maxnctapersm" &&
             word != ".explicitcluster" && word != ".reqnctapercluster" &&
             word != ".maxclusterrank" && word != ".blocksareclusters")
      throw lex.fault("unknown directive '{}' of a function", word);
  }
}

void Parser::functionDeclaration(bool kernel) {
  Function made;
  made.line = lex.peek().line;
  made.kernel = kernel;
  scopes.emplace_back();
  Space space = kernel ? Space::Param : Space::Local;
  if (!kernel)
    made.results = parameterList(space);
  made.name = lex.word("a function's name");
  made.parameters = parameterList(space);
  performanceDirectives(made);
  source = {};
  if (!lex.accept(";")) {
    made.defined = true;
    function = &made;
    body();
    function = nullptr;
  }
  scopes.pop_back();
  for (Function &known : module.functions)
    if (known.name == made.name) {
      if (known.defined && made.defined)
        throw lex.faultAt(made.line, "function '{}' is defined twice",
                          made.name);
      if (made.defined)
        known = std::move(made);
      return;
    }
  module.functions.push_back(std::move(made));
}

void Parser::registers() {
  Type element = type();
  do {
    std::string name(lex.word("a register's name"));
    uint64_t count = 0;
    bool range = lex.accept("<");
    if (range) {
      count = lex.integer("a number of registers");
      lex.expect(">");
      if (count > 1 << 20)
        throw lex.fault("expected at most 2^20 registers, got {}", count);
    }
    auto add = [&](std::string full) {
      scopes.back().registers[full] = uint32_t(function->registers.size());
      function->registers.push_back(element);
      function->registerNames.push_back(std::move(full));
    };
    if (!range)
      add(name);
    for (uint64_t i = 0; i < count; ++i)
      add(fmt::format("{}{}", name, i));
  } while (lex.accept(","));
  lex.expect(";");
}

void Parser::bodyDirective(std::string_view word, uint32_t line) {
  if (word == ".reg") {
    registers();
  } else if (debugDirective(word, line)) {
    return;
  } else if (std::optional<Space> space = variableSpace(word)) {
    variables(*space, false);
  } else {
    throw lex.faultAt(line, "unknown directive '{}' in a function", word);
  }
}
