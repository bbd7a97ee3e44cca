//===- Binding.h - a call's inputs, checked ---------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Program.h"
#include "trine/Runtime/trine.h"

#include <span>

namespace trine {

/// What a call brings, matched to its entry.
struct Binding {
  std::vector<const trine_tensor *> inputs; ///< by entry input; null: absent
  std::vector<int64_t> symbols;
  int64_t tokens = 0; ///< a row brings; `lengths` when absent
  /// By how much each row grows; empty for stateless entries.
  std::vector<int32_t> appended;
};

/// Checks names, types, shapes, limits and ids of a call on a session whose
/// rows hold `lengths` tokens. Throws BadInput; touches nothing.
Binding bindInputs(const Program &program, const Entry &entry,
                   std::span<const trine_tensor> inputs,
                   const std::vector<int32_t> &lengths);

} // namespace trine
