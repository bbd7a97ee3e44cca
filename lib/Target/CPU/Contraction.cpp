//===- Contraction.cpp - linear layers and matrix products ----------------===//
// Direct emission: packed weights [N/W][K][W], row-major activations, a tile of
// rows x W accumulators over the whole of K, the epilogue on the accumulators.
// Every element sums k = 0..K-1 in one chain, whatever the tile or the thread.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "Family.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

/// One root of the kernel: its weights side by side, their columns in panels.
struct Segment {
  Operation *root;
  SmallVector<const Tensor *, 2> weights;
  Value columns; ///< N
  int64_t width; ///< W
  bool packed;   ///< false: rows [K, N] of a plain matmul
  Value panels, firstPanel;
};

class ContractionEmitter {
public:
  explicit ContractionEmitter(KernelEmitter &emitter) : e(emitter) {}
  LogicalResult emit();

private:
  LogicalResult collect();
  LogicalResult addSegment(Operation *root);
  void emitChunks(Value from, Value to);
  void emitSegment(const Segment &segment, Value firstBlock, Value blocks,
                   Value from, Value to);
  void emitPanel(const Segment &segment, Value panel, Value firstBlock,
                 Value fromBlock, Value toBlock, bool partial);
  void emitTile(const Segment &segment, Value panel, Value row, int64_t rows,
                bool partial);
  SmallVector<Value> emitSum(const Segment &segment, Value panel, Value row,
                             int64_t rows, ArrayRef<Value> masks);
  Value aheadOf(const Segment &segment, const Tensor &weight, Value base,
                SmallVector<Value> &steps);
  Value rootValue(const Segment &segment, ArrayRef<Value> sums, Value column,
                  Value mask);

  int64_t vectors(const Segment &segment) const {
    return segment.width / e.lanes() * segment.weights.size();
  }

  KernelEmitter &e;
  const Tensor *input = nullptr;
  SmallVector<Segment> segments;
  Value M, K, batches, batch;
  Value blocks, panels, smallest, larger; ///< of the rows and columns
  int64_t rowBlock = 0;
  Value blocksOfChunk, blockOfChunk; ///< of the current chunk and tile
  LogicalResult status = success();
};

} // namespace

static Value inputOf(Operation *root) { return root->getOperand(0); }

static bool isRoot(Operation *op) {
  return isa<graph::LinearOp, graph::GatedOp, graph::MatmulOp>(op);
}

LogicalResult ContractionEmitter::addSegment(Operation *root) {
  Segment segment{root, {}, {}, e.machine.panel, true, {}, e.index(0)};
  unsigned weights = isa<graph::GatedOp>(root) ? 2 : 1;
  for (unsigned i = 1; i <= weights; ++i)
    segment.weights.push_back(&e.operand(root->getOperand(i)));
  const Tensor &weight = *segment.weights[0];
  if (!weight.pointer || &e.operand(inputOf(root)) != input)
    return root->emitOpError(
        "expected one input for all of the kernel and arguments as operands");
  auto matmul = dyn_cast<graph::MatmulOp>(root);
  segment.packed = !matmul || matmul.getTransposeB();
  segment.columns = weight.dims[weight.rank() - (segment.packed ? 2 : 1)];
  graph::LayoutAttr layout = graph::layoutOf(weight.type);
  if (segment.packed) {
    if (!layout || layout.getKind() != graph::LayoutKind::Panels ||
        layout.getWidth() % e.lanes())
      return root->emitOpError()
             << "expected a weight in panels of a multiple of " << e.lanes()
             << ", got " << weight.type;
    segment.width = layout.getWidth();
  }
  segment.panels = e.ceilDiv(segment.columns, segment.width);
  segments.push_back(segment);
  return success();
}

LogicalResult ContractionEmitter::collect() {
  Operation *first = rootOf(e.kernel);
  input = &e.operand(inputOf(first));
  unsigned rank = input->rank();
  K = input->dims.back();
  batches = e.index(1);
  M = e.rows(*input);
  if (isa<graph::MatmulOp>(first)) {
    batches = e.product(*input, 0, rank - 2);
    M = input->dims[rank - 2];
  }
  rowBlock = e.machine.registers;
  panels = e.index(0);
  for (Operation &op : e.kernel.getBlock()) {
    if (!isRoot(&op))
      continue;
    if (failed(addSegment(&op)))
      return failure();
    Segment &segment = segments.back();
    segment.firstPanel = panels;
    panels = e.add(panels, segment.panels);
    rowBlock = std::min(rowBlock, e.machine.rowBlock(vectors(segment)));
  }
  return success();
}

