//===- InstructionSet.h - the table of instructions -------------*- C++ -*-===//
// One Form = one row: the mnemonic's pattern, its operands, what it needs, and
// who executes it. A new instruction is a new row in one Isa*.cpp.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Program.h"

#include <span>
#include <string_view>

namespace trine::ptx {

/// The modifiers of an opcode, one for each element of the pattern that
/// matched; empty where an optional one is absent.
class Modifiers {
public:
  std::string_view operator[](size_t element) const { return parts[element]; }
  bool has(std::string_view name) const;
  /// The n-th modifier that names a type; the last for -1.
  Type type(int n = -1) const;
  void add(std::string_view part) { parts.push_back(part); }
  /// "f32" of "rn.ftz.f32".
  std::span<const std::string_view> all() const { return parts; }

private:
  std::vector<std::string_view> parts;
};

/// Who executes, given the modifiers; may set flags and more of the
/// instruction. Null: this combination is unsupported.
using Select = Handler (*)(const Modifiers &, Instruction &);

enum class Flow : uint8_t { Pure, Own };

struct Form {
  /// "add[.sat].(s32|u32)": brackets hold what may be absent, parentheses a
  /// choice; every element is one modifier of Modifiers.
  const char *pattern;
  /// Words: `=` is written, `~` may be a wider register, then a type (or T0,
  /// T1: the n-th type of the opcode; W0: twice as wide), `N*` or `V*` a vector
  /// (V: as .v2 says), `[]` an address, `#` an integer of the instruction, `L`
  /// a label, `S` a size or a predicate, `?` at the end optional, `=T0|pred`
  /// with an optional second.
  const char *operands;
  unsigned arch, version; ///< at least: 80 for sm_80, 70 for PTX 7.0
  Select select;
  Flow flow = Flow::Pure;
  Gather gather = Gather::None;
};

/// All tables. Rows of a root are tried in order.
std::span<const std::span<const Form>> instructionTables();

/// Whether the modifiers of `opcode` (without its root) fit.
bool matches(const Form &form, std::string_view opcode, Modifiers &modifiers);
std::string_view rootOf(std::string_view opcode);

/// A row's select where nothing depends on the modifiers.
template <Handler handler> Handler fixed(const Modifiers &, Instruction &) {
  return handler;
}

std::span<const Form> integerForms();
std::span<const Form> bitForms();
std::span<const Form> floatForms();
std::span<const Form> roundedForms();
std::span<const Form> approximateForms();
std::span<const Form> halfForms();
std::span<const Form> compareForms();
std::span<const Form> convertForms();
std::span<const Form> moveForms();
std::span<const Form> controlForms();
std::span<const Form> memoryForms();
std::span<const Form> atomicForms();
std::span<const Form> exchangeForms();
std::span<const Form> barrierForms();
std::span<const Form> asyncForms();
std::span<const Form> matrixForms();
std::span<const Form> mmaForms();
std::span<const Form> wmmaForms();
std::span<const Form> mbarrierForms();

} // namespace trine::ptx
