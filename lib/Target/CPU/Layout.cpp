//===- Layout.cpp - values into packed layouts ----------------------------===//
// relayout: a row-major value to panels, head_panels or heads. append: new
// positions into a state of any layout, in place.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;
using graph::LayoutKind;

namespace {

/// Moves vectors [outer, n, 0..K) of a source to index first + n of a target:
/// contiguous (rows, heads) or one lane of a panel.
struct Mover {
  KernelEmitter &e;
  const Tensor &source, &target;
  Value outer, N, K; ///< vectors of the source: outer x N, each of K elements
  /// Element offset of a source vector.
  std::function<Value(Value outer, Value n)> from;
  /// Vectors an outer index of the target has room for, and the first written.
  Value capacity;
  std::function<Value(Value outer)> first;

  /// Elements of a pair, for bf16 and f8 along the dimension of products.
  int64_t unit() const {
    bool paired = target.element().isBF16() || isFloat8(target.element());
    return graph::layoutOf(target.type) && paired ? 2 : 1;
  }
  /// Codes are moved as bytes.
  Type typeOf(const Tensor &tensor) const {
    return isFloat8(tensor.element()) ? Type(e.b.getI8Type())
                                      : tensor.element();
  }

  void emit() {
    if (int64_t width = transposable())
      return emitBlocks(width);
    auto [begin, end] = e.share(e.mul(outer, N));
    e.loop(begin, end, 1, [&](Value i) {
      Value o = e.div(i, N), n = e.rem(i, N);
      Value position = first ? e.add(first(o), n) : n;
      Value read = from(o, n);
      graph::LayoutAttr layout = graph::layoutOf(target.type);
      if (layout && layout.getKind() != LayoutKind::Heads)
        return intoPanel(read, o, position, layout.getWidth());
      if (unit() == 2)
        return intoPair(read, o, position);
      copy(read, e.mul(e.add(e.mul(o, capacity), position), K));
    });
  }

  /// W of panels whose vectors are whole registers of 32-bit words: f32, or
  /// pairs of bf16. 0 for others.
  int64_t transposable() const {
    graph::LayoutAttr layout = graph::layoutOf(target.type);
    std::optional<int64_t> size = getConstantIntValue(K);
    bool panels = layout && layout.getKind() != LayoutKind::Heads;
    bool words = panels && source.element() == target.element() &&
                 target.element().getIntOrFloatBitWidth() * unit() == 32;
    return words && size && *size % (e.lanes() * unit()) == 0 &&
                   layout.getWidth() % e.lanes() == 0
               ? layout.getWidth()
               : 0;
  }

  /// As many vectors at a time as a register has lanes.
  void emitBlocks(int64_t width) {
    Value size = e.index(e.lanes());
    // What is appended may begin and end within a block.
    Value blocks = e.add(e.ceilDiv(N, size), first ? 1 : 0);
    auto [begin, end] = e.share(e.mul(outer, blocks));
    e.loop(begin, end, 1, [&](Value i) {
      Value o = e.div(i, blocks), start = first ? first(o) : e.index(0);
      Value block = e.mul(e.add(e.div(start, size), e.rem(i, blocks)), size);
      Value low = e.max(start, block);
      Value high = e.min(e.add(start, N), e.add(block, size));
      e.when(
          e.equal(e.sub(high, low), size),
          [&] { transpose(o, e.sub(low, start), low, width); },
          [&] {
            e.loop(low, high, 1, [&](Value n) {
              intoPanel(from(o, e.sub(n, start)), o, n, width);
            });
          });
    });
  }

  /// Vectors n, n + 1, … to positions `position` and on, all of one panel.
  void transpose(Value o, Value n, Value position, int64_t width) {
    Type word = e.b.getI32Type();
    SmallVector<Value> rows;
    for (int64_t i = 0; i < e.lanes(); ++i)
      rows.push_back(
          e.at(source.pointer, source.element(), from(o, e.add(n, i))));
    Value W = e.index(width), words = e.div(K, e.index(unit()));
    Value panel = e.add(e.mul(o, e.ceilDiv(capacity, W)), e.div(position, W));
    Value write =
        e.at(target.pointer, word,
             e.add(e.mul(panel, e.mul(words, W)), e.rem(position, W)));
    e.loop(e.index(0), words, e.lanes(), [&](Value column) {
      SmallVector<Value> tile;
      for (Value row : rows)
        tile.push_back(e.load(e.at(row, word, column), word));
      e.transpose(tile);
      for (auto [i, vector] : llvm::enumerate(tile))
        e.store(vector, e.at(write, word, e.mul(e.add(column, i), W)), word);
    });
  }

