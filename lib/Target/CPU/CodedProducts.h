//===- CodedProducts.h - products with stored codes -------------*- C++ -*-===//
// Panels of 4- to 8-bit codes (trine/Formats/CodePanels.h): multiplied in
// registers with few rows of x, or decoded once for many.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"
#include "trine/Formats/CodePanels.h"

namespace trine::cpu {

/// The form of a weight whose layout names a format; nothing for others.
std::optional<CodePanel> codePanelOf(mlir::Type type);

/// The scales and words of one sub-block of a panel, as vectors over its rows.
class CodedBlock {
public:
  /// Value = scale · (code - zero) + offset.
  CodedBlock(KernelEmitter &emitter, const CodePanel &form)
      : e(emitter), form(form) {}

  /// d and m of the stored block at `block`.
  void enter(Value block);
  /// Scale, minimum and high bits of sub-block `index` (a value or constant).
  void enterSub(Value index);
  /// The low words of `word`, for the accessors below.
  void enterWord(int64_t word);

  int64_t registers() const { return form.width / e.lanes(); }
  Value scale(int64_t r) const { return scales[r]; }
  /// What is added to scale · (code + bias): minimum, zero and bias.
  Value offset(int64_t r, double bias);
  bool hasOffset(double bias) const {
    return form.format.hasMin || form.format.zero + bias != 0;
  }

  // The codes of the current word, each form with a bias of its own.

  /// Element `j` as f32.
  Value floatCode(int64_t j, int64_t r);
  double floatBias() const;
  /// Elements 2p, 2p+1 as bf16 pairs; 8-bit codes in two parts, lower and
  /// upper: code = 16 · upper + lower.
  Value pairCode(int64_t p, int64_t r, bool upper);
  double pairBias() const;
  /// Four codes as unsigned bytes, every second of a word of eight.
  Value byteCode(int64_t odd, int64_t r);
  double byteBias() const { return form.whole() ? 128 : 0; }

private:
  using Vectors = llvm::SmallVector<Value>;
  Value at(Value pointer, Value bytes);
  Value halves(Value address, int64_t r);
  Value bytes(Value address, int64_t r);
  Value codes(Value words, int64_t index);
  Value rotate(Value word, int64_t right);
  Value keep(Value word, uint32_t mask);
  bool usesTable() const;

  KernelEmitter &e;
  CodePanel form;
  Value block, sub;
  Vectors d, m, scales, mins, high, low;
  int64_t word = 0;
};

/// How codes meet the rows of x.
enum class CodedPath {
  Float, ///< codes as f32, x widened to f32
  Dot,   ///< codes and x as bf16 pairs, by vdpbf16ps
  Bytes  ///< both as bytes, by vpdpbusd; x quantized by blocks of 32
};

/// Sums of a few rows with the panels of one or two weights of one form: per
/// sub-block Σq·x, then scale·Σqx + offset·Σx in f32.
class CodedProduct {
public:
  /// Rows of x have `k` of `element`. `int8`: they are quantized first.
  CodedProduct(KernelEmitter &emitter, const CodePanel &form, int64_t k,
               Type element, bool int8);

  /// Most rows that sums() has registers for, each with `vectors` of columns.
  static int64_t fewRows(const MachineModel &machine, int64_t vectors) {
    return std::max<int64_t>(machine.registers / (4 * vectors), 1);
  }
  /// Bytes of a row's preparation.
  static int64_t preparedBytes(const CodePanel &form, int64_t k, bool int8);
  /// Block sums and, for int8, codes of the row of x at `x`.
  void prepare(Value x, Value prepared);

  /// Sums ordered by row, weight, register. `x` and `prepared`: of each row.
  llvm::SmallVector<Value> sums(llvm::ArrayRef<Value> x,
                                llvm::ArrayRef<Value> prepared,
                                llvm::ArrayRef<Value> panels);

private:
  using Vectors = llvm::SmallVector<Value>;
  struct Sums;
  double bias(const CodedBlock &block) const;
  void addWord(llvm::MutableArrayRef<CodedBlock> blocks,
               llvm::ArrayRef<Value> rows, Sums &sums);
  Vectors subSums(llvm::MutableArrayRef<CodedBlock> blocks,
                  llvm::ArrayRef<Value> rows);
  Vectors addSub(llvm::MutableArrayRef<CodedBlock> blocks,
                 llvm::ArrayRef<Value> x, llvm::ArrayRef<Value> prepared,
                 Value first, llvm::ArrayRef<Value> totals);
  Value quantize(Value x, Value prepared);
  Value inWordOrder(Value codes);

  KernelEmitter &e;
  CodePanel form;
  int64_t k;
  Type element;
  bool int8;
  CodedPath path;
  Type multiplied; ///< of the rows that sums() reads
};

/// Decodes `count` k of the panel at `panel` from k = `first` on (multiples of
/// the stored block) to [count][W] at `out`: f32, or bf16 in pairs.
void emitDecode(KernelEmitter &emitter, const CodePanel &form, Value panel,
                Value first, Value count, Value out, Type element);

} // namespace trine::cpu
