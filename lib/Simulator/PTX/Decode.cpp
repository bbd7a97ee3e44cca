//===- Decode.cpp - functions, calls, variables ---------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Decode.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <charconv>

using namespace trine;
using namespace trine::ptx;

static constexpr uint32_t constantRow = Operand::constantRow;
/// A thread's, as on the hardware; and what inlining may come to.
static constexpr uint64_t mostLocal = 512 << 10;
static constexpr uint32_t mostRows = 1 << 18, mostCalls = 1 << 12;

Decoder::Decoder(const ast::Module &module, const Arch &arch,
                 const std::map<uint32_t, uint64_t> &addresses,
                 std::vector<std::string> &unsupported)
    : module(module), arch(arch), addresses(addresses),
      unsupported(unsupported) {
  if (module.target.starts_with("sm_"))
    std::from_chars(module.target.data() + 3,
                    module.target.data() + module.target.size(), target);
}

void Decoder::fault(std::string what) const {
  throw Error(ExitCode::BadInput, fmt::format("{}:{}", module.file, line),
              std::move(what));
}

uint32_t Decoder::rows(unsigned bytes, std::string name) {
  uint32_t row = nextRow;
  uint32_t count = bytes > 4 ? bytes / 4 : 1;
  nextRow += count;
  if (nextRow > mostRows)
    throw Error(ExitCode::Unsupported, module.file,
                fmt::format("kernel '{}' has more than {} registers",
                            program->name, mostRows));
  program->rowNames.resize(nextRow);
  program->rowNames[row] = std::move(name);
  return row;
}

uint32_t Decoder::constant(uint64_t bits, unsigned bytes) {
  if (bytes < 8)
    bits &= (uint64_t(1) << 8 * bytes) - 1;
  auto [found, isNew] = constants.try_emplace({bits, bytes}, 0);
  if (isNew) {
    std::vector<uint8_t> &image = program->constants;
    found->second = uint32_t(image.size() / rowBytes) | constantRow;
    image.resize(image.size() + size_t(rowBytes) * (bytes > 4 ? bytes / 4 : 1));
    uint8_t *at =
        image.data() + size_t(found->second & ~constantRow) * rowBytes;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      std::copy_n(reinterpret_cast<uint8_t *>(&bits), std::min(bytes, 8u),
                  at + size_t(lane) * bytes);
  }
  return found->second;
}

uint32_t Decoder::opcode(std::string_view text) {
  auto found = opcodes.find(text);
  if (found == opcodes.end()) {
    found = opcodes.emplace(text, uint32_t(program->opcodes.size())).first;
    program->opcodes.emplace_back(text);
  }
  return found->second;
}

void Decoder::emit(Instruction instruction, size_t firstOperand) {
  instruction.count = uint8_t(program->operands.size() - firstOperand);
  instruction.line = line;
  program->sources.emplace_back(source.file, source.line);
  firstOperands.push_back(firstOperand);
  program->code.push_back(instruction);
}

