//===- CodedContraction.h - layers over stored codes ------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "CodedProducts.h"

namespace trine::cpu {

/// A layer of a kernel, for few rows of x.
struct FewRowsLayer {
  int64_t width;            ///< W
  Value columns;            ///< N
  Value panels, firstPanel; ///< of the kernel's panels
  /// The epilogue: sums of `rows` rows from `row` on with the columns from
  /// `column` on, ordered by row, weight, register; `masks` null or a panel's.
  std::function<void(Value column, Value row, int64_t rows,
                     llvm::ArrayRef<Value> sums, llvm::ArrayRef<Value> masks)>
      results;
};

/// The layer's part of panels [from, to) of the kernel, `few` of M rows at a
/// time; `sums` are those of rows from `row` on with one panel.
void emitFewRows(KernelEmitter &emitter, const FewRowsLayer &layer, Value M,
                 Value from, Value to, int64_t few,
                 llvm::function_ref<llvm::SmallVector<Value>(
                     Value panel, Value row, int64_t rows)>
                     sums);

/// One whose weights are panels of codes.
struct CodedLayer : FewRowsLayer {
  CodePanel form;
  llvm::SmallVector<Value, 2> weights; ///< addresses
};

/// The kernel's layers over the rows of x [M, k] in registers, `few` rows at a
/// time, `panels` shared by the threads. Without `int8` M is at most `few` and
/// every thread prepares the rows in its scratch; with it they do so together.
void emitCodedRows(KernelEmitter &emitter, llvm::ArrayRef<CodedLayer> layers,
                   const Tensor &x, Value panels, int64_t few, bool int8);

/// Bytes of the preparation of one row for layers of these forms.
int64_t preparedRowBytes(llvm::ArrayRef<CodePanel> forms, int64_t k, bool int8);

} // namespace trine::cpu
