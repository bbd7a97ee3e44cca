//===- DecodeOperands.cpp - one statement → one instruction ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Decode.h"
#include "Machine.h"
#include "trine/Support/Error.h"

#include <bit>

using namespace trine;
using namespace trine::ptx;

const Form *Decoder::find(const ast::Statement &statement,
                          std::string_view opcode, Modifiers &modifiers) {
  std::string_view root = rootOf(opcode), rest = opcode.substr(root.size());
  for (std::span<const Form> table : instructionTables())
    for (const Form &form : table) {
      Modifiers found;
      if (rootOf(form.pattern) != root || !matches(form, rest, found))
        continue;
      modifiers = std::move(found);
      if (form.arch > target)
        unsupported.push_back(fmt::format(
            "{}:{}: {} (needs sm_{}, the module's target is {})", module.file,
            statement.line, opcode, form.arch, module.target));
      else if (form.version > module.version)
        unsupported.push_back(fmt::format(
            "{}:{}: {} (needs PTX {}.{}, the module is {}.{})", module.file,
            statement.line, opcode, form.version / 10, form.version % 10,
            module.version / 10, module.version % 10));
      return &form;
    }
  unsupported.push_back(
      fmt::format("{}:{}: {}", module.file, statement.line, opcode));
  return nullptr;
}

/// mov of and to a vector is an instruction of its own.
static std::string internalOpcode(const ast::Statement &statement) {
  const std::string &opcode = statement.opcode;
  if (!opcode.starts_with("mov.") || statement.operands.size() != 2)
    return opcode;
  for (size_t i : {0, 1})
    if (statement.operands[i].kind == ast::Operand::Vector)
      return fmt::format("{}.v{}{}", i == 0 ? "@unpack" : "@pack",
                         statement.operands[i].elements.size(),
                         opcode.substr(3));
  return opcode;
}

void Decoder::statement(Frame &frame, const ast::Statement &statement) {
  line = statement.line;
  source = statement.source;
  text = statement.opcode;
  std::string_view root = rootOf(text);
  if (root == "call") {
    call(frame, statement);
    return;
  }
  std::string name = internalOpcode(statement);
  bool returns = root == "ret" && stack.size() > 1;
  if (returns)
    name = "bra";
  Modifiers modifiers;
  const Form *form = find(statement, name, modifiers);
  if (!form)
    return;
  Instruction made;
  made.opcode = opcode(statement.opcode);
  made.pure = form->flow == Flow::Pure;
  made.gather = form->gather;
  if (statement.guard) {
    made.guarded = true;
    made.guardNegated = statement.guardNegated;
    made.guard = frame.rows[*statement.guard];
  }
  for (std::string_view part : modifiers.all())
    if (part == "v2" || part == "v4" || part == "v8")
      made.vector = uint8_t(part[1] - '0');
  static constexpr std::pair<std::string_view, Space> spaces[] = {
      {"global", Space::Global},      {"shared", Space::Shared},
      {"shared::cta", Space::Shared}, {"local", Space::Local},
      {"param", Space::Param},        {"param::entry", Space::Param},
      {"const", Space::Const}};
  for (const auto &[spaceName, space] : spaces)
    if (modifiers.has(spaceName))
      made.space = space;
  if (made.space == Space::Param && !frame.function->kernel)
    made.space = Space::Local;

  building.clear();
  label.clear();
  if (!returns)
    operands(frame, statement, *form, modifiers, made);
  size_t first = program->operands.size();
  program->operands.insert(program->operands.end(), building.begin(),
                           building.end());
  made.operands = program->operands.data() + first;
  made.run = form->select(modifiers, made);
  if (!made.run)
    unsupported.push_back(
        fmt::format("{}:{}: {}", module.file, line, statement.opcode));
  auto pc = uint32_t(program->code.size());
  if (returns)
    frame.returns.push_back(pc);
  else if (!label.empty())
    frame.branches.emplace_back(pc, label);
  emit(made, first);
}

