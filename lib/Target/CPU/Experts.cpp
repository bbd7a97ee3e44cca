//===- Experts.cpp - products with the experts chosen ---------------------===//
// The pairs of a token and a chosen expert are sorted by expert; a tile is a
// few pairs of one expert by a panel of its weights, so only what is chosen is
// read. A weighted sum over a token's experts follows behind a barrier, in the
// order of their choice: no result depends on who else chose an expert. Part of
// Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CodedProducts.h"
#include "DenseProducts.h"
#include "Elementwise.h"
#include "Family.h"
#include "ScaledProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static bool isGated(Operation *root) {
  return isa<graph::ExpertGatedOp, fp8::ScaledExpertGatedOp>(root);
}

static bool isLinear(Operation *root) {
  return isa<graph::ExpertLinearOp, fp8::ScaledExpertLinearOp>(root);
}

/// The groups of a grouped layer are experts that every token chooses.
static bool isGrouped(Operation *root) {
  return isa<graph::GroupedLinearOp>(root);
}

/// Scales of codes follow them.
static SmallVector<Value, 2> weightsOf(Operation *root, bool scales = false) {
  unsigned first = isGrouped(root) ? 1 : isGated(root) ? 2 : 3;
  unsigned step = ofExperts(root) ? 2 : 1;
  SmallVector<Value, 2> weights;
  for (unsigned i = 0; i < (isGated(root) ? 2 : 1); ++i)
    weights.push_back(root->getOperand(first + i * step + scales));
  return weights;
}

static int64_t expertsOf(Operation *root) {
  return cast<RankedTensorType>(weightsOf(root)[0].getType()).getDimSize(0);
}

namespace {

class ExpertsKernel {
public:
  ExpertsKernel(KernelEmitter &emitter, Operation *root)
      : e(emitter), b(e.b), root(root), input(e.operand(root->getOperand(0))),
        experts(expertsOf(root)) {}
  LogicalResult emit();

  /// i32s before the order of the pairs: a counter for each expert, then the
  /// first pair and the first block of each and the ends of both.
  static int64_t tableSize(int64_t experts) {
    return int64_t(llvm::alignTo(uint64_t(3 * experts + 2), 16));
  }

private:
  LogicalResult collect();
  LogicalResult addWeight(Value weight);
  void sortPairs();
  void emitTiles();
  void emitTile(Value expert, Value panel, ArrayRef<Value> masks,
                Value firstPair, Value block, Value blocks, int64_t rows);
  SmallVector<Value> scaledSums(Value panel, ArrayRef<Value> rows);
  void storeSums(ArrayRef<Value> pairs, Value column, ArrayRef<Value> masks,
                 ArrayRef<Value> sums);
  void emitWeighted();

  /// An i32 of the shared scratch.
  Value word(Value index) { return e.at(e.shared, b.getI32Type(), index); }
  Value read(Value address) {
    return arith::ExtSIOp::create(b, b.getI64Type(),
                                  e.loadScalar(address, b.getI32Type()));
  }
  void write(Value value, Value address) {
    e.storeScalar(arith::TruncIOp::create(b, b.getI32Type(), value), address,
                  b.getI32Type());
  }
  Value counter(Value expert) { return word(expert); }
  Value firstOf(Value expert) { return word(e.add(expert, experts)); }
  Value blockOf(Value expert) { return word(e.add(expert, 2 * experts + 1)); }
  Value order(Value place) { return word(e.add(place, tableSize(experts))); }
  /// Pairs and blocks of the experts before this one; the pair at a place.
  Value pairsBefore(Value expert) {
    return indices ? read(firstOf(expert)) : e.mul(expert, tokens);
  }
  Value blocksBefore(Value expert) {
    return indices ? read(blockOf(expert))
                   : e.mul(expert, e.ceilDiv(tokens, rowBlock));
  }
  Value pairAt(Value expert, Value place) {
    if (indices)
      return read(order(place));
    Value token = e.sub(place, e.mul(expert, tokens));
    return e.add(e.mul(token, experts), expert);
  }
  /// The product of a pair, on its way to the weighted sum.
  Value product(Value pair, Value column) {
    Value first = e.add(e.index(tableSize(experts)), pairs);
    return e.at(e.shared, b.getF32Type(),
                e.add(first, e.add(e.mul(pair, N), column)));
  }
  Value expertOf(Value pair) {
    Value expert = read(e.at(indices->pointer, indices->element(), pair));
    return e.max(e.min(expert, e.index(experts - 1)), e.index(0));
  }

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  Operation *root;
  const Tensor &input, *indices = nullptr; ///< null: every token, every group
  SmallVector<const Tensor *, 2> weights, scales;
  std::optional<ScaledForm> scaled;
  int64_t experts, width = 0, step = 1, rowBlock = 1;
  bool packed = true; ///< false: rows [K, N] of each expert
  Value tokens, pairs, top, N, K, panels;
  LogicalResult status = success();
};

} // namespace

