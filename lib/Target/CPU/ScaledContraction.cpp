//===- ScaledContraction.cpp - layers of codes with scales ----------------===//
// What fp8.scaled_matmul and fp8.scaled_gated need beside the loops of dense
// layers: an input of codes is decoded once, panels a slice at a time, and the
// sums of a group are scaled as they are added to the totals.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ContractionEmitter.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

void ContractionEmitter::emitScaled(int64_t few) {
  auto decodeAll = [&] {
    if (!inputScales)
      return;
    values.pointer = e.shared;
    if (staged)
      values.pointer =
          e.at(e.shared, e.b.getF32Type(), e.mul(M, segments[0].columns));
    auto [from, to] = e.share(M);
    decodeInput(from, to);
    e.barrier();
  };
  auto many = [&] {
    decodeAll();
    emitRows();
  };
  if (segments.front().scaled->hopper) { // sums are no multiply-adds
    decodeAll();
    return emitProducts(few);
  }
  if (few)
    e.when(e.less(M, e.index(few + 1)), [&] { emitScaledFew(few); }, many);
  else
    many();
}

/// Few rows meet codes in registers. Every thread decodes its own copy of them.
void ContractionEmitter::emitScaledFew(int64_t few) {
  if (inputScales) {
    values.pointer = e.scratch;
    decodeInput(e.index(0), M);
  }
  emitProducts(few);
}

void ContractionEmitter::emitProducts(int64_t few) {
  auto [from, to] = e.share(panels);
  for (const Segment &segment : segments) {
    auto sums = [&](Value panel, Value row, int64_t rows) {
      return ScaledProduct(e, *segment.scaled)
          .sums(scaledOperands(segment, panel, row, rows));
    };
    emitFewRows(e, layerOf(segment), M, from, to, few, sums);
  }
}

void ContractionEmitter::decodeInput(Value fromRow, Value toRow) {
  ScaledProduct product(e, *segments.front().scaled);
  e.loop(fromRow, toRow, 1, [&](Value row) {
    Value first = e.mul(row, K);
    product.decodeRow(e.at(source->pointer, e.b.getI8Type(), first),
                      e.at(values.pointer, values.element(), first));
  });
}

ScaledProduct::Operands
ContractionEmitter::scaledOperands(const Segment &segment, Value panel,
                                   Value row, int64_t rows) {
  const ScaledForm &form = *segment.scaled;
  ScaledProduct::Operands operands;
  // A row's scales; one scale may be all rows'.
  int64_t perRow = inputScales && !fp8::isOneScale(inputScales->type.getShape())
                       ? int64_t(llvm::divideCeil(form.k, form.inputColumns))
                       : 0;
  for (int64_t r = 0; r < rows; ++r) {
    Value at = e.add(row, r);
    operands.rows.push_back(
        e.at(input->pointer, input->element(), e.mul(at, K)));
    if (inputScales)
      operands.rowScales.push_back(
          e.at(inputScales->pointer, form.inputScales, e.mul(at, perRow)));
  }
  int64_t blocks = form.columns ? llvm::divideCeil(form.k, form.columns) : 0;
  for (auto [weight, scales] :
       llvm::zip_equal(segment.weights, segment.scales)) {
    operands.panels.push_back(e.at(weight->pointer, e.b.getI8Type(),
                                   e.mul(panel, form.depth() * form.width)));
    operands.scales.push_back(
        e.at(scales->pointer, form.scales, e.mul(panel, blocks * form.width)));
  }
  return operands;
}

void ContractionEmitter::decodeScaled(const Segment &segment, Value panel,
                                      Value k, Value count) {
  ScaledProduct product(e, *segment.scaled);
  auto panels = scaledOperands(segment, panel, e.index(0), 0).panels;
  for (auto [i, address] : llvm::enumerate(panels))
    product.decodePanel(address, k, count, decodedAt(i, segment));
}

/// The groups of a slice of `count` k from `k` on, added to the totals of a
/// tile, which wait in scratch.
void ContractionEmitter::emitGroups(const Segment &segment, Value panel,
                                    Value row, int64_t rows, Value k,
                                    Value count, ArrayRef<Value> masks) {
  const ScaledForm &form = *segment.scaled;
  Type f32 = e.b.getF32Type();
  int64_t size = vectors(segment);
  e.loop(e.index(0), count, form.group, [&](Value first) {
    Value length = e.index(form.group);
    if (form.k % form.group)
      length = e.min(length, e.sub(count, first));
    SmallVector<Value> addresses, totals, zeros(rows * size, e.splat(0));
    SmallVector<Value> parts =
        emitSums(segment, panel, row, rows, e.add(k, first), length, masks,
                 zeros, first);
    for (int64_t r = 0; r < rows; ++r)
      llvm::append_range(addresses, partialSums(size, e.add(row, r)));
    for (Value address : addresses)
      totals.push_back(e.load(address, f32));
    totals = ScaledProduct(e, form).addGroup(
        scaledOperands(segment, panel, row, rows), e.add(k, first), parts,
        totals);
    for (auto [total, address] : llvm::zip_equal(totals, addresses))
      e.store(total, address, f32);
  });
}

/// Sums over all of K that are one group, times their scales.
SmallVector<Value> ContractionEmitter::scaledOnce(const Segment &segment,
                                                  Value panel, Value row,
                                                  int64_t rows,
                                                  SmallVector<Value> sums) {
  if (!segment.scaled || segment.scaled->grouped())
    return sums;
  SmallVector<Value> zeros(sums.size(), e.splat(0));
  return ScaledProduct(e, *segment.scaled)
      .addGroup(scaledOperands(segment, panel, row, rows), e.index(0), sums,
                zeros);
}