/// Reads one word of a form's signature.
Decoder::Slot Decoder::slot(std::string_view word, const Modifiers &modifiers,
                            const Instruction &instruction) const {
  Slot slot;
  auto take = [&](std::string_view prefix) {
    bool there = word.starts_with(prefix);
    word.remove_prefix(there ? prefix.size() : 0);
    return there;
  };
  if (word.ends_with('?')) {
    slot.optional = true;
    word.remove_suffix(1);
  }
  if (word.ends_with("|pred")) {
    slot.pair = true;
    word.remove_suffix(5);
  }
  slot.written = take("=");
  slot.wider = take("~");
  if (take("V*"))
    slot.count = instruction.vector;
  else if (word.size() > 1 && word[1] == '*')
    slot.count = unsigned(word[0] - '0'), word.remove_prefix(2);
  if (word == "[]" || word == "#" || word == "L" || word == "S") {
    slot.special = word[0];
    return slot;
  }
  if (word == "E") { // an element of what is packed
    slot.bytes = bytesOf(modifiers.type()) / instruction.vector;
    slot.type = slot.bytes == 1   ? Type::B8
                : slot.bytes == 2 ? Type::B16
                : slot.bytes == 4 ? Type::B32
                                  : Type::B64;
    return slot;
  }
  bool wide = take("W");
  slot.type = word == "T" || (wide && word.empty()) ? modifiers.type()
              : word[0] == 'T' ? modifiers.type(word[1] - '0')
                               : parseType(word);
  slot.bytes = bytesOf(slot.type) * (wide ? 2 : 1);
  if (slot.bytes == 1) // there are no registers of bytes
    slot.wider = true;
  return slot;
}

void Decoder::operands(Frame &frame, const ast::Statement &statement,
                       const Form &form, const Modifiers &modifiers,
                       Instruction &instruction) {
  std::string_view rest = form.operands;
  size_t given = 0;
  while (!rest.empty()) {
    size_t space = std::min(rest.find(' '), rest.size());
    Slot next = slot(rest.substr(0, space), modifiers, instruction);
    rest.remove_prefix(std::min(space + 1, rest.size()));
    if (given == statement.operands.size()) {
      if (next.optional)
        continue;
      fault(fmt::format("'{}': expected the operands '{}', got only {}", text,
                        form.operands, given));
    }
    operand(frame, statement.operands[given++], next, instruction);
    if (next.written)
      instruction.written = uint8_t(building.size());
  }
  if (given != statement.operands.size())
    fault(fmt::format("'{}': expected the operands '{}', got {}", text,
                      form.operands, statement.operands.size()));
  instruction.count = uint8_t(building.size());
}

void Decoder::operand(Frame &frame, const ast::Operand &operand,
                      const Slot &slot, Instruction &instruction) {
  using Kind = ast::Operand::Kind;
  if (slot.special == '[') {
    address(frame, operand, instruction);
    return;
  }
  if (slot.special == '#') {
    if (operand.kind != Kind::Constant || operand.type != Type::S64)
      fault(fmt::format("'{}': operand {}: expected an integer", text,
                        building.size() + 1));
    building.push_back({constant(0, 4), 4, operand.value});
    return;
  }
  if (slot.special == 'S') {
    bool predicate = operand.kind == Kind::Register &&
                     frame.function->registers[operand.index] == Type::Pred;
    Slot either;
    either.type = predicate ? Type::Pred : Type::B32;
    either.bytes = predicate ? 0 : 4;
    value(frame, operand, either);
    return;
  }
  if (slot.special == 'L') {
    if (operand.kind != Kind::Name)
      fault(fmt::format("'{}': expected a label", text));
    if (auto table = frame.function->tables.find(operand.name);
        table != frame.function->tables.end()) {
      instruction.flags = uint32_t(program->tables.size());
      program->tables.emplace_back();
      for (const std::string &target : table->second)
        frame.tables.emplace_back(instruction.flags, target);
    } else {
      label = operand.name;
    }
    return;
  }
  if (slot.pair) {
    bool both = operand.kind == Kind::Pair;
    value(frame, both ? operand.elements[0] : operand, slot);
    Slot predicate = slot;
    predicate.type = Type::Pred;
    predicate.bytes = 0;
    value(frame, both ? operand.elements[1] : ast::Operand(), predicate);
    return;
  }
  if (operand.kind != Kind::Vector && slot.count == 1) {
    value(frame, operand, slot);
    return;
  }
  if (operand.kind != Kind::Vector || operand.elements.size() != slot.count)
    fault(fmt::format("'{}': operand {}: expected a vector of {}", text,
                      building.size() + 1, slot.count));
  for (const ast::Operand &element : operand.elements)
    value(frame, element, slot);
}

/// The bits of a constant as a value of `type`.
static uint64_t constantBits(const ast::Operand &operand, Type type) {
  auto bits = uint64_t(operand.value);
  if (operand.type == Type::F64 && bytesOf(type) == 4)
    return std::bit_cast<uint32_t>(float(std::bit_cast<double>(bits)));
  if (operand.type == Type::F32 && bytesOf(type) == 8)
    return std::bit_cast<uint64_t>(
        double(std::bit_cast<float>(uint32_t(bits))));
  return bits;
}