LogicalResult ExpertsKernel::collect() {
  for (Value operand : root->getOperands())
    if (!e.operand(operand).pointer)
      return root->emitOpError("expected arguments as operands");
  packed = !root->hasAttr("transposed");
  for (Value weight : weightsOf(root))
    if (failed(addWeight(weight)))
      return failure();
  const Tensor &weight = *weights[0];
  step = packed && weight.element().isBF16() ? 2 : 1;
  int64_t registers = width / e.lanes() * int64_t(weights.size());
  scaled = scaledFormOf(root, e.machine);
  if (scaled)
    for (Value operand : weightsOf(root, /*scales=*/true))
      scales.push_back(&e.operand(operand));
  rowBlock = scaled ? CodedProduct::fewRows(e.machine, registers)
                    : e.machine.rowBlock(registers);
  e.flushes =
      input.element().isBF16() && e.machine.dotsBf16 && (step == 2 || scaled);
  if (isGrouped(root)) {
    top = e.index(experts);
    tokens = e.product(input, 0, input.rank() - 2);
  } else {
    indices = &e.operand(root->getOperand(1));
    top = indices->dims.back();
    tokens = e.rows(*indices);
  }
  pairs = e.mul(tokens, top);
  N = weight.dims[packed ? 1 : 2];
  K = weight.dims[packed ? 2 : 1];
  panels = e.ceilDiv(N, width);
  return success();
}

LogicalResult ExpertsKernel::addWeight(Value weight) {
  weights.push_back(&e.operand(weight));
  width = e.machine.panel;
  if (!packed)
    return success();
  graph::LayoutAttr layout = graph::layoutOf(weight.getType());
  if (!layout || layout.getKind() != graph::LayoutKind::Panels ||
      layout.getFormat() || layout.getWidth() % e.lanes())
    return root->emitOpError() << "expected weights in panels of a multiple of "
                               << e.lanes() << ", got " << weight.getType();
  width = layout.getWidth();
  return success();
}

LogicalResult ExpertsKernel::emit() {
  if (failed(collect()))
    return failure();
  if (indices) {
    e.when(e.equal(e.thread, e.index(0)), [&] { sortPairs(); });
    e.barrier();
  }
  emitTiles();
  if (isLinear(root)) {
    e.barrier();
    emitWeighted();
  }
  return status;
}

/// Counts, sums them up, and puts each pair in its place: a stable order.
void ExpertsKernel::sortPairs() {
  Value zero = e.index(0), one = e.index(1), count = e.index(experts);
  e.loop(zero, count, 1, [&](Value expert) { write(zero, counter(expert)); });
  e.loop(zero, pairs, 1, [&](Value pair) {
    Value address = counter(expertOf(pair));
    write(e.add(read(address), one), address);
  });
  SmallVector<Value> ends =
      e.loop(zero, count, 1, {zero, zero},
             [&](Value expert, ValueRange carried) -> SmallVector<Value> {
               Value of = read(counter(expert));
               write(carried[0], firstOf(expert));
               write(carried[0], counter(expert));
               write(carried[1], blockOf(expert));
               return {e.add(carried[0], of),
                       e.add(carried[1], e.ceilDiv(of, rowBlock))};
             });
  write(ends[0], firstOf(count));
  write(ends[1], blockOf(count));
  e.loop(zero, pairs, 1, [&](Value pair) {
    Value address = counter(expertOf(pair));
    Value place = read(address);
    write(pair, order(place));
    write(e.add(place, one), address);
  });
}

