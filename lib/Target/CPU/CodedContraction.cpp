//===- CodedContraction.cpp - layers over stored codes --------------------===//
// Rows are prepared (block sums, for int8 codes), then multiplied a few at a
// time with a panel whose codes never leave the registers.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CodedContraction.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Where the preparation for layer `index` stands among a row's: each format
/// has one. The end for an index behind the last.
static int64_t preparedAt(ArrayRef<CodePanel> forms, size_t index, int64_t k,
                          bool int8) {
  int64_t offset = 0;
  llvm::SmallSet<Storage, 2> seen;
  for (const CodePanel &form : forms) {
    if (index < forms.size() &&
        form.format.storage == forms[index].format.storage)
      return offset;
    if (seen.insert(form.format.storage).second)
      offset += CodedProduct::preparedBytes(form, k, int8);
  }
  return offset;
}

int64_t cpu::preparedRowBytes(ArrayRef<CodePanel> forms, int64_t k, bool int8) {
  return preparedAt(forms, forms.size(), k, int8);
}

void cpu::emitFewRows(
    KernelEmitter &e, const FewRowsLayer &layer, Value M, Value from, Value to,
    int64_t few, function_ref<SmallVector<Value>(Value, Value, int64_t)> sums) {
  Value low = e.max(e.sub(from, layer.firstPanel), e.index(0));
  Value high = e.min(e.sub(to, layer.firstPanel), layer.panels);
  auto emitPanel = [&](Value panel, ArrayRef<Value> masks) {
    e.loop(e.index(0), M, few, [&](Value row) {
      e.switchOver(e.min(e.sub(M, row), e.index(few)), few, [&](int64_t rows) {
        layer.results(e.mul(panel, layer.width), row, rows,
                      sums(panel, row, rows), masks);
      });
    });
  };
  e.panelLoop(low, high, layer.columns, layer.width, emitPanel);
}

void cpu::emitCodedRows(KernelEmitter &e, ArrayRef<CodedLayer> layers,
                        const Tensor &x, Value panels, int64_t few, bool int8) {
  Type i8 = e.b.getI8Type();
  Value M = e.rows(x);
  int64_t k = x.type.getShape().back();
  auto forms = llvm::map_to_vector(
      layers, [](const CodedLayer &layer) { return layer.form; });
  int64_t rowBytes = preparedRowBytes(forms, k, int8);
  Value prepared = int8 ? e.shared : e.scratch;
  auto preparedOf = [&](size_t layer, Value row) {
    int64_t offset = preparedAt(forms, layer, k, int8);
    return e.at(prepared, i8, e.add(e.mul(row, rowBytes), offset));
  };
  auto rowOf = [&](Value row) {
    return e.at(x.pointer, x.element(), e.mul(row, k));
  };

  auto [firstRow, lastRow] = int8 ? e.share(M) : std::pair(e.index(0), M);
  e.loop(firstRow, lastRow, 1, [&](Value row) {
    llvm::SmallSet<Storage, 2> done;
    for (auto [i, form] : llvm::enumerate(forms))
      if (done.insert(form.format.storage).second)
        CodedProduct(e, form, k, x.element(), int8)
            .prepare(rowOf(row), preparedOf(i, row));
  });
  if (int8)
    e.barrier();

  auto [from, to] = e.share(panels);
  for (auto [i, layer] : llvm::enumerate(layers)) {
    int64_t panelBytes = k / layer.form.format.super * layer.form.blockBytes();
    auto sums = [&, i = i](Value panel, Value row, int64_t rows) {
      SmallVector<Value> weights, xs, prepared;
      for (Value weight : layer.weights)
        weights.push_back(e.at(weight, i8, e.mul(panel, panelBytes)));
      for (int64_t r = 0; r < rows; ++r) {
        xs.push_back(rowOf(e.add(row, r)));
        prepared.push_back(preparedOf(i, e.add(row, r)));
      }
      return CodedProduct(e, layer.form, k, x.element(), int8)
          .sums(xs, prepared, weights);
    };
    emitFewRows(e, layer, M, from, to, few, sums);
  }
}
