//===- Contraction.cpp - linear layers and matrix products ----------------===//
// Direct emission: packed weights [N/W][K][W], row-major activations, a tile of
// rows x W accumulators, the epilogue on the accumulators. A long K goes in
// slices that stay in the L2; the sums wait in scratch. Every element sums
// k = 0..K-1 in one chain, whatever the tile, the slice or the thread.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CodedContraction.h"
#include "DenseProducts.h"
#include "Elementwise.h"
#include "Family.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

/// Blocks of rows of a chunk at least, and of one whose sums wait in scratch
/// at most: enough work for what a panel costs to read.
constexpr int64_t kChunkBlocks = 24;

/// One root of the kernel: its weights side by side, their columns in panels.
struct Segment {
  Operation *root;
  SmallVector<const Tensor *, 2> weights;
  Value columns; ///< N
  int64_t width; ///< W
  bool packed;   ///< false: rows [K, N] of a plain matmul
  int64_t step;  ///< k that lie together for a column: 2 of packed bf16
  std::optional<CodePanel> code; ///< the form of stored codes
  Value panels, firstPanel;
};

class ContractionEmitter {
public:
  explicit ContractionEmitter(KernelEmitter &emitter) : e(emitter) {}
  LogicalResult emit();

private:
  LogicalResult collect();
  LogicalResult addSegment(Operation *root);
  void emitRows();
  void emitCoded();
  void emitDecoded(const Segment &segment, Value panel, Value k, Value count);
  Value decodedAt(size_t weight, const Segment &segment);
  void emitChunks(Value from, Value to);
  void emitSegment(const Segment &segment, Value firstBlock, Value blocks,
                   Value from, Value to);
  void emitPanel(const Segment &segment, Value panel, Value firstBlock,
                 Value fromBlock, Value toBlock, bool partial);
  void emitBlocks(Value firstBlock, Value fromBlock, Value toBlock,
                  function_ref<void(Value, int64_t)> tile);
  void emitSlices(const Segment &segment, Value panel, Value firstBlock,
                  Value fromBlock, Value toBlock, ArrayRef<Value> masks);
  SmallVector<Value> emitSums(const Segment &segment, Value panel, Value row,
                              int64_t rows, Value k, Value count,
                              ArrayRef<Value> masks, SmallVector<Value> sums);
  void emitResults(const Segment &segment, Value column, Value row,
                   int64_t rows, ArrayRef<Value> sums, ArrayRef<Value> masks);
  SmallVector<Value> partialSums(int64_t vectors, Value row);
  Value aheadOf(const Segment &segment, const Tensor &weight, Value base,
                Value count, SmallVectorImpl<Value> &steps);
  Value rootValue(const Segment &segment, ArrayRef<Value> sums, Value column,
                  Value mask);
  Value rowOf(Value block) {
    return e.add(e.mul(block, smallest), e.min(block, larger));
  }

  int64_t vectors(const Segment &segment) const {
    return segment.width / e.lanes() * segment.weights.size();
  }

  KernelEmitter &e;
  const Tensor *input = nullptr;
  SmallVector<Segment> segments;
  Value M, K, batches, batch;
  Value blocks, panels, smallest, larger; ///< of the rows and columns
  int64_t rowBlock = 0;
  int64_t slice = 0; ///< k that a slice of a long K has; 0: all of them
  Value rowOfChunk;  ///< first row of the current chunk
  Value blocksOfChunk, blockOfChunk; ///< of the current chunk and tile
  LogicalResult status = success();
};

} // namespace

static int64_t constantOr(Value value, int64_t unknown) {
  APInt constant(64, unknown);
  matchPattern(value, m_ConstantInt(&constant));
  return constant.getSExtValue();
}

static Value inputOf(Operation *root) { return root->getOperand(0); }

static bool isRoot(Operation *op) {
  return isa<graph::LinearOp, graph::GatedOp, graph::MatmulOp>(op);
}

/// What codes are decoded to for many rows of x.
static Type decodedType(RankedTensorType x, const MachineModel &machine) {
  return x.getElementType().isBF16() && machine.dotsBf16
             ? x.getElementType()
             : Float32Type::get(x.getContext());
}

