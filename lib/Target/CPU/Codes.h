//===- Codes.h - quantizes registers of values ------------------*- C++ -*-===//
// What trine/Support/BlockScales.h does to a value, for a register of them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"
#include "dialects/fp8/Fp8.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "trine/Support/BlockScales.h"

namespace trine::cpu {

class CodeEncoder {
public:
  CodeEncoder(KernelEmitter &emitter, const BlockQuantizer &quantizer)
      : e(emitter), q(quantizer) {}

  /// A block's, in every lane. Values are divided by `value` where there is no
  /// `factor`; `byte` is of powers of two alone.
  struct Scale {
    Value value, factor, byte;
  };

  /// The larger of magnitudes as bits (i32) and those of x.
  Value larger(Value most, Value x);
  /// The scale of a block with that magnitude.
  Scale scaleOf(Value amax);
  Scale ofFloat(Value scale);

  /// Codes in i32 lanes.
  Value code(Value x, const Scale &scale);
  void store(Value codes, Value address, Value mask);
  void storeScale(const Scale &scale, Value address);

  Value floats(Value bits);

private:
  Scale ofByte(Value byte);
  Value powerOf(Value amax);
  Value bits(Value floats);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, int32_t y);

  KernelEmitter &e;
  BlockQuantizer q;
};

/// Codes and scales of the tensor, whose values stand at `values`; shared by
/// the threads.
void emitQuantize(KernelEmitter &emitter, fp8::QuantizeOp op, Value values,
                  Type element);

/// Codes and scales of row `row` of the tensor, whose values stand at `values`.
void emitQuantizeRow(KernelEmitter &emitter, fp8::QuantizeOp op, Value row,
                     Value values, Type element);

/// The quantization that a kernel ends with, or null.
fp8::QuantizeOp quantizeOf(launch::KernelOp kernel);

/// Is `consumer` a quantization, which a kernel does, of values of the shape
/// of the root's result?
bool quantizes(mlir::Operation *root, mlir::Operation *consumer);

/// Why no kernel of this family does what `op` does; empty where one does, and
/// for operations of other families.
std::string whyNoCodes(mlir::Operation *op);

} // namespace trine::cpu
