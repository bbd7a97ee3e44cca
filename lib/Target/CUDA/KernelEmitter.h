//===- KernelEmitter.h - builds the code of one CUDA kernel -----*- C++ -*-===//
// A launch.kernel -> launch.code with one llvm.func for each launch, over scf,
// arith, math, llvm memory operations and nvvm. Sizes and offsets are i64, what
// a block counts is i32; floats compute in f32.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "ChipSpec.h"
#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "trine/Package/CudaCode.h"
#include "llvm/ADT/DenseMap.h"

namespace trine::cuda {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// A kernel operand or result in global memory, row-major.
struct Tensor {
  Value pointer;
  llvm::SmallVector<Value, 4> dims; ///< i64; constants where static
  mlir::RankedTensorType type;
  uint32_t firstDim = 0; ///< of its dimensions among all of the kernel

  Type element() const { return type.getElementType(); }
  unsigned rank() const { return unsigned(type.getRank()); }
};

/// How a function of the kernel is launched; the rest of CudaLaunch follows.
struct LaunchShape {
  std::array<CudaExtent, 3> grid = {};
  int64_t threads = 128;
  CudaExtent guard = {};
  int64_t least = 0, most = INT64_MAX;
};

class KernelEmitter {
public:
  /// Creates the launch.code after `kernel`.
  KernelEmitter(launch::KernelOp kernel, const ChipSpec &chip);

  launch::KernelOp kernel;
  const ChipSpec &chip;
  mlir::ImplicitLocOpBuilder b;

  /// Begins the function of the next launch, and enters it.
  void begin(const LaunchShape &shape);
  /// Writes down what the launches need. Errors are the kernel's.
  mlir::LogicalResult finish();
  /// Notes that the code has the instruction.
  void use(Instruction instruction);
  /// Bytes that all launches of the kernel share; before begin().
  void setScratch(CudaExtent bytes);
  /// Bytes of the block's shared memory, aligned to 128.
  Value allocateShared(int64_t bytes);
  int64_t sharedBytes() const { return shared; }

  /// The memory of a value of the kernel's region: a block argument. Null
  /// pointer when the value is no argument.
  const Tensor &operand(Value argument) const;
  const Tensor &result(unsigned index) const { return results[index]; }
  unsigned numResults() const { return unsigned(results.size()); }

  /// ⌈Π dims [from, to) / per⌉ · times at the launch.
  static CudaExtent extent(const Tensor &tensor, unsigned from, unsigned to,
                           int64_t per = 1, int64_t times = 1);
  /// Product of dims [from, to), i64.
  Value product(const Tensor &tensor, unsigned from, unsigned to);
  Value rows(const Tensor &tensor) {
    return product(tensor, 0, tensor.rank() - 1);
  }
  Value columns(const Tensor &tensor) { return tensor.dims.back(); }

  // The thread's place, i32.
  Value thread, lane, warp;
  Value block(unsigned axis); ///< of the grid
  Value scratch;              ///< null without

  // Integers of one type, folded where constant. Division is unsigned.
  Value index(int64_t value);  ///< i64
  Value number(int64_t value); ///< i32
  Value wide(Value x);         ///< i32 -> i64, zero extended
  Value narrow(Value x);       ///< i64 -> i32
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value div(Value x, Value y);
  Value rem(Value x, Value y);
  Value bitAnd(Value x, int64_t y);
  Value bitXor(Value x, Value y);
  Value shiftLeft(Value x, int64_t y);
  Value shiftRight(Value x, int64_t y); ///< logical
  Value min(Value x, Value y);          ///< signed
  Value max(Value x, Value y);
  Value less(Value x, Value y); ///< i1, signed
  Value equal(Value x, Value y);
  Value both(Value x, Value y); ///< i1; null is true
  Value select(Value condition, Value x, Value y);
  Value constant(Type type, int64_t value);
  Value add(Value x, int64_t y) { return add(x, constant(x.getType(), y)); }
  Value sub(Value x, int64_t y) { return sub(x, constant(x.getType(), y)); }
  Value mul(Value x, int64_t y) { return mul(x, constant(x.getType(), y)); }
  Value div(Value x, int64_t y) { return div(x, constant(x.getType(), y)); }
  Value rem(Value x, int64_t y) { return rem(x, constant(x.getType(), y)); }

  // Floats, f32 and f64.
  Value real(double value); ///< f32
  Value splat(double value, int64_t width);
  Value broadcast(Value scalar, int64_t width);
  Value element(Value vector, int64_t index);
  Value collect(ValueRange scalars); ///< a vector of them

  // Memory. Loads give vectors of `width` elements, f32 where they are floats
  // (f8 included); stores round to nearest even. A width above 1 is for
  // addresses that are multiples of it. A null condition is true; where it is
  // false a load gives zeros and a store does nothing.
  Value at(Value pointer, Type element, Value offset);
  Value load(Value pointer, Type element, int64_t width, Value condition = {});
  void store(Value vector, Value pointer, Type element, Value condition = {});
  Value loadScalar(Value pointer, Type element);
  /// An i32 of memory as i64.
  Value loadIndex(const Tensor &tensor, Value offset);
  /// A table in constant memory: its address.
  Value table(llvm::ArrayRef<float> values);
  /// The f32 vector rounded to `element` (no-op for f32 and i32).
  Value round(Value vector, Type element);
  /// f32 vectors as bits of a narrower float, and back.
  Value narrowed(Value vector, Type element);
  Value widened(Value bits, Type element);

  // Warps and blocks.
  void barrier();
  /// The value of lane ^ mask: f32, i32 or f64.
  Value shuffleXor(Value x, int64_t mask);
  /// Joined over groups of `lanes` lanes (a power of two): in all of them.
  Value reduceWarp(Value x, llvm::function_ref<Value(Value, Value)> join,
                   int64_t lanes = kWarp);
  Value intrinsic(llvm::StringRef name, Type result, ValueRange operands);
  /// 2^x within 2 ulp, by the unit for it; 0 below 2^-126.
  Value exp2(Value x);

  // Control.
  /// for (i = from; i < to; i += step) body(i)
  void loop(Value from, Value to, Value step,
            llvm::function_ref<void(Value)> body);
  /// The same with carried values; body returns the next ones.
  llvm::SmallVector<Value>
  loop(Value from, Value to, Value step, ValueRange carried,
       llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body);
  /// A null condition is true.
  void when(Value condition, llvm::function_ref<void()> then);
  llvm::SmallVector<Value>
  choose(Value condition, llvm::function_ref<llvm::SmallVector<Value>()> then,
         llvm::function_ref<llvm::SmallVector<Value>()> otherwise);

private:
  void enterTensor(Tensor &tensor, Value pointer, mlir::Block &entry,
                   unsigned &next);
  void endFunction();

  llvm::DenseMap<Value, Tensor> operands;
  llvm::SmallVector<Tensor> results;
  launch::CodeOp code;
  mlir::LLVM::LLVMFuncOp function;
  mlir::LLVM::GlobalOp sharedSymbol;
  unsigned ptx, launches = 0, tables = 0;
  int64_t shared = 0;
  CudaExtent scratchBytes{.times = 0};
  std::string error;
};

/// The attributes of launch.code and of its functions, for who packs them.
constexpr llvm::StringLiteral kGrid = "launch.grid", kGuard = "launch.guard",
                              kShared = "launch.shared",
                              kSizes = "launch.sizes",
                              kScratch = "launch.scratch", kPtx = "launch.ptx";

} // namespace trine::cuda
