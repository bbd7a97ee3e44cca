//===- InstructionSet.cpp - patterns of mnemonics -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "InstructionSet.h"

#include <algorithm>

using namespace trine::ptx;

bool Modifiers::has(std::string_view name) const {
  return std::ranges::find(parts, name) != parts.end();
}

Type Modifiers::type(int n) const {
  Type found = Type::None;
  for (std::string_view part : parts)
    if (Type type = parseType(part); type != Type::None) {
      found = type;
      if (n-- == 0)
        break;
    }
  return found;
}

std::span<const std::span<const Form>> trine::ptx::instructionTables() {
  static const std::span<const Form> tables[] = {
      integerForms(),     bitForms(),     floatForms(),    roundedForms(),
      approximateForms(), halfForms(),    compareForms(),  convertForms(),
      moveForms(),        controlForms(), memoryForms(),   atomicForms(),
      exchangeForms(),    barrierForms(), asyncForms(),    matrixForms(),
      mmaForms(),         wmmaForms(),    mbarrierForms(),
  };
  return tables;
}

std::string_view trine::ptx::rootOf(std::string_view opcode) {
  return opcode.substr(0, opcode.find_first_of(".[("));
}

/// Takes the next modifier, or nothing.
static std::string_view nextModifier(std::string_view &rest) {
  if (!rest.starts_with('.'))
    return {};
  size_t end = std::min(rest.find_first_of(".[", 1), rest.size());
  std::string_view part = rest.substr(1, end - 1);
  rest.remove_prefix(end);
  return part;
}

/// Whether `choices`, "a|b", holds `part`.
static bool holds(std::string_view choices, std::string_view part) {
  while (true) {
    size_t bar = choices.find('|');
    if (choices.substr(0, bar) == part)
      return true;
    if (bar == std::string_view::npos)
      return false;
    choices.remove_prefix(bar + 1);
  }
}

bool trine::ptx::matches(const Form &form, std::string_view opcode,
                         Modifiers &modifiers) {
  std::string_view pattern = form.pattern;
  pattern.remove_prefix(rootOf(pattern).size());
  std::string_view rest = opcode;
  while (!pattern.empty()) {
    bool optional = pattern[0] == '[', grouped = optional || pattern[1] == '(';
    std::string_view choices;
    if (grouped) { // "[.a|b]" or ".(a|b)"
      size_t end = pattern.find(optional ? ']' : ')');
      choices = pattern.substr(2, end - 2);
      pattern.remove_prefix(end + 1);
    } else {
      choices = nextModifier(pattern);
    }
    std::string_view before = rest, part = nextModifier(rest);
    if (!part.empty() && holds(choices, part)) {
      modifiers.add(part);
    } else if (optional) {
      rest = before;
      modifiers.add({});
    } else {
      return false;
    }
  }
  return rest.empty();
}