/// A register or what can stand for one.
void Decoder::value(Frame &frame, const ast::Operand &operand,
                    const Slot &slot) {
  using Kind = ast::Operand::Kind;
  auto bytes = uint8_t(slot.bytes);
  uint32_t row = 0;
  switch (operand.kind) {
  case Kind::Register: {
    Type type = frame.function->registers[operand.index];
    unsigned has = bytesOf(type);
    bool fits = slot.type == Type::Pred
                    ? type == Type::Pred
                    : type != Type::Pred && (has == slot.bytes ||
                                             (slot.wider && has > slot.bytes));
    if (!fits)
      fault(fmt::format(
          "'{}': register {}: expected {} bits, got .{}", text, operand.name,
          slot.type == Type::Pred ? 1 : slot.bytes * 8, nameOf(type)));
    row = frame.rows[operand.index];
    if (operand.negated)
      row = negate(row);
    building.push_back({row, uint8_t(has), 0});
    return;
  }
  case Kind::Sink:
    if (!slot.written)
      break;
    building.push_back({rows(std::max(slot.bytes, 8u), "_"), bytes, 0});
    return;
  case Kind::Special:
    building.push_back({special(operand), bytes, 0});
    return;
  case Kind::Constant:
    if (slot.written)
      break;
    if (slot.type == Type::Pred)
      row = constant(operand.value ? ~uint64_t(0) : 0, 4);
    else
      row = constant(constantBits(operand, slot.type), slot.bytes);
    building.push_back({row, bytes, 0});
    return;
  case Kind::Variable:
    if (slot.written)
      break;
    row = constant(uint64_t(place(frame, operand.index) + operand.value),
                   slot.bytes);
    building.push_back({row, bytes, 0});
    return;
  default:
    break;
  }
  fault(fmt::format(
      "'{}': operand {}: expected a {}{}", text, building.size() + 1,
      slot.written ? "register" : "register or constant",
      operand.name.empty() ? "" : ", got '" + operand.name + "'"));
}

void Decoder::address(Frame &frame, const ast::Operand &operand,
                      Instruction &instruction) {
  using Kind = ast::Operand::Kind;
  if (operand.kind != Kind::Address || operand.elements.size() != 1)
    fault(fmt::format("'{}': operand {}: expected an address in brackets", text,
                      building.size() + 1));
  const ast::Operand &base = operand.elements[0];
  if (base.kind == Kind::Register) {
    Type type = frame.function->registers[base.index];
    if (bytesOf(type) != 4 && bytesOf(type) != 8)
      fault(fmt::format("'{}': address {}: expected 32 or 64 bits, got .{}",
                        text, base.name, nameOf(type)));
    building.push_back(
        {frame.rows[base.index], uint8_t(bytesOf(type)), operand.value});
    return;
  }
  int64_t at = operand.value;
  if (base.kind == Kind::Variable) {
    at += base.value + place(frame, base.index);
    Space space = module.variables[base.index].space;
    // ld.param of a variable of a call reads memory of the thread.
    if (instruction.space == Space::Param)
      instruction.space = space;
  } else if (base.kind == Kind::Constant) {
    at += base.value;
  } else {
    fault(fmt::format("'{}': unknown variable '{}'", text, base.name));
  }
  building.push_back({constant(uint64_t(at), 8), 8, 0});
}

/// Another predicate, set by an instruction before this one.
uint32_t Decoder::negate(uint32_t row) {
  uint32_t result = rows(0, "a negated predicate");
  Instruction made;
  Modifiers modifiers;
  const Form *form = find({}, "not.pred", modifiers);
  made.opcode = opcode("not.pred");
  made.written = 1;
  size_t first = program->operands.size();
  program->operands.push_back({result, 0, 0});
  program->operands.push_back({row, 0, 0});
  made.operands = program->operands.data() + first;
  made.run = form->select(modifiers, made);
  emit(made, first);
  return result;
}

uint32_t Decoder::special(const ast::Operand &operand) {
  int number = specialNumber(operand.name);
  if (number < 0) {
    unsupported.push_back(
        fmt::format("{}:{}: {}", module.file, line, operand.name));
    return rows(8, operand.name);
  }
  if (!specialVolatile(unsigned(number))) {
    auto [found, isNew] = specials.try_emplace(unsigned(number), 0);
    if (isNew)
      found->second = rows(specialBytes(unsigned(number)), operand.name);
    return found->second;
  }
  uint32_t result = rows(8, operand.name);
  Instruction made;
  Modifiers modifiers;
  const Form *form = find({}, "@special", modifiers);
  made.opcode = opcode("@special");
  made.pure = false;
  made.written = 1;
  size_t first = program->operands.size();
  program->operands.push_back({result, 8, number});
  made.operands = program->operands.data() + first;
  made.run = form->select(modifiers, made);
  emit(made, first);
  return result;
}
