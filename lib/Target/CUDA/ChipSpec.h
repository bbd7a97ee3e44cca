//===- ChipSpec.h - what a GPU can do ---------------------------*- C++ -*-===//
// The rows of ChipSpec.def: a chip's name stands there and nowhere else.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace trine::cuda {

/// Lanes of a warp; threads that a shuffle or a matrix instruction joins.
constexpr int64_t kWarp = 32;

enum class Instruction {
#define INSTRUCTION(name, ...) name,
#include "lib/Target/CUDA/ChipSpec.def"
};

struct ChipSpec {
  llvm::StringRef name;
  unsigned compute;   ///< compute capability, times 10
  unsigned ptx;       ///< the least version of PTX that knows it, times 10
  int64_t sharedSize; ///< most dynamic shared bytes of a block

  /// Null for an unknown name.
  static const ChipSpec *find(llvm::StringRef name);
  /// All names, for messages.
  static std::string names();

  /// Why it cannot execute the instruction; "" if it can.
  std::string whyIllegal(Instruction instruction) const;
};

/// The least version of PTX that has the instruction, times 10.
unsigned ptxVersionOf(Instruction instruction);

/// The chips of a list, "sm_80,sm_89": the least first, no name twice. Empty,
/// and an error in `error`, when one is unknown.
llvm::SmallVector<const ChipSpec *> parseChips(llvm::StringRef list,
                                               std::string &error);

} // namespace trine::cuda
