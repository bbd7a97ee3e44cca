//===- Parser.cpp - statements and operands -------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Parser.h"

#include <bit>

using namespace trine;
using namespace trine::ptx;
using namespace trine::ptx::ast;

Module ast::parse(std::string_view text, const std::string &file) {
  return Parser(text, file).run();
}

const uint32_t *
Parser::find(std::map<std::string, uint32_t, std::less<>> Scope::*map,
             std::string_view name) const {
  for (size_t i = scopes.size(); i-- > 0;) {
    const auto &names = scopes[i].*map;
    if (auto found = names.find(name); found != names.end())
      return &found->second;
  }
  return nullptr;
}

Parser::Nested::Nested(Parser &parser) : depth(parser.depth) {
  if (depth == 8)
    throw parser.lex.fault("lists are nested more than 8 deep");
  ++depth;
}

void Parser::body() {
  lex.expect("{");
  int depth = 1;
  while (depth > 0) {
    if (lex.accept("{")) {
      scopes.emplace_back();
      ++depth;
    } else if (lex.accept("}")) {
      if (--depth > 0)
        scopes.pop_back();
    } else {
      statement();
    }
  }
  for (const auto &[name, targets] : function->tables)
    for (const std::string &target : targets)
      if (!function->labels.contains(target))
        throw lex.faultAt(function->line, "'{}': unknown label '{}'", name,
                          target);
}

void Parser::statement() {
  if (lex.accept(";"))
    return;
  pending = {};
  if (lex.accept("@")) {
    pending.guardNegated = lex.accept("!");
    std::string_view name = lex.word("a predicate");
    const uint32_t *id = find(&Scope::registers, name);
    if (!id || function->registers[*id] != Type::Pred)
      throw lex.fault("'{}' is not a predicate register", name);
    pending.guard = *id;
  }
  Token token = lex.peek();
  std::string_view word = lex.word("an instruction");
  if (!pending.guard && label(word))
    return;
  if (word.starts_with("."))
    bodyDirective(word, token.line);
  else
    instruction(word, token.line);
}

bool Parser::label(std::string_view name) {
  if (!lex.accept(":"))
    return false;
  if (lex.accept(".branchtargets")) {
    std::vector<std::string> &targets = function->tables[std::string(name)];
    do
      targets.emplace_back(lex.word("a label"));
    while (lex.accept(","));
    lex.expect(";");
    return true;
  }
  uint32_t line = lex.peek().line;
  if (lex.accept(".callprototype") || lex.accept(".calltargets")) {
    while (!lex.accept(";"))
      lex.take();
    return true;
  }
  auto at = uint32_t(function->body.size());
  if (!function->labels.try_emplace(std::string(name), at).second)
    throw lex.faultAt(line, "label '{}' is defined twice", name);
  return true;
}

void Parser::instruction(std::string_view opcode, uint32_t line) {
  pending.line = line;
  pending.source = source;
  pending.opcode = opcode;
  if (!lex.accept(";")) {
    do
      pending.operands.push_back(operand());
    while (lex.accept(","));
    lex.expect(";");
  }
  function->body.push_back(std::move(pending));
}

std::vector<Operand> Parser::listUntil(std::string_view close) {
  std::vector<Operand> list;
  while (!lex.accept(close)) {
    list.push_back(operand());
    if (!lex.accept(",") && lex.peek().text != close)
      throw lex.expected(fmt::format("',' or '{}'", close));
  }
  return list;
}

Operand Parser::operand() {
  Operand first = simpleOperand();
  if (!lex.accept("|"))
    return first;
  Operand pair;
  pair.kind = Operand::Pair;
  pair.elements.push_back(std::move(first));
  pair.elements.push_back(simpleOperand());
  return pair;
}

Operand Parser::simpleOperand() {
  Nested nested(*this);
  Operand made;
  if (lex.accept("{")) {
    made.kind = Operand::Vector;
    made.elements = listUntil("}");
    return made;
  }
  if (lex.accept("(")) {
    made.kind = Operand::List;
    made.elements = listUntil(")");
    return made;
  }
  if (lex.accept("["))
    return address();
  if (lex.accept("!")) {
    made = named();
    made.negated = true;
    return made;
  }
  return lex.peek().kind == Token::Word ? named() : constant();
}

Operand Parser::constant() {
  Operand made;
  made.kind = Operand::Constant;
  bool negative = lex.accept("-");
  Token token = lex.take();
  made.value = int64_t(token.bits);
  switch (token.kind) {
  case Token::Integer:
    made.type = Type::S64;
    if (negative)
      made.value = int64_t(0 - token.bits);
    return made;
  case Token::F32:
    made.type = Type::F32;
    made.value ^= negative ? int64_t(1) << 31 : 0;
    return made;
  case Token::F64:
    made.type = Type::F64;
    made.value ^= negative ? std::bit_cast<int64_t>(-0.0) : 0;
    return made;
  default:
    throw lex.faultAt(token.line, "expected an operand, got '{}'", token.text);
  }
}

Operand Parser::address() {
  Operand made;
  made.kind = Operand::Address;
  made.elements.push_back(simpleOperand());
  while (!lex.accept("]")) {
    if (lex.accept("+") || lex.peek().text == "-")
      made.value += int64_t(lex.integer("an offset"));
    else if (lex.accept(","))
      made.elements.push_back(simpleOperand());
    else
      throw lex.expected("']'");
  }
  return made;
}

Operand Parser::named() {
  Operand made;
  uint32_t line = lex.peek().line;
  std::string_view name = lex.word("an operand");
  made.name = name;
  if (name == "_")
    return made;
  if (name == "WARP_SZ") {
    made.kind = Operand::Constant;
    made.type = Type::S64;
    made.value = 32;
    return made;
  }
  if (const uint32_t *id = find(&Scope::registers, name)) {
    made.kind = Operand::Register;
    made.index = *id;
  } else if (const uint32_t *variable = find(&Scope::variables, name)) {
    made.kind = Operand::Variable;
    made.index = *variable;
    // Inside brackets the offset is the address's.
    if (lex.peek().text == "+") {
      lex.take();
      made.value = int64_t(lex.integer("an offset"));
    }
  } else if (name.starts_with("%")) {
    size_t digits = name.find_last_not_of("0123456789") + 1;
    if (digits < name.size() && !name.starts_with("%envreg"))
      throw lex.faultAt(line, "register '{}' is not declared", name);
    made.kind = Operand::Special;
  } else {
    made.kind = Operand::Name;
  }
  return made;
}