LogicalResult ContractionEmitter::emit() {
  if (failed(collect()))
    return failure();
  // Balanced blocks of rows: `larger` of smallest + 1 rows, then the others.
  blocks = e.ceilDiv(M, rowBlock);
  Value divisor = e.max(blocks, e.index(1));
  smallest = e.div(M, divisor);
  larger = e.rem(M, divisor);

  // A unit is one tile. Threads share all tiles of all batches evenly.
  Value tiles = e.mul(blocks, panels);
  auto [from, to] = e.share(e.mul(batches, tiles));
  if (matchPattern(batches, m_One())) {
    batch = e.index(0);
    emitChunks(from, to);
    return status;
  }
  Value each = e.max(tiles, e.index(1));
  e.loop(e.div(from, each), e.div(e.add(to, e.sub(each, e.index(1))), each), 1,
         [&, from = from, to = to](Value index) {
           batch = index;
           Value start = e.mul(index, each);
           emitChunks(e.max(e.sub(from, start), e.index(0)),
                      e.min(e.sub(to, start), tiles));
         });
  return status;
}

/// Tiles [from, to) of a batch, ordered by chunks of rows whose activations
/// stay in the L2, then panels, then blocks of rows: a panel
/// is read once a chunk.
void ContractionEmitter::emitChunks(Value from, Value to) {
  APInt size(64, 1024);
  matchPattern(K, m_ConstantInt(&size));
  int64_t bytes = std::max<int64_t>(size.getSExtValue(), 1) * 4 * rowBlock;
  int64_t most = std::max<int64_t>(e.machine.l2Bytes / bytes, 1);
  // Of equal size: a short last chunk would read every panel for little work.
  Value chunks = e.max(e.ceilDiv(blocks, most), e.index(1));
  Value chunk = e.div(e.add(blocks, e.sub(chunks, e.index(1))), chunks);
  Value each = e.max(e.mul(chunk, panels), e.index(1));
  e.loop(e.div(from, each), e.div(e.add(to, e.sub(each, e.index(1))), each), 1,
         [&](Value index) {
           Value first = e.mul(index, chunk), start = e.mul(index, each);
           Value count = e.min(chunk, e.sub(blocks, first));
           Value low = e.max(e.sub(from, start), e.index(0));
           Value high = e.min(e.sub(to, start), e.mul(count, panels));
           for (const Segment &segment : segments)
             emitSegment(segment, first, count, low, high);
         });
}

/// The segment's part of tiles [from, to) of a chunk of `count` blocks.
void ContractionEmitter::emitSegment(const Segment &segment, Value firstBlock,
                                     Value count, Value from, Value to) {
  blocksOfChunk = e.max(count, e.index(1));
  Value divisor = blocksOfChunk;
  Value low = e.sub(e.div(from, divisor), segment.firstPanel);
  Value high = e.sub(e.div(e.add(to, e.sub(divisor, e.index(1))), divisor),
                     segment.firstPanel);
  low = e.max(low, e.index(0));
  high = e.min(high, segment.panels);
  auto panelAt = [&](Value panel, bool partial) {
    Value start = e.mul(e.add(panel, segment.firstPanel), count);
    Value fromBlock = e.max(e.sub(from, start), e.index(0));
    Value toBlock = e.min(e.sub(to, start), count);
    emitPanel(segment, panel, firstBlock, fromBlock, toBlock, partial);
  };
  Value whole = e.div(segment.columns, e.index(segment.width));
  e.loop(low, e.min(high, whole), 1,
         [&](Value panel) { panelAt(panel, false); });
  if (matchPattern(e.sub(segment.panels, whole), m_Zero()))
    return;
  e.loop(e.max(low, whole), high, 1,
         [&](Value panel) { panelAt(panel, true); });
}

void ContractionEmitter::emitPanel(const Segment &segment, Value panel,
                                   Value firstBlock, Value fromBlock,
                                   Value toBlock, bool partial) {
  e.loop(fromBlock, toBlock, 1, [&](Value index) {
    blockOfChunk = index;
    Value block = e.add(firstBlock, index);
    Value row = e.add(e.mul(block, smallest), e.min(block, larger));
    Value one = e.select(e.less(block, larger), e.index(1), e.index(0));
    e.switchOver(e.add(smallest, one), rowBlock, [&](int64_t rows) {
      emitTile(segment, panel, row, rows, partial);
    });
  });
}

void ContractionEmitter::emitTile(const Segment &segment, Value panel,
                                  Value row, int64_t rows, bool partial) {
  int64_t perWeight = segment.width / e.lanes();
  Value column = e.mul(panel, segment.width);
  SmallVector<Value> masks(perWeight);
  if (partial)
    for (auto [i, mask] : llvm::enumerate(masks))
      mask =
          e.mask(e.sub(e.sub(segment.columns, column), e.index(i * e.lanes())));
  SmallVector<Value> sums = emitSum(segment, panel, row, rows, masks);

  Value outputRow = e.add(e.mul(batch, M), row);
  SmallVector<std::function<void()>> stores;
  for (int64_t v = 0; v < perWeight; ++v) {
    Value at = e.add(column, v * e.lanes());
    for (int64_t r = 0; r < rows; ++r) {
      SmallVector<Value, 2> chain;
      for (size_t w = 0; w < segment.weights.size(); ++w)
        chain.push_back(sums[(r * segment.weights.size() + w) * perWeight + v]);
      Value value =
          e.round(rootValue(segment, chain, at, masks[v]),
                  cast<RankedTensorType>(segment.root->getResult(0).getType())
                      .getElementType());
      Position position{e.add(outputRow, r), at, segment.columns, masks[v]};
      if (failed(emitEpilogue(e, {{segment.root->getResult(0), value}},
                              position, stores)))
        status = failure();
    }
  }
  for (auto &store : stores)
    store();
}

