//===- Parser.h - text → Ast ------------------------------------*- C++ -*-===//
// Declarations are in Declarations.cpp, bodies in Parser.cpp.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Ast.h"
#include "Lexer.h"

namespace trine::ptx::ast {

class Parser {
public:
  Parser(std::string_view text, const std::string &file) : lex(text, file) {
    module.file = file;
    scopes.emplace_back();
  }
  Module run();

private:
  struct Scope {
    std::map<std::string, uint32_t, std::less<>> registers, variables;
  };

  // Declarations.cpp
  void directive();
  void header(std::string_view word);
  bool debugDirective(std::string_view word, uint32_t line);
  void functionDeclaration(bool kernel);
  uint32_t parameter(Space space);
  std::vector<uint32_t> parameterList(Space space);
  void performanceDirectives(Function &function);
  void variables(Space space, bool external);
  uint32_t variable(Space space, Type type, unsigned elements, uint32_t align);
  void initialiser(Variable &variable, unsigned elementBytes);
  void initialiserValue(Variable &variable, unsigned elementBytes);
  void registers();
  uint32_t declare(Variable variable);
  Type type();

  // Parser.cpp
  void body();
  void statement();
  void bodyDirective(std::string_view word, uint32_t line);
  bool label(std::string_view name);
  void instruction(std::string_view opcode, uint32_t line);
  Operand operand();
  Operand simpleOperand();
  Operand constant();
  Operand address();
  Operand named();
  std::vector<Operand> listUntil(std::string_view close);
  const uint32_t *find(std::map<std::string, uint32_t, std::less<>> Scope::*map,
                       std::string_view name) const;

  /// Counts lists in lists while it lives.
  struct Nested {
    explicit Nested(Parser &parser);
    ~Nested() { --depth; }
    unsigned &depth;
  };

  Lexer lex;
  Module module;
  std::vector<Scope> scopes;
  Function *function = nullptr;
  Statement pending; ///< its guard is read before it
  unsigned depth = 0;
  Source source; ///< of what follows
};

} // namespace trine::ptx::ast