/// This thread's tiles, ordered by experts, panels and blocks of pairs: a panel
/// is read once.
void ExpertsKernel::emitTiles() {
  Value zero = e.index(0);
  Value all = e.mul(blocksBefore(e.index(experts)), panels);
  auto [from, to] = e.share(all);
  e.loop(zero, e.index(experts), 1, [&, from = from, to = to](Value expert) {
    Value firstBlock = blocksBefore(expert);
    Value blocks = e.sub(blocksBefore(e.add(expert, 1)), firstBlock);
    Value start = e.mul(firstBlock, panels), size = e.mul(blocks, panels);
    Value low = e.max(e.sub(from, start), zero);
    Value high = e.min(e.sub(to, start), size);
    e.when(e.less(low, high), [&] {
      Value firstPair = pairsBefore(expert);
      Value count = e.sub(pairsBefore(e.add(expert, 1)), firstPair);
      auto panelAt = [&](Value panel, ArrayRef<Value> masks) {
        Value before = e.mul(panel, blocks);
        e.loop(e.max(e.sub(low, before), zero),
               e.min(e.sub(high, before), blocks), 1, [&](Value block) {
                 Value first = e.mul(block, rowBlock);
                 Value rows = e.min(e.sub(count, first), e.index(rowBlock));
                 e.switchOver(rows, rowBlock, [&](int64_t rows) {
                   emitTile(expert, panel, masks, e.add(firstPair, first),
                            block, blocks, rows);
                 });
               });
      };
      e.panelLoop(e.div(low, blocks), e.ceilDiv(high, blocks), N, width,
                  panelAt);
    });
  });
}

void ExpertsKernel::emitTile(Value expert, Value panel, ArrayRef<Value> masks,
                             Value firstPair, Value block, Value blocks,
                             int64_t rows) {
  SmallVector<Value> members, inputs;
  for (int64_t r = 0; r < rows; ++r) {
    Value pair = pairAt(expert, e.add(firstPair, r));
    Value row = isGated(root) ? e.div(pair, top) : pair;
    members.push_back(pair);
    inputs.push_back(e.at(input.pointer, input.element(), e.mul(row, K)));
  }
  if (scaled)
    return storeSums(members, e.mul(panel, width), masks,
                     scaledSums(e.add(e.mul(expert, panels), panel), inputs));
  DenseTile tile;
  tile.rows = std::move(inputs);
  tile.registers = int64_t(masks.size());
  tile.whole = matchPattern(e.rem(K, e.index(8)), m_Zero());
  tile.rowElement = input.element();
  tile.weightElement = weights[0]->element();
  tile.pairs = step == 2;
  tile.stride = packed ? e.index(width * step) : N;
  tile.stream = packed && rows == 1;
  Value depth = e.mul(e.ceilDiv(K, step), step);
  Value start =
      packed ? e.mul(e.add(e.mul(expert, panels), panel), e.mul(depth, width))
             : e.add(e.mul(expert, e.mul(K, N)), e.mul(panel, width));
  if (!packed)
    tile.masks.assign(masks.begin(), masks.end());
  int64_t bytes = width * step * tile.weightElement.getIntOrFloatBitWidth() / 8;
  for (const Tensor *weight : weights) {
    Value base = e.at(weight->pointer, weight->element(), start);
    tile.weights.push_back(base);
    if (!packed || rows == 1)
      continue;
    // The blocks of a panel ask for the next one, an equal part each.
    Value part = e.ceilDiv(e.index(bytes), blocks);
    Value each = e.add(e.index(bytes), e.mul(block, part));
    tile.steps.push_back(part);
    tile.ahead.push_back(
        e.at(base, b.getI8Type(), e.mul(e.ceilDiv(K, step), each)));
  }
  SmallVector<Value> sums(size_t(rows) * weights.size() * masks.size(),
                          e.splat(0));
  storeSums(members, e.mul(panel, width), masks,
            emitDenseSums(e, tile, K, std::move(sums)));
}