/// Bytes of the sums of a chunk of rows that wait for the next slice: a block
/// has fewer than there are registers.
static int64_t sumBytes(int64_t slice, const MachineModel &machine) {
  return slice ? kChunkBlocks * machine.registers * machine.lanes * 4 : 0;
}

/// k that a slice of K has where a panel would not stay in the L2 beside the
/// next one; 0 where it does, or may.
static int64_t sliceOf(launch::KernelOp kernel, const MachineModel &machine) {
  int64_t slice = 0;
  for (Operation &op : kernel.getBlock()) {
    auto weight = isRoot(&op)
                      ? cast<RankedTensorType>(op.getOperand(1).getType())
                      : RankedTensorType();
    graph::LayoutAttr layout = weight ? graph::layoutOf(weight) : nullptr;
    if (!layout || weight.isDynamicDim(weight.getRank() - 1))
      continue;
    auto input = cast<RankedTensorType>(op.getOperand(0).getType());
    Type element = layout.getFormat() ? decodedType(input, machine)
                                      : weight.getElementType();
    int64_t row = layout.getWidth() * element.getIntOrFloatBitWidth() / 8;
    int64_t most =
        machine.sliceBytes / (isa<graph::GatedOp>(op) ? 2 * row : row);
    int64_t k = weight.getShape().back();
    // Equal ones, of a multiple of the steps of a loop or of stored blocks.
    if (k > most)
      slice = llvm::alignTo(llvm::divideCeil(k, llvm::divideCeil(k, most)),
                            layout.getFormat() ? 256 : 8);
  }
  return slice;
}

LogicalResult ContractionEmitter::addSegment(Operation *root) {
  Segment segment{root, {}, {}, e.machine.panel, true, 1, {}, {}, e.index(0)};
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
    segment.code = codePanelOf(weight.type);
    Type element =
        segment.code ? decodedType(input->type, e.machine) : weight.element();
    segment.step = element.isBF16() ? 2 : 1;
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
  slice = sliceOf(e.kernel, e.machine);
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
  batch = e.index(0);
  if (!segments.front().code)
    emitRows();
  else if (segments.front().root->hasAttr("int8"))
    emitCoded();
  else
    e.when(
        e.less(M, e.index(CodedProduct::fewRows(e.machine) + 1)),
        [&] { emitCoded(); }, [&] { emitRows(); });
  return status;
}

/// Codes multiplied in registers.
void ContractionEmitter::emitCoded() {
  SmallVector<CodedLayer> layers;
  for (const Segment &segment : segments) {
    CodedLayer layer{*segment.code,      {}, segment.columns, segment.panels,
                     segment.firstPanel, {}};
    for (const Tensor *weight : segment.weights)
      layer.weights.push_back(weight->pointer);
    layer.results = [&](Value column, Value row, int64_t rows,
                        ArrayRef<Value> sums, ArrayRef<Value> masks) {
      emitResults(segment, column, row, rows, sums, masks);
    };
    layers.push_back(std::move(layer));
  }
  emitCodedRows(e, layers, *input, panels,
                segments.front().root->hasAttr("int8"));
}

/// The tiles of this thread; codes are decoded a panel or slice at a time.
void ContractionEmitter::emitRows() {
  // Balanced blocks of rows: `larger` of smallest + 1 rows, then the others.
  blocks = e.ceilDiv(M, rowBlock);
  Value divisor = e.max(blocks, e.index(1));
  smallest = e.div(M, divisor);
  larger = e.rem(M, divisor);

  // A unit is one tile. Threads share all tiles of all batches evenly.
  Value tiles = e.mul(blocks, panels);
  auto [from, to] = e.share(e.mul(batches, tiles));
  if (matchPattern(batches, m_One()))
    return emitChunks(from, to);
  Value each = e.max(tiles, e.index(1));
  e.loop(e.div(from, each), e.div(e.add(to, e.sub(each, e.index(1))), each), 1,
         [&, from = from, to = to](Value index) {
           batch = index;
           Value start = e.mul(index, each);
           emitChunks(e.max(e.sub(from, start), e.index(0)),
                      e.min(e.sub(to, start), tiles));
         });
}

