//===- Machine.h - what the CPU code generator knows of a CPU ---*- C++ -*-===//
// An LLVM CPU name -> vector width, registers, tiles and required features.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trine::cpu {

struct MachineModel {
  std::string cpu;      ///< baseline LLVM CPU the code may rely on
  std::string tune;     ///< LLVM CPU whose scheduling model is used
  std::string features; ///< LLVM feature string on top of `cpu`
  std::vector<std::string> required; ///< LLVM names a machine must have

  int64_t lanes = 8;              ///< f32 elements of a vector register
  int64_t registers = 16;         ///< vector registers
  bool dotsBf16 = false;          ///< has VDPBF16PS
  bool dotsBytes = false;         ///< has VPDPBUSD
  bool tilesBf16 = false;         ///< has TDPBF16PS (AMX)
  bool looksUpBytes = false;      ///< has VPERMI2B
  int64_t panel = 16;             ///< W of a packed weight
  int64_t gatedPanel = 8;         ///< W of each of a gated layer's two weights
  int64_t keyPanel = 16;          ///< W of an attention key
  int64_t keyRows = 6;            ///< rows of a block of attention
  int64_t l2Bytes = 1 << 20;      ///< what blocked operands may assume
  int64_t sliceBytes = 256 << 10; ///< of a weight's panel that stays in the L2

  /// Rows of the register tile whose rows take so many registers each:
  /// rows·vectors accumulators, `vectors` weights and one activation fit the
  /// registers, and at least 12 accumulators hide the latency of two FMAs a
  /// cycle.
  struct Tile {
    int64_t vectors, rows;
  };
  std::vector<Tile> tiles; ///< by vectors

  /// Rows of the register tile whose every row takes `vectors` registers.
  int64_t rowBlock(int64_t vectors) const;

  /// "native", "x86-64-v3", "x86-64-v4" or an LLVM CPU name; nothing and an
  /// error when it is unknown or lacks AVX2.
  static std::optional<MachineModel> get(llvm::StringRef cpu,
                                         std::string &error);
};

} // namespace trine::cpu