static uint64_t alignUp(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

/// Gives variables of shared and local memory their places.
void Decoder::placeVariables(Frame &frame) {
  for (uint32_t id : frame.function->variables) {
    const ast::Variable &variable = module.variables[id];
    if (variable.space != Space::Local)
      continue;
    uint64_t at = alignUp(program->localBytes, variable.align);
    frame.places[id] = int64_t(at);
    if (at + variable.bytes > mostLocal)
      fault(
          fmt::format("expected at most {} bytes of local memory", mostLocal));
    program->localBytes = uint32_t(at + variable.bytes);
  }
}

int64_t Decoder::place(const Frame &frame, uint32_t id) const {
  if (auto found = frame.places.find(id); found != frame.places.end())
    return found->second;
  if (auto found = shared.find(id); found != shared.end())
    return found->second;
  if (auto found = addresses.find(id); found != addresses.end())
    return int64_t(found->second);
  fault(fmt::format("variable '{}' has no place in memory",
                    module.variables[id].name));
}

void Decoder::inlineFunction(Frame &frame) {
  const ast::Function &function = *frame.function;
  stack.push_back(&function);
  for (size_t i = 0; i < function.registers.size(); ++i)
    frame.rows.push_back(
        rows(bytesOf(function.registers[i]), function.registerNames[i]));
  placeVariables(frame);
  std::multimap<uint32_t, std::string> labels;
  for (const auto &[name, at] : function.labels)
    labels.emplace(at, name);
  for (uint32_t i = 0; i <= function.body.size(); ++i) {
    auto [first, last] = labels.equal_range(i);
    for (; first != last; ++first)
      frame.labels[first->second] = uint32_t(program->code.size());
    if (i < function.body.size())
      statement(frame, function.body[i]);
  }
  auto end = uint32_t(program->code.size());
  for (uint32_t pc : frame.returns)
    program->code[pc].target = end;
  auto find = [&](const std::string &label) {
    auto found = frame.labels.find(label);
    if (found == frame.labels.end())
      fault(fmt::format("unknown label '{}'", label));
    return found->second;
  };
  for (const auto &[pc, label] : frame.branches) {
    line = program->code[pc].line;
    program->code[pc].target = find(label);
  }
  for (const auto &[table, label] : frame.tables)
    program->tables[table].push_back(find(label));
  stack.pop_back();
}

void Decoder::call(Frame &frame, const ast::Statement &statement) {
  const ast::Function *callee = nullptr;
  std::vector<const std::vector<ast::Operand> *> lists;
  size_t before = 0; ///< lists before the name: results
  for (const ast::Operand &operand : statement.operands) {
    if (operand.kind == ast::Operand::List) {
      lists.push_back(&operand.elements);
    } else if (operand.kind == ast::Operand::Name && !callee) {
      before = lists.size();
      text = fmt::format("call {}", operand.name);
      for (const ast::Function &function : module.functions)
        if (function.name == operand.name)
          callee = &function;
    }
  }
  if (callee && callee->name == "__assertfail") {
    ast::Statement failed = statement;
    failed.opcode = "@assertfail";
    failed.operands.clear();
    this->statement(frame, failed);
    return;
  }
  if (!callee || !callee->defined || statement.guard ||
      std::ranges::find(stack, callee) != stack.end()) {
    unsupported.push_back(
        fmt::format("{}:{}: {} ({})", module.file, line, text,
                    !callee            ? "calls through a pointer"
                    : !callee->defined ? "the function is not in the module"
                    : statement.guard  ? "calls with a predicate"
                                       : "recursion"));
    return;
  }
  if (++calls > mostCalls)
    throw Error(ExitCode::Unsupported, module.file,
                fmt::format("kernel '{}' has more than {} calls, with those of "
                            "what it calls",
                            program->name, mostCalls));
  Frame inner{callee, {}, {}, {}, {}, {}, {}};
  auto bind = [&](const std::vector<uint32_t> &formals, size_t list) {
    size_t given = list < lists.size() ? lists[list]->size() : 0;
    if (given != formals.size())
      fault(fmt::format("'{}': expected {} operands, got {}", text,
                        formals.size(), given));
    for (size_t i = 0; i < given; ++i) {
      const ast::Operand &actual = (*lists[list])[i];
      if (actual.kind != ast::Operand::Variable)
        fault(fmt::format("'{}': expected .param variables", text));
      inner.places[formals[i]] = place(frame, actual.index);
    }
  };
  if (before)
    bind(callee->results, 0);
  bind(callee->parameters, before);
  inlineFunction(inner);
}

std::unique_ptr<Program> Decoder::run(const ast::Function &kernel) {
  program = std::make_unique<Program>();
  program->name = kernel.name;
  program->file = module.file;
  program->sourceFiles = module.files;
  line = kernel.line;
  uint64_t offset = 0, align = 16;
  for (uint32_t id = 0; id < module.variables.size(); ++id) {
    const ast::Variable &variable = module.variables[id];
    if (variable.space != Space::Shared)
      continue;
    align = std::max<uint64_t>(align, variable.align);
    if (variable.external) {
      dynamic.push_back(id);
      continue;
    }
    offset = alignUp(offset, variable.align);
    shared[id] = int64_t(sharedBase + offset);
    offset += variable.bytes;
  }
  program->sharedAlign = uint32_t(align);
  program->sharedBytes = uint32_t(alignUp(offset, align));
  for (uint32_t id : dynamic)
    shared[id] = sharedBase + program->sharedBytes;

  Frame frame{&kernel, {}, {}, {}, {}, {}, {}};
  uint64_t at = 0;
  for (uint32_t id : kernel.parameters) {
    const ast::Variable &variable = module.variables[id];
    at = alignUp(at, variable.align);
    frame.places[id] = int64_t(at);
    at += variable.bytes;
  }
  program->parameterBytes = uint32_t(at);
  inlineFunction(frame);
  // Falling off the end returns.
  ast::Statement end;
  end.line = line;
  end.opcode = "exit";
  statement(frame, end);
  finish();
  return std::move(program);
}

/// Constants come first in the register file.
void Decoder::finish() {
  auto shift = uint32_t(program->constants.size() / rowBytes);
  auto move = [&](uint32_t &row) {
    row = row & constantRow ? row & ~constantRow : row + shift;
  };
  for (Operand &operand : program->operands)
    move(operand.row);
  for (size_t i = 0; i < program->code.size(); ++i) {
    Instruction &instruction = program->code[i];
    instruction.operands = program->operands.data() + firstOperands[i];
    if (instruction.guarded)
      move(instruction.guard);
  }
  for (const auto &[number, row] : specials) {
    program->specials.push_back({number, row});
    move(program->specials.back().row);
  }
  program->rowNames.insert(program->rowNames.begin(), shift, "a constant");
  program->rows = nextRow + shift;
  program->rowNames.resize(program->rows);
}