/// Of codes, decoded in registers; panels are counted over all experts.
SmallVector<Value> ExpertsKernel::scaledSums(Value panel,
                                             ArrayRef<Value> rows) {
  ScaledProduct::Operands operands;
  operands.rows.assign(rows.begin(), rows.end());
  int64_t blocks =
      llvm::divideCeil(scaled->k, std::max<int64_t>(scaled->columns, 1));
  for (auto [weight, scale] : llvm::zip_equal(weights, scales)) {
    operands.panels.push_back(e.at(weight->pointer, b.getI8Type(),
                                   e.mul(panel, scaled->depth() * width)));
    operands.scales.push_back(
        e.at(scale->pointer, scaled->scales, e.mul(panel, blocks * width)));
  }
  return ScaledProduct(e, *scaled).sums(operands);
}

/// Values through the epilogue, or products to be summed to the scratch.
void ExpertsKernel::storeSums(ArrayRef<Value> members, Value column,
                              ArrayRef<Value> masks, ArrayRef<Value> sums) {
  SmallVector<std::function<void()>> stores;
  size_t registers = masks.size();
  for (auto [r, pair] : llvm::enumerate(members))
    for (auto [v, mask] : llvm::enumerate(masks)) {
      Value at = e.add(column, int64_t(v) * e.lanes());
      Value first = sums[r * weights.size() * registers + v];
      if (isLinear(root)) {
        e.store(first, product(pair, at), b.getF32Type(), mask);
        continue;
      }
      Value value = first;
      if (isGated(root))
        value = arith::MulFOp::create(
            b,
            emitActivation(
                b,
                root->getAttrOfType<graph::ActivationAttr>("activation")
                    .getValue(),
                first),
            sums[(r * weights.size() + 1) * registers + v]);
      Position position{pair, at, N, mask};
      if (failed(
              emitEpilogue(e, {{root->getResult(0), value}}, position, stores)))
        status = failure();
    }
  for (auto &store : stores)
    store();
}

/// A register of a token's result is a unit.
void ExpertsKernel::emitWeighted() {
  const Tensor &factors = e.operand(root->getOperand(2));
  Value registers = e.ceilDiv(N, e.lanes());
  bool whole = matchPattern(e.rem(N, e.index(e.lanes())), m_Zero());
  auto [from, to] = e.share(e.mul(tokens, registers));
  e.loop(from, to, 1, [&](Value unit) {
    Value token = e.div(unit, registers);
    Value column = e.mul(e.rem(unit, registers), e.lanes());
    Value mask = whole ? Value() : e.mask(e.sub(N, column));
    Value sum = e.loop(
        e.index(0), top, 1, e.splat(0),
        [&](Value j, ValueRange carried) -> SmallVector<Value> {
          Value pair = e.add(e.mul(token, top), j);
          Value factor =
              e.loadScalar(e.at(factors.pointer, factors.element(), pair),
                           factors.element());
          Value y = e.load(product(pair, column), b.getF32Type(), mask);
          return {vector::FMAOp::create(b, e.broadcast(factor), y, carried[0])};
        })[0];
    SmallVector<std::function<void()>> stores;
    Position position{token, column, N, mask};
    if (failed(emitEpilogue(e, {{root->getResult(0), sum}}, position, stores)))
      status = failure();
    for (auto &store : stores)
      store();
  });
}

static bool heads(Operation *root) {
  return isa<graph::ExpertGatedOp, graph::ExpertLinearOp,
             graph::GroupedLinearOp>(root) ||
         ofExperts(root);
}

static LogicalResult emit(KernelEmitter &e) {
  return ExpertsKernel(e, rootOf(e.kernel)).emit();
}

/// The order of the pairs and, for weighted sums, their products.
static AffineExpr sharedScratch(launch::KernelOp kernel,
                                ArrayRef<graph::SymbolicShape> operands,
                                const MachineModel &) {
  Operation *root = rootOf(kernel);
  if (isGrouped(root))
    return getAffineConstantExpr(0, kernel.getContext());
  AffineExpr pairs = getAffineConstantExpr(1, kernel.getContext());
  auto indices = cast<BlockArgument>(root->getOperand(1));
  for (AffineExpr dim : operands[indices.getArgNumber()])
    pairs = pairs * dim;
  int64_t each = 1;
  if (isLinear(root))
    each += cast<RankedTensorType>(weightsOf(root)[0].getType()).getDimSize(1);
  return (pairs * each + ExpertsKernel::tableSize(expertsOf(root))) * 4;
}

const Family cpu::expertsFamily = {"experts",    heads,   emit,
                                   fitsEpilogue, nullptr, sharedScratch};
