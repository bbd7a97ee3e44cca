//===- KernelEmitter.h - builds the code of one CPU kernel ------*- C++ -*-===//
// A launch.kernel -> launch.code with one func.func over scf, arith, 1-D vector
// and llvm memory operations. Indices and sizes are i64; floats compute in f32.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Machine.h"
#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "lib/Target/Float8Bits.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace trine::cpu {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// A kernel operand or result in memory.
struct Tensor {
  Value pointer;
  llvm::SmallVector<Value, 4> dims; ///< i64; constants where static
  mlir::RankedTensorType type;

  Type element() const { return type.getElementType(); }
  unsigned rank() const { return dims.size(); }
};

class KernelEmitter {
public:
  /// Creates the launch.code after `kernel` and enters its function.
  KernelEmitter(launch::KernelOp kernel, const MachineModel &machine);

  launch::KernelOp kernel;
  const MachineModel &machine;
  mlir::ImplicitLocOpBuilder b;
  Value thread, threads;
  Value scratch, shared; ///< the thread's own, and the one of all
  /// May registers lose subnormals when they are rounded to bf16, as the CPU's
  /// instruction does? Where dot products have lost them already.
  bool flushes = false;

  int64_t lanes() const { return machine.lanes; }

  /// The memory of a value of the kernel's region: a block argument. Null
  /// pointer when the value is no argument.
  const Tensor &operand(Value argument) const;
  const Tensor &result(unsigned index) const { return results[index]; }
  unsigned numResults() const { return results.size(); }
  /// The memory a value of the region is stored to, if it is returned.
  llvm::SmallVector<const Tensor *> resultsOf(Value value) const;

  /// Product of dims [from, to).
  Value product(const Tensor &tensor, unsigned from, unsigned to);
  /// All but the last dimension, and the last.
  Value rows(const Tensor &tensor) {
    return product(tensor, 0, tensor.rank() - 1);
  }
  Value columns(const Tensor &tensor) { return tensor.dims.back(); }

  // i64 arithmetic, folded where constant. Division is unsigned.
  Value index(int64_t value);
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value div(Value x, Value y);
  Value rem(Value x, Value y);
  Value ceilDiv(Value x, Value y);
  Value ceilDiv(Value x, int64_t y) { return ceilDiv(x, index(y)); }
  Value min(Value x, Value y); ///< signed
  Value max(Value x, Value y);
  Value less(Value x, Value y); ///< i1, signed
  Value equal(Value x, Value y);
  Value select(Value condition, Value x, Value y);
  Value add(Value x, int64_t y) { return add(x, index(y)); }
  Value mul(Value x, int64_t y) { return mul(x, index(y)); }

  // Vectors: f32 or i32, one register wide.
  mlir::VectorType vectorOf(Type element) const;
  Value splat(double value);     ///< f32 constant
  Value splatInt(int32_t value); ///< i32 constant
  Value broadcast(Value scalar);
  /// A table in read-only memory: its address.
  Value table(llvm::ArrayRef<float> values);

  // Memory. A null mask means a full register. Narrow floats are widened by
  // loads and rounded to nearest even by stores.
  Value at(Value pointer, Type element, Value offset);
  Value load(Value pointer, Type element, Value mask = {});
  Value loadScalar(Value pointer, Type element);
  void store(Value vector, Value pointer, Type element, Value mask = {});
  void storeScalar(Value scalar, Value pointer, Type element);
  /// Asks for the line at `address`: 3 into the L1, 2 into the L2.
  void prefetch(Value address, int64_t locality = 2);
  /// Asks for what follows the `bytes` at `address` of a stream from memory.
  void prefetchStream(Value address, int64_t bytes);
  /// Lanes below `count` (i64; any value).
  Value mask(Value count);
  /// As many vectors as a register has lanes: lane j of vector i goes to lane i
  /// of vector j.
  void transpose(llvm::MutableArrayRef<Value> rows);
  /// All lanes joined, by halves.
  Value reduce(Value vector, llvm::function_ref<Value(Value, Value)> join);
  /// The x86 intrinsic "llvm.x86.NAME".
  Value intrinsic(llvm::StringRef name, Type result, ValueRange operands);
  /// A register of f32 as bf16, by the CPU's own instruction (dotsBf16).
  Value toBf16(Value vector);
  /// What `body` emits by flushingFma takes subnormals for 0 and gives 0 for
  /// them, as VDPBF16PS does.
  void flushing(llvm::function_ref<void()> body);
  /// a · b + c, which the compiler does not move in or out of flushing().
  Value flushingFma(Value a, Value b, Value c);
  /// The value, to be computed with after a flushing() before this.
  Value pinned(Value vector);
  /// The f32 vector or scalar rounded to `element` (no-op for f32 and i32).
  Value round(Value value, Type element);

