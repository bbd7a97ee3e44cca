//===- Ast.h - a PTX module as written --------------------------*- C++ -*-===//
// What Parser.cpp makes of the text: names are resolved to registers and
// variables, scopes are gone, opcodes are still text.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Types.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace trine::ptx::ast {

struct Operand {
  enum Kind : uint8_t {
    Register,
    Special,  ///< %tid.x
    Constant, ///< bits in `value`, `type` says of what
    Variable,
    Name,    ///< a label, function or table of labels
    Address, ///< [elements[0] + value]
    Vector,  ///< {a, b}
    Pair,    ///< d|p
    List,    ///< (a, b), of a call
    Sink,    ///< _
  };
  Kind kind = Sink;
  Type type = Type::None; ///< U64, S64, F32 or F64 of a constant
  bool negated = false;   ///< !p
  int64_t value = 0;      ///< of a constant; added to a variable or an address
  uint32_t index = 0;     ///< of a register or variable
  std::string name;
  std::vector<Operand> elements;
};

/// Where the PTX comes from, by .loc; line 0 for nowhere.
struct Source {
  uint32_t file = 0, line = 0;
};

struct Statement {
  uint32_t line = 0;
  Source source;
  std::string opcode; ///< root and modifiers: "ld.global.v4.b32"
  std::vector<Operand> operands;
  std::optional<uint32_t> guard; ///< register
  bool guardNegated = false;
};

struct Variable {
  std::string name;
  Space space = Space::Global;
  Type type = Type::None;
  uint64_t bytes = 0;
  uint32_t align = 1;
  bool external = false; ///< .extern .shared x[]: the launch says how large
  bool formal = false;   ///< a parameter of a function
  bool initialised = false;
  std::vector<uint8_t> data;
  struct Relocation {
    uint64_t offset;
    uint32_t variable;
    int64_t addend;
    bool generic;
  };
  std::vector<Relocation> relocations;
};

struct Function {
  std::string name;
  uint32_t line = 0;
  bool kernel = false, defined = false;
  std::vector<uint32_t> results, parameters; ///< variables
  std::vector<Type> registers;
  std::vector<std::string> registerNames;
  std::vector<uint32_t> variables; ///< of the body
  std::vector<Statement> body;
  std::map<std::string, uint32_t, std::less<>> labels; ///< → statement
  std::map<std::string, std::vector<std::string>, std::less<>> tables;
  std::vector<uint32_t> requiredThreads, maximalThreads; ///< x, y, z
};

struct Module {
  std::string file;
  unsigned version = 0; ///< 87 for 8.7
  std::string target;   ///< "sm_80"
  std::vector<Variable> variables;
  std::vector<Function> functions;
  std::map<uint32_t, std::string> files; ///< .file
};

/// Throws BadInput with file and line at the first error of syntax.
Module parse(std::string_view text, const std::string &file);

} // namespace trine::ptx::ast
