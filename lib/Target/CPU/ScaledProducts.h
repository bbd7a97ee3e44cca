//===- ScaledProducts.h - products with codes of small floats ---*- C++ -*-===//
// Panels [N/W][K/4][W][4] of 8-bit floats, and scales [N/W][K/columns][W] of
// their groups (dialects/fp8): multiplied in registers with few rows of x, or
// decoded once for many.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"
#include "dialects/fp8/Fp8.h"

namespace trine::cpu {

/// k of a column that lie together, in a word.
constexpr int64_t kCodesOfWord = 4;

/// Codes in registers.
class CodeDecoder {
public:
  CodeDecoder(KernelEmitter &emitter, Type codes)
      : e(emitter), format(*fp8::formatOf(codes)) {}

  /// The codes of each lane's word as bf16, elements 0 and 1, then 2 and 3.
  std::array<Value, 2> pairs(Value words);
  /// The same as f32, element by element.
  std::array<Value, 4> values(Value words);
  /// A register of f32 of the codes from `address` on.
  Value load(Value address);
  /// `count` codes as bf16; reads and writes up to 63 elements more.
  void copy(Value from, Value count, Value to);

private:
  std::array<Value, 2>
  lookedUp(Value words,
           llvm::function_ref<int64_t(int64_t half, int64_t i)> order);

  KernelEmitter &e;
  const Float8 &format;
};

/// Scales of `element`, f32 or UE8M0, from `address` on: a register of them, or
/// one in every lane.
Value loadScales(KernelEmitter &emitter, Value address, Type element);
Value loadScale(KernelEmitter &emitter, Value address, Type element);
/// 2^(byte - 127) of the bytes in i32 lanes.
Value ue8m0Values(KernelEmitter &emitter, Value bytes);

/// The codes of fp8.scaled_matmul, fp8.scaled_gated or such of experts, and how
/// they are summed.
struct ScaledForm {
  int64_t width;                 ///< of the panels
  int64_t k, group;              ///< group: at most k
  Type codes, scales;            ///< of the weights
  Type inputCodes, inputScales;  ///< null where x has values
  int64_t columns, inputColumns; ///< that share a scale, at most k
  /// Both sides are multiplied as bf16 in pairs of k, in the order of
  /// VDPBF16PS; else as f32.
  bool pairs;
  bool emulated; ///< pairs, on a CPU without that
  bool anyOrder;
  bool hopper;     ///< 32 products at a time, cut off below the largest
  Type rowElement; ///< of x as it is multiplied

  bool grouped() const { return group < k; }
  int64_t within(int64_t size) const { return size ? std::min(size, k) : k; }
  /// K, padded to whole words.
  int64_t depth() const { return int64_t(llvm::alignTo(k, kCodesOfWord)); }
  int64_t elementBytes() const { return pairs ? 2 : 4; } ///< of decoded weights
};

/// Nothing for other operations.
std::optional<ScaledForm> scaledFormOf(mlir::Operation *root,
                                       const MachineModel &machine);

/// Are the codes those of experts?
inline bool ofExperts(mlir::Operation *root) {
  return mlir::isa<fp8::ScaledExpertGatedOp, fp8::ScaledExpertLinearOp>(root);
}

/// Why kernels do not multiply so; empty where they do.
std::string whyUnsupported(mlir::Operation *root, const ScaledForm &form);

/// May its many rows go to AMX tiles, in panels of the width for them?
bool fitsTiles(const ScaledForm &form, const MachineModel &machine);

class ScaledProduct {
public:
  using Vectors = llvm::SmallVector<Value>;

  /// Addresses of rows of x at k = 0, of their scales (none for values), and
  /// of a panel of each weight and its scales.
  struct Operands {
    Vectors rows, rowScales, panels, scales;
  };

  ScaledProduct(KernelEmitter &emitter, const ScaledForm &form)
      : e(emitter), form(form), decoder(emitter, form.codes) {}

  /// The codes of a row of x, as they are multiplied.
  void decodeRow(Value codes, Value out);
  /// `count` k of a panel from the multiple `first` of a word's on: pairs
  /// [count/2][W][2], or f32 [count][W].
  void decodePanel(Value panel, Value first, Value count, Value out);

  /// The sums over K, scaled, by row, weight, register.
  Vectors sums(const Operands &operands);
  /// The scales of the group that begins at k = `first`: of the panels'
  /// columns, and of row `row`, in every lane (null for values).
  Vectors columnScales(const Operands &operands, Value first);
  Value rowScale(const Operands &operands, size_t row, Value first);
  /// totals + scales · parts, for the group that begins at k = `first`.
  Vectors addGroup(const Operands &operands, Value first,
                   llvm::ArrayRef<Value> parts, llvm::ArrayRef<Value> totals);

private:
  Vectors groupSums(const Operands &operands, Value first, int64_t count);
  Vectors hopperSums(const Operands &operands, Value first, int64_t count);
  Vectors hopperStep(const Operands &operands, Value first, int64_t count,
                     llvm::ArrayRef<Value> sums);
  /// A vector, number `index` by rows and columns, after one k (or pair of k).
  using AddProduct =
      llvm::function_ref<Value(size_t index, Value, Value x, Value code)>;
  void addWord(const Operands &operands, Value k, int64_t count,
               llvm::MutableArrayRef<Value> sums, AddProduct add);
  Value rowPair(Value row, Value k, bool half);
  Value rowValue(Value row, Value k);
  int64_t registers() const { return form.width / e.lanes(); }

  KernelEmitter &e;
  const ScaledForm &form;
  CodeDecoder decoder;
};

} // namespace trine::cpu