  // Control.
  /// for (i = from; i < to; i += step) body(i)
  void loop(Value from, Value to, int64_t step,
            llvm::function_ref<void(Value)> body);
  /// The same with carried values; body returns the next ones.
  llvm::SmallVector<Value>
  loop(Value from, Value to, int64_t step, ValueRange carried,
       llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body);
  void when(Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);
  /// Values of one of the two.
  llvm::SmallVector<Value>
  choose(Value condition, llvm::function_ref<llvm::SmallVector<Value>()> then,
         llvm::function_ref<llvm::SmallVector<Value>()> otherwise);
  /// Runs body(value) for the one of 1..count that `selector` is.
  void switchOver(Value selector, int64_t count,
                  llvm::function_ref<void(int64_t)> body);
  /// Waits for all threads; every one must come here equally often.
  void barrier();
  /// This thread's contiguous share [first, second) of `count` units.
  std::pair<Value, Value> share(Value count);
  /// Panels [from, to) of `width` of `columns` columns: body(panel, masks), a
  /// mask for each register of a panel, null but for a last partial panel.
  void panelLoop(Value from, Value to, Value columns, int64_t width,
                 llvm::function_ref<void(Value, llvm::ArrayRef<Value>)> body);
  /// Columns [0, count) a register at a time: body(column, mask), where the
  /// mask is null but for a last partial register.
  void columnLoop(Value count, llvm::function_ref<void(Value, Value)> body);

private:
  llvm::DenseMap<Value, Tensor> operands;
  llvm::SmallVector<Tensor> results;
  launch::CodeOp code;
  Value team;
  unsigned tables = 0;

  Value loadTeam(size_t offset, Type type);
  /// An instruction on registers that stays where it is.
  Value assembly(llvm::StringRef text, llvm::StringRef inputs,
                 ValueRange operands);
  Value narrowed(Value value, Type element);
  Tensor loadTensor(Value argv, int64_t &word, Type type);
};

/// Where a vector of an epilogue lies: in row `row` of a root with `columns`
/// columns, from `column` on, the lanes of `mask` (null: all).
struct Position {
  Value row, column, columns, mask;
};

/// Runs the region's operations that follow from `values` (values of the region
/// as vectors at `position`, not rounded to their types yet) and stores every
/// launch.return operand reached. Other operands are loaded: [.., N] at (row,
/// column), [N] at the column, a single element broadcast. What a quantization
/// of the region reads is stored as f32 at `staged`. The stores are appended to
/// `stores`, for the caller to run after the last epilogue of a tile: no load
/// may have to wait for them.
mlir::LogicalResult
emitEpilogue(KernelEmitter &emitter, llvm::DenseMap<Value, Value> values,
             const Position &position,
             llvm::SmallVectorImpl<std::function<void()>> &stores,
             Value staged = {});

/// May `consumer` be part of the epilogue of `root`? Elementwise
/// operations whose operands are shaped as their result, [N] with the root's N,
/// or single elements.
bool fitsEpilogue(mlir::Operation *root, mlir::Operation *consumer);

} // namespace trine::cpu
