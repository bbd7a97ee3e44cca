//===- Decode.h - Ast → Program ---------------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Ast.h"
#include "InstructionSet.h"
#include "trine/Simulator/PTX/Device.h"

#include <memory>

namespace trine::ptx {

/// Decodes one kernel, with the functions it calls inlined.
class Decoder {
public:
  /// `addresses`: of .global and .const variables. What is unsupported is added
  /// to `unsupported`, a line each.
  Decoder(const ast::Module &module, const Arch &arch,
          const std::map<uint32_t, uint64_t> &addresses,
          std::vector<std::string> &unsupported);

  std::unique_ptr<Program> run(const ast::Function &kernel);

private:
  /// A function, inlined once.
  struct Frame {
    const ast::Function *function;
    std::vector<uint32_t> rows;                             ///< of registers
    std::map<uint32_t, int64_t> places;                     ///< of variables
    std::map<std::string, uint32_t> labels;                 ///< → pc
    std::vector<std::pair<uint32_t, std::string>> branches; ///< pc → label
    std::vector<std::pair<uint32_t, std::string>> tables;   ///< table → label
    std::vector<uint32_t> returns;                          ///< pcs
  };
  /// An operand's word in a form's signature.
  struct Slot {
    bool written = false, wider = false, optional = false, pair = false;
    unsigned count = 1;
    char special = 0; ///< '[' address, '#' integer, 'L' label, 'S' size
    Type type = Type::None;
    unsigned bytes = 0;
  };

  void inlineFunction(Frame &frame);
  void placeVariables(Frame &frame);
  void statement(Frame &frame, const ast::Statement &statement);
  void call(Frame &frame, const ast::Statement &statement);
  const Form *find(const ast::Statement &statement, std::string_view opcode,
                   Modifiers &modifiers);
  void operands(Frame &frame, const ast::Statement &statement, const Form &form,
                const Modifiers &modifiers, Instruction &instruction);
  Slot slot(std::string_view word, const Modifiers &modifiers,
            const Instruction &instruction) const;
  void operand(Frame &frame, const ast::Operand &operand, const Slot &slot,
               Instruction &instruction);
  void value(Frame &frame, const ast::Operand &operand, const Slot &slot);
  void address(Frame &frame, const ast::Operand &operand,
               Instruction &instruction);
  uint32_t negate(uint32_t row);
  uint32_t special(const ast::Operand &operand);
  int64_t place(const Frame &frame, uint32_t variable) const;

  uint32_t rows(unsigned bytes, std::string name);
  uint32_t constant(uint64_t bits, unsigned bytes);
  void emit(Instruction instruction, size_t firstOperand);
  uint32_t opcode(std::string_view text);
  void finish();

  [[noreturn]] void fault(std::string what) const;

  const ast::Module &module;
  const Arch &arch;
  const std::map<uint32_t, uint64_t> &addresses;
  std::vector<std::string> &unsupported;
  unsigned target = 0; ///< of the module: 80

  std::unique_ptr<Program> program;
  std::map<uint32_t, int64_t> shared; ///< offsets of variables
  std::vector<uint32_t> dynamic;      ///< variables that follow the static ones
  std::map<std::pair<uint64_t, unsigned>, uint32_t> constants;
  std::map<unsigned, uint32_t> specials;
  std::map<std::string, uint32_t, std::less<>> opcodes;
  std::vector<const ast::Function *> stack;
  std::vector<size_t> firstOperands; ///< of each instruction
  ast::Source source;                ///< of the statement
  uint32_t nextRow = 0, line = 0, calls = 0;
  std::vector<Operand> building; ///< of the instruction being decoded
  std::string label;             ///< that it branches to
  std::string text;              ///< the opcode, for messages
};

} // namespace trine::ptx