  void copy(Value read, Value write) {
    e.columnLoop(K, [&](Value column, Value mask) {
      e.store(
          e.load(e.at(source.pointer, source.element(), e.add(read, column)),
                 typeOf(source), mask),
          e.at(target.pointer, target.element(), e.add(write, column)),
          typeOf(target), mask);
    });
  }

  /// Element k goes to [outer][n / W][k][n % W], or [..][k / 2][n % W][k % 2].
  void intoPanel(Value read, Value o, Value n, int64_t width) {
    Value W = e.index(width), two = e.index(unit());
    Value panel = e.add(e.mul(o, e.ceilDiv(capacity, W)), e.div(n, W));
    Value rows = e.mul(e.ceilDiv(K, two), two);
    Value base = e.add(e.mul(panel, e.mul(rows, W)), e.mul(e.rem(n, W), two));
    scatter(read, [&](Value k) {
      Value row = e.mul(e.div(k, two), e.mul(W, two));
      return e.add(e.add(base, row), e.rem(k, two));
    });
  }

  /// Element k goes to [outer][n / 2][k][n % 2].
  void intoPair(Value read, Value o, Value n) {
    Value two = e.index(2);
    Value pair = e.add(e.mul(o, e.ceilDiv(capacity, two)), e.div(n, two));
    Value base = e.add(e.mul(pair, e.mul(K, two)), e.rem(n, two));
    scatter(read, [&](Value k) { return e.add(base, e.mul(k, two)); });
  }

  void scatter(Value read, function_ref<Value(Value k)> write) {
    e.loop(e.index(0), K, 1, [&](Value k) {
      Value scalar =
          e.loadScalar(e.at(source.pointer, source.element(), e.add(read, k)),
                       typeOf(source));
      e.storeScalar(scalar, e.at(target.pointer, target.element(), write(k)),
                    typeOf(target));
    });
  }
};

} // namespace

/// [B, T, H, D] by heads: outer is (b, h), n is t.
static Value headVector(KernelEmitter &e, const Tensor &tensor, Value outer,
                        Value n) {
  Value heads = tensor.dims[2];
  Value row = e.add(e.mul(e.div(outer, heads), tensor.dims[1]), n);
  return e.mul(e.add(e.mul(row, heads), e.rem(outer, heads)), tensor.dims[3]);
}

static LogicalResult emitRelayout(KernelEmitter &e) {
  auto op = cast<graph::RelayoutOp>(rootOf(e.kernel));
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  graph::LayoutAttr layout = graph::layoutOf(result.type);
  if (graph::layoutOf(input.type))
    return op.emitOpError() << "cannot read layout of " << input.type;
  unsigned rank = input.rank();
  if (!layout || layout.getKind() == LayoutKind::Panels) {
    Value N = rank < 2 ? e.index(1) : input.dims[rank - 2];
    Value K = input.dims[rank - 1];
    Mover mover{
        e,
        input,
        result,
        rank < 2 ? e.index(1) : e.product(input, 0, rank - 2),
        N,
        K,
        [&](Value o, Value n) { return e.mul(e.add(e.mul(o, N), n), K); },
        N,
        nullptr};
    mover.emit();
    return success();
  }
  Mover mover{e,
              input,
              result,
              e.mul(input.dims[0], input.dims[2]),
              input.dims[1],
              input.dims[3],
              [&](Value o, Value n) { return headVector(e, input, o, n); },
              input.dims[1],
              nullptr};
  mover.emit();
  return success();
}

static LogicalResult emitAppend(KernelEmitter &e) {
  auto op = cast<graph::AppendOp>(rootOf(e.kernel));
  const Tensor &values = e.operand(op.getValues()), &state = e.result(0);
  const Tensor &past = e.operand(op.getPast());
  bool byHeads = bool(graph::layoutOf(state.type));
  // Without heads a position's elements are one vector.
  Value heads = byHeads ? values.dims[2] : e.index(1);
  Value K = byHeads ? values.dims[3] : e.product(values, 2, values.rank());
  auto first = [&](Value outer) {
    Value length =
        e.loadScalar(e.at(past.pointer, past.element(), e.div(outer, heads)),
                     past.element());
    return Value(arith::ExtSIOp::create(e.b, e.b.getI64Type(), length));
  };
  auto from = [&](Value outer, Value n) {
    if (byHeads)
      return headVector(e, values, outer, n);
    return e.mul(e.add(e.mul(outer, values.dims[1]), n), K);
  };
  Mover mover{e,
              values,
              state,
              e.mul(values.dims[0], heads),
              values.dims[1],
              K,
              from,
              state.dims[1],
              first};
  mover.emit();
  return success();
}

const Family cpu::relayoutFamily = {
    "movement", [](Operation *op) { return isa<graph::RelayoutOp>(op); },
    emitRelayout};

const Family cpu::appendFamily = {
    "movement", [](Operation *op) { return isa<graph::AppendOp>(op); },
    emitAppend};