/// Σ over k for a tile: vectors ordered by row, weight, register.
SmallVector<Value> ContractionEmitter::emitSum(const Segment &segment,
                                               Value panel, Value row,
                                               int64_t rows,
                                               ArrayRef<Value> masks) {
  int64_t perWeight = masks.size();
  Value stride = segment.packed ? e.index(segment.width) : segment.columns;
  Value padded = e.mul(segment.panels, segment.width);
  Value inBatch = segment.packed ? e.mul(panel, e.mul(K, stride))
                                 : e.mul(panel, segment.width);
  Value start =
      e.add(e.mul(batch, e.mul(K, segment.packed ? padded : segment.columns)),
            inBatch);
  SmallVector<Value> bases, inputs;
  for (const Tensor *weight : segment.weights)
    bases.push_back(e.at(weight->pointer, weight->element(), start));
  Value firstRow = e.add(e.mul(batch, M), row);
  for (int64_t r = 0; r < rows; ++r)
    inputs.push_back(
        e.at(input->pointer, input->element(), e.mul(e.add(firstRow, r), K)));

  // Carried: the sums, a pointer into each weight, and where to prefetch. The
  // tiles of a panel read the next panel ahead, an equal part each, so that
  // memory works while the sums do; a single row is nothing but a stream.
  SmallVector<Value> carried(rows * vectors(segment), e.splat(0));
  llvm::append_range(carried, bases);
  SmallVector<Value> steps;
  if (segment.packed && rows > 1)
    for (auto [weight, base] : llvm::zip_equal(segment.weights, bases))
      carried.push_back(aheadOf(segment, *weight, base, steps));
  carried = e.loop(e.index(0), K, 1, carried, [&](Value k, ValueRange carried) {
    ValueRange pointers = carried.drop_front(rows * vectors(segment));
    ValueRange ahead = pointers.drop_front(bases.size());
    SmallVector<Value> columns, next;
    for (auto [weight, base] : llvm::zip(segment.weights, pointers))
      for (int64_t v = 0; v < perWeight; ++v)
        columns.push_back(
            e.load(e.at(base, weight->element(), e.index(v * e.lanes())),
                   weight->element(), segment.packed ? Value() : masks[v]));
    for (Value pointer : inputs) {
      Value x = e.broadcast(
          e.loadScalar(e.at(pointer, input->element(), k), input->element()));
      for (Value column : columns)
        next.push_back(
            vector::FMAOp::create(e.b, x, column, carried[next.size()]));
    }
    for (auto [weight, base] : llvm::zip(segment.weights, pointers))
      next.push_back(e.at(base, weight->element(), stride));
    for (auto [address, step] : llvm::zip_equal(ahead, steps)) {
      LLVM::Prefetch::create(e.b, address, /*rw=*/0, /*hint=*/2, /*cache=*/1);
      next.push_back(e.at(address, e.b.getI8Type(), step));
    }
    return next;
  });
  carried.truncate(rows * vectors(segment));
  return carried;
}

/// Where this tile starts to prefetch the panel after the one at `base`, and in
/// `steps` the bytes to go on by for each k.
Value ContractionEmitter::aheadOf(const Segment &segment, const Tensor &weight,
                                  Value base, SmallVector<Value> &steps) {
  int64_t row = segment.width * weight.element().getIntOrFloatBitWidth() / 8;
  Value step = e.div(e.add(e.index(row - 1), blocksOfChunk), blocksOfChunk);
  steps.push_back(step);
  Value start = e.add(e.mul(K, row), e.mul(blockOfChunk, e.mul(K, step)));
  return e.at(base, e.b.getI8Type(), start);
}

/// The root's own result from its sums: bias or activation.
Value ContractionEmitter::rootValue(const Segment &segment,
                                    ArrayRef<Value> sums, Value column,
                                    Value mask) {
  if (auto gated = dyn_cast<graph::GatedOp>(segment.root))
    return arith::MulFOp::create(
        e.b, emitActivation(e, gated.getActivation(), sums[0]), sums[1]);
  auto linear = dyn_cast<graph::LinearOp>(segment.root);
  if (!linear || !linear.getBias())
    return sums[0];
  const Tensor &bias = e.operand(linear.getBias());
  return arith::AddFOp::create(
      e.b, sums[0],
      e.load(e.at(bias.pointer, bias.element(), column), bias.element(), mask));
}

static LogicalResult emit(KernelEmitter &emitter) {
  return ContractionEmitter(emitter).emit();
}

/// An epilogue, or another linear layer of the same input as a segment.
static bool canFuse(Operation *root, Operation *consumer) {
  if (isa<graph::LinearOp>(root) && isa<graph::LinearOp>(consumer))
    return inputOf(consumer) == inputOf(root);
  return fitsEpilogue(root, consumer);
}

const Family cpu::contractionFamily = {"contraction", isRoot, emit, canFuse};
