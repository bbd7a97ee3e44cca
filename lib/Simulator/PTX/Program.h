//===- Program.h - a kernel ready to execute --------------------*- C++ -*-===//
// Calls are inlined, operands are rows of the register file, each instruction
// points to the function that executes it for the lanes of a warp.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Types.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace trine::ptx {

class Warp;
struct Instruction;

/// One bit a lane.
using Mask = uint32_t;
constexpr Mask fullMask = ~Mask(0);
constexpr unsigned warpSize = 32;

using Handler = void (*)(Warp &, const Instruction &, Mask active);

/// A register: 32 lanes of 4 bytes (or 2) in one row, of 8 in two. A predicate
/// is a Mask at the row's begin. An address adds `offset`; an immediate of the
/// instruction itself ("#" in a form) is in `offset` alone.
struct Operand {
  uint32_t row = 0;
  uint8_t bytes = 0; ///< 0 for a predicate
  int64_t offset = 0;

  /// While an instruction is decoded: constants have rows of their own until
  /// their number is known.
  bool isConstant() const { return row & constantRow; }
  static constexpr uint32_t constantRow = uint32_t(1) << 31;
};
constexpr unsigned rowBytes = 128;

/// Which lanes must have come before an instruction is executed.
enum class Gather : uint8_t {
  None,
  Live,    ///< .aligned: all lanes that have not exited
  Members, ///< those of the last operand
};

struct Instruction {
  Handler run = nullptr;
  const Operand *operands = nullptr;
  uint8_t written = 0; ///< the first operands
  uint8_t count = 0;
  /// Results are defined where all sources are; else the handler says.
  bool pure = true;
  Gather gather = Gather::None;
  bool guarded = false, guardNegated = false;
  uint8_t vector = 1; ///< elements of .v2, .v4, .v8
  Space space = Space::Generic;
  uint32_t guard = 0; ///< row
  uint32_t flags = 0; ///< the handler's own
  uint32_t target = 0;
  uint32_t line = 0;
  uint32_t opcode = 0; ///< Program::opcodes
};

struct Program {
  std::string name, file;
  std::vector<Instruction> code;
  std::vector<Operand> operands;
  std::vector<std::string> opcodes;
  /// Of each instruction; by .loc.
  std::vector<std::pair<uint32_t, uint32_t>> sources;
  std::map<uint32_t, std::string> sourceFiles;
  /// Tables of brx.idx.
  std::vector<std::vector<uint32_t>> tables;
  uint32_t rows = 0;
  /// The first rows of every warp: constants.
  std::vector<uint8_t> constants;
  struct Special {
    unsigned number; ///< in the table of special registers
    uint32_t row;
  };
  std::vector<Special> specials;
  std::vector<std::string> rowNames; ///< for messages
  uint32_t parameterBytes = 0;
  uint32_t localBytes = 0;  ///< a thread
  uint32_t sharedBytes = 0; ///< static, from sharedBase
  uint32_t sharedAlign = 1; ///< of the dynamic part, which follows
};

/// Where shared memory begins: what lies below belongs to the system.
constexpr uint32_t sharedBase = 1024;
/// Windows of generic addresses.
constexpr uint64_t sharedWindow = uint64_t(1) << 40;
constexpr uint64_t localWindow = uint64_t(2) << 40;
constexpr uint64_t parameterWindow = uint64_t(3) << 40;
constexpr uint64_t windowBytes = uint64_t(1) << 32;

} // namespace trine::ptx