/// Tiles [from, to) of a batch, ordered by chunks of rows whose activations
/// stay in the L2, then panels, then blocks of rows: a panel
/// is read once a chunk.
void ContractionEmitter::emitChunks(Value from, Value to) {
  int64_t bytes = constantOr(K, 1024) * rowBlock * 4;
  int64_t most = kChunkBlocks;
  if (!slice)
    most = std::max(most, e.machine.l2Bytes / 2 / std::max<int64_t>(bytes, 1));
  // Of equal size: a short last chunk would read every panel for little work.
  Value chunks = e.max(e.ceilDiv(blocks, most), e.index(1));
  Value chunk = e.div(e.add(blocks, e.sub(chunks, e.index(1))), chunks);
  Value each = e.max(e.mul(chunk, panels), e.index(1));
  e.loop(e.div(from, each), e.div(e.add(to, e.sub(each, e.index(1))), each), 1,
         [&](Value index) {
           Value first = e.mul(index, chunk), start = e.mul(index, each);
           rowOfChunk = rowOf(first);
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
  Value column = e.mul(panel, segment.width);
  SmallVector<Value> masks(segment.width / e.lanes());
  if (partial)
    for (auto [i, mask] : llvm::enumerate(masks))
      mask =
          e.mask(e.sub(e.sub(segment.columns, column), e.index(i * e.lanes())));
  if (!slice) {
    emitDecoded(segment, panel, e.index(0), K);
    return emitBlocks(
        firstBlock, fromBlock, toBlock, [&](Value row, int64_t rows) {
          SmallVector<Value> zeros(rows * vectors(segment), e.splat(0));
          SmallVector<Value> sums =
              emitSums(segment, panel, row, rows, e.index(0), K, masks, zeros);
          emitResults(segment, column, row, rows, sums, masks);
        });
  }
  emitSlices(segment, panel, firstBlock, fromBlock, toBlock, masks);
  e.loop(rowOf(e.add(firstBlock, fromBlock)), rowOf(e.add(firstBlock, toBlock)),
         1, [&](Value row) {
           SmallVector<Value> sums;
           for (Value address : partialSums(vectors(segment), row))
             sums.push_back(e.load(address, e.b.getF32Type()));
           emitResults(segment, column, row, 1, sums, masks);
         });
}

/// The values of `count` k of a panel of codes, in scratch.
void ContractionEmitter::emitDecoded(const Segment &segment, Value panel,
                                     Value k, Value count) {
  if (!segment.code)
    return;
  const CodePanel &form = *segment.code;
  int64_t bytes = constantOr(K, 0) / form.format.super * form.blockBytes();
  for (auto [i, weight] : llvm::enumerate(segment.weights))
    emitDecode(
        e, form, e.at(weight->pointer, e.b.getI8Type(), e.mul(panel, bytes)), k,
        count, decodedAt(i, segment), decodedType(input->type, e.machine));
}

/// Where the values of a weight's panel or slice stand, behind the sums.
Value ContractionEmitter::decodedAt(size_t weight, const Segment &segment) {
  int64_t depth = slice ? slice : constantOr(K, 0);
  int64_t values = depth * segment.width *
                   decodedType(input->type, e.machine).getIntOrFloatBitWidth() /
                   8;
  return e.at(e.scratch, e.b.getI8Type(),
              e.index(sumBytes(slice, e.machine) + int64_t(weight) * values));
}

/// tile(row, rows) for each block of rows.
void ContractionEmitter::emitBlocks(Value firstBlock, Value fromBlock,
                                    Value toBlock,
                                    function_ref<void(Value, int64_t)> tile) {
  e.loop(fromBlock, toBlock, 1, [&](Value index) {
    blockOfChunk = index;
    Value block = e.add(firstBlock, index);
    Value one = e.select(e.less(block, larger), e.index(1), e.index(0));
    e.switchOver(e.add(smallest, one), rowBlock,
                 [&](int64_t rows) { tile(rowOf(block), rows); });
  });
}

/// Where the sums of a row of the chunk wait for the next slice.
SmallVector<Value> ContractionEmitter::partialSums(int64_t vectors, Value row) {
  Value first = e.mul(e.sub(row, rowOfChunk), vectors * e.lanes());
  return llvm::map_to_vector(llvm::seq(vectors), [&](int64_t v) {
    return e.at(e.scratch, e.b.getF32Type(), e.add(first, v * e.lanes()));
  });
}

/// The sums of a panel in scratch, slice after slice. A single block is
/// nothing but a stream: one slice.
void ContractionEmitter::emitSlices(const Segment &segment, Value panel,
                                    Value firstBlock, Value fromBlock,
                                    Value toBlock, ArrayRef<Value> masks) {
  Type f32 = e.b.getF32Type();
  int64_t size = vectors(segment);
  e.loop(rowOf(e.add(firstBlock, fromBlock)), rowOf(e.add(firstBlock, toBlock)),
         1, [&](Value row) {
           for (Value address : partialSums(size, row))
             e.store(e.splat(0), address, f32);
         });
  Value length = e.index(slice), slices = e.ceilDiv(K, slice);
  if (!segment.code) {
    Value alone = e.equal(blocksOfChunk, e.index(1));
    length = e.select(alone, K, length);
    slices = e.select(alone, e.index(1), slices);
  }
  e.loop(e.index(0), slices, 1, [&](Value index) {
    Value k = e.mul(index, length);
    Value count = e.min(length, e.sub(K, k));
    emitDecoded(segment, panel, k, count);
    emitBlocks(firstBlock, fromBlock, toBlock, [&](Value row, int64_t rows) {
      SmallVector<Value> addresses, sums;
      for (int64_t r = 0; r < rows; ++r)
        llvm::append_range(addresses, partialSums(size, e.add(row, r)));
      for (Value address : addresses)
        sums.push_back(e.load(address, f32));
      sums = emitSums(segment, panel, row, rows, k, count, masks, sums);
      for (auto [sum, address] : llvm::zip_equal(sums, addresses))
        e.store(sum, address, f32);
    });
  });
}

/// The epilogue on the sums of a tile, and its stores.
void ContractionEmitter::emitResults(const Segment &segment, Value column,
                                     Value row, int64_t rows,
                                     ArrayRef<Value> sums,
                                     ArrayRef<Value> masks) {
  int64_t perWeight = masks.size();
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

/// The sums of a tile after k, .., k + count - 1.
SmallVector<Value>
ContractionEmitter::emitSums(const Segment &segment, Value panel, Value row,
                             int64_t rows, Value k, Value count,
                             ArrayRef<Value> masks, SmallVector<Value> sums) {
  DenseTile tile;
  tile.registers = masks.size();
  tile.whole = matchPattern(e.rem(K, e.index(8)), m_Zero());
  tile.rowElement = input->element();
  tile.weightElement = segment.code ? decodedType(input->type, e.machine)
                                    : segment.weights[0]->element();
  tile.pairs = segment.step == 2;
  tile.stride =
      segment.packed ? e.index(segment.width * segment.step) : segment.columns;
  if (!segment.packed)
    tile.masks.assign(masks.begin(), masks.end());
  Value padded =
      segment.packed ? e.mul(segment.panels, segment.width) : segment.columns;
  Value depth = e.mul(e.ceilDiv(K, segment.step), segment.step);
  Value inBatch = e.mul(panel, segment.width);
  if (segment.packed)
    inBatch = e.mul(inBatch, depth);
  Value first =
      e.mul(k, segment.packed ? e.index(segment.width) : segment.columns);
  Value start =
      e.add(e.add(e.mul(batch, e.mul(depth, padded)), inBatch), first);
  // The tiles of a panel read what follows it, an equal part each, so that
  // memory works while the sums do; a single row is nothing but a stream.
  for (auto [i, weight] : llvm::enumerate(segment.weights)) {
    if (segment.code) {
      tile.weights.push_back(decodedAt(i, segment));
      continue;
    }
    Value base = e.at(weight->pointer, weight->element(), start);
    tile.weights.push_back(base);
    if (segment.packed && rows > 1)
      tile.ahead.push_back(aheadOf(segment, *weight, base, count, tile.steps));
  }
  Value firstRow = e.add(e.mul(batch, M), row);
  for (int64_t r = 0; r < rows; ++r)
    tile.rows.push_back(e.at(input->pointer, input->element(),
                             e.add(e.mul(e.add(firstRow, r), K), k)));
  return emitDenseSums(e, tile, count, std::move(sums));
}

/// Where this tile starts to prefetch the panel's next slice or the next panel
/// after the `count` k from `base` on, and in `steps` the bytes for each step.
Value ContractionEmitter::aheadOf(const Segment &segment, const Tensor &weight,
                                  Value base, Value count,
                                  SmallVectorImpl<Value> &steps) {
  int64_t row = segment.width * segment.step *
                weight.element().getIntOrFloatBitWidth() / 8;
  Value step = e.div(e.add(e.index(row - 1), blocksOfChunk), blocksOfChunk);
  steps.push_back(step);
  Value each = e.add(e.index(row), e.mul(blockOfChunk, step));
  return e.at(base, e.b.getI8Type(),
              e.mul(e.ceilDiv(count, segment.step), each));
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

static bool isCoded(Operation *root) {
  return codePanelOf(root->getOperand(1).getType()).has_value();
}

/// An epilogue, or another linear layer of the same input as a segment.
static bool canFuse(Operation *root, Operation *consumer) {
  if (isa<graph::LinearOp>(root) && isa<graph::LinearOp>(consumer))
    return inputOf(consumer) == inputOf(root) &&
           isCoded(consumer) == isCoded(root) &&
           consumer->hasAttr("int8") == root->hasAttr("int8");
  return fitsEpilogue(root, consumer);
}

/// Bytes of a row's preparation for the kernel's codes; 0 without any.
static int64_t preparedBytes(launch::KernelOp kernel) {
  SmallVector<CodePanel> forms;
  int64_t k = 0;
  bool int8 = false;
  for (Operation &op : kernel.getBlock())
    if (isRoot(&op) && isCoded(&op)) {
      forms.push_back(*codePanelOf(op.getOperand(1).getType()));
      k = cast<RankedTensorType>(op.getOperand(0).getType()).getShape().back();
      int8 = op.hasAttr("int8");
    }
  return preparedRowBytes(forms, k, int8);
}

/// Sums that wait for the next slice, decoded panels, or few prepared rows.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape>,
                          const MachineModel &machine) {
  int64_t slice = sliceOf(kernel, machine), decoded = 0;
  for (Operation &op : kernel.getBlock())
    if (isRoot(&op) && isCoded(&op)) {
      auto x = cast<RankedTensorType>(op.getOperand(0).getType());
      int64_t weights = isa<graph::GatedOp>(op) ? 2 : 1;
      int64_t width = codePanelOf(op.getOperand(1).getType())->width;
      int64_t bytes = decodedType(x, machine).getIntOrFloatBitWidth() / 8;
      int64_t depth = slice ? slice : x.getShape().back();
      decoded = std::max(decoded, weights * width * depth * bytes);
    }
  int64_t few = CodedProduct::fewRows(machine) * preparedBytes(kernel);
  return getAffineConstantExpr(
      std::max(sumBytes(slice, machine) + decoded, few), kernel.getContext());
}

/// All rows, prepared by all threads for int8.
static AffineExpr sharedScratch(launch::KernelOp kernel,
                                ArrayRef<graph::SymbolicShape> operands,
                                const MachineModel &) {
  Operation *root = rootOf(kernel);
  AffineExpr rows = getAffineConstantExpr(0, kernel.getContext());
  if (!root->hasAttr("int8"))
    return rows;
  rows = rows + 1;
  auto input = cast<BlockArgument>(inputOf(root));
  for (AffineExpr dim : ArrayRef(operands[input.getArgNumber()]).drop_back())
    rows = rows * dim;
  return rows * preparedBytes(kernel);
}

const Family cpu::contractionFamily = {"contraction", isRoot,  emit,
                                       canFuse,       scratch, sharedScratch};
