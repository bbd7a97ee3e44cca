//===- Contraction.cpp - linear layers and matrix products ----------------===//
// Direct emission: packed weights [N/W][K][W] and row-major activations; tiles
// of rows x W are shared by the threads, in an order that keeps operands in the
// L2. Every element is one sum over k, whatever the tile, the slice or the
// thread.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Codes.h"
#include "ContractionEmitter.h"
#include "Family.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <numeric>

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

int64_t cpu::constantOr(Value value, int64_t unknown) {
  APInt constant(64, unknown);
  matchPattern(value, m_ConstantInt(&constant));
  return constant.getSExtValue();
}

static Value inputOf(Operation *root) { return root->getOperand(0); }
/// Weights side by side, and their scales.
static SmallVector<Value, 2> weightsOf(Operation *root) {
  if (auto op = dyn_cast<fp8::ScaledMatmulOp>(root))
    return {op.getWeight()};
  if (auto op = dyn_cast<fp8::ScaledGatedOp>(root))
    return {op.getGate(), op.getUp()};
  return SmallVector<Value, 2>(
      root->getOperands().slice(1, isa<graph::GatedOp>(root) ? 2 : 1));
}
static SmallVector<Value, 2> scalesOf(Operation *root) {
  if (auto op = dyn_cast<fp8::ScaledMatmulOp>(root))
    return {op.getWeightScales()};
  auto op = cast<fp8::ScaledGatedOp>(root);
  return {op.getGateScales(), op.getUpScales()};
}
static Value inputScalesOf(Operation *root) {
  if (auto op = dyn_cast<fp8::ScaledMatmulOp>(root))
    return op.getInputScales();
  auto gated = dyn_cast<fp8::ScaledGatedOp>(root);
  return gated ? gated.getInputScales() : Value();
}
static Value weightOf(Operation *root) { return weightsOf(root).front(); }
static int64_t weightCount(Operation *root) {
  return int64_t(weightsOf(root).size());
}
static bool isCoded(Operation *root) {
  return codePanelOf(weightOf(root).getType()).has_value();
}
static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

bool cpu::isContraction(Operation *op) {
  return isa<graph::LinearOp, graph::GatedOp, graph::MatmulOp,
             fp8::ScaledMatmulOp, fp8::ScaledGatedOp>(op);
}

Type cpu::multipliedType(Operation *root, const MachineModel &machine) {
  Builder b(root->getContext());
  auto chosen = [&](bool narrow) {
    return narrow ? Type(b.getBF16Type()) : b.getF32Type();
  };
  if (auto form = scaledFormOf(root, machine))
    return chosen(form->pairs);
  if (isCoded(root))
    return chosen(typeOf(inputOf(root)).getElementType().isBF16() &&
                  machine.dotsBf16);
  return typeOf(weightOf(root)).getElementType();
}

/// What rows of x are multiplied as.
static Type rowElementOf(Operation *root, const MachineModel &machine) {
  auto form = scaledFormOf(root, machine);
  return form ? form->rowElement : typeOf(inputOf(root)).getElementType();
}

/// Elements that are whole blocks of every stored format.
static constexpr int64_t kStoredBlocks = 256;

int64_t cpu::sliceOf(launch::KernelOp kernel, const MachineModel &machine) {
  int64_t slice = 0;
  for (Operation &op : kernel.getBlock()) {
    auto weight = isContraction(&op) ? typeOf(weightOf(&op)) : nullptr;
    graph::LayoutAttr layout = weight ? graph::layoutOf(weight) : nullptr;
    if (!layout || weight.isDynamicDim(weight.getRank() - 1))
      continue;
    int64_t row = layout.getWidth() * weightCount(&op) *
                  multipliedType(&op, machine).getIntOrFloatBitWidth() / 8;
    int64_t most = machine.sliceBytes / row;
    int64_t k = weight.getShape().back();
    // Equal ones, of a multiple of the steps of a loop, of stored blocks or of
    // groups, whose sums are scaled and added in scratch.
    auto form = scaledFormOf(&op, machine);
    bool grouped = form && form->grouped();
    int64_t unit = isCoded(&op) ? kStoredBlocks : Tiles::kDepth;
    if (grouped)
      unit = std::lcm(unit, form->group);
    if (k > most || grouped)
      slice =
          llvm::alignTo(llvm::divideCeil(k, llvm::divideCeil(k, most)), unit);
  }
  return slice;
}

bool cpu::isGrouped(launch::KernelOp kernel) {
  return llvm::any_of(kernel.getBlock(), [](Operation &op) {
    auto form = scaledFormOf(&op, MachineModel());
    return form && form->grouped();
  });
}

bool cpu::tilesFit(launch::KernelOp kernel, const MachineModel &machine) {
  return machine.tilesBf16 &&
         llvm::all_of(kernel.getBlock(), [&](Operation &op) {
           if (!isContraction(&op))
             return true;
           RankedTensorType x = typeOf(inputOf(&op));
           graph::LayoutAttr layout = graph::layoutOf(typeOf(weightOf(&op)));
           auto form = scaledFormOf(&op, machine);
           return !(form && !fitsTiles(*form, machine)) &&
                  rowElementOf(&op, machine).isBF16() &&
                  multipliedType(&op, machine).isBF16() && layout &&
                  layout.getWidth() * weightCount(&op) == kTilesOfPanel * 16 &&
                  !x.isDynamicDim(x.getRank() - 1) &&
                  x.getShape().back() % Tiles::kDepth == 0;
         });
}

LogicalResult ContractionEmitter::addSegment(Operation *root) {
  Segment segment{};
  segment.root = root;
  segment.width = e.machine.panel;
  segment.step = 1;
  segment.firstPanel = e.index(0);
  for (Value weight : weightsOf(root))
    segment.weights.push_back(&e.operand(weight));
  segment.scaled = scaledFormOf(root, e.machine);
  if (segment.scaled)
    for (Value scales : scalesOf(root))
      segment.scales.push_back(&e.operand(scales));
  const Tensor &weight = *segment.weights[0];
  Value scales = inputScalesOf(root);
  if (!weight.pointer || &e.operand(inputOf(root)) != source ||
      (scales && &e.operand(scales) != inputScales))
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
    segment.step = multipliedType(root, e.machine).isBF16() ? 2 : 1;
  }
  segment.panels = e.ceilDiv(segment.columns, segment.width);
  segments.push_back(segment);
  return success();
}

LogicalResult ContractionEmitter::collect() {
  Operation *first = rootOf(e.kernel);
  source = input = &e.operand(inputOf(first));
  if (Value scales = inputScalesOf(first)) {
    inputScales = &e.operand(scales);
    values = *source;
    values.type = values.type.clone(rowElementOf(first, e.machine));
    input = &values;
  }
  unsigned rank = input->rank();
  K = input->dims.back();
  batches = e.index(1);
  M = e.rows(*input);
  if (isa<graph::MatmulOp>(first)) {
    batches = e.product(*input, 0, rank - 2);
    M = input->dims[rank - 2];
  }
  tiled = tilesFit(e.kernel, e.machine);
  rowBlock = tiled ? kTileBlock : e.machine.registers;
  slice = sliceOf(e.kernel, e.machine);
  panels = e.index(0);
  e.flushes = input->element().isBF16() && e.machine.dotsBf16;
  for (Operation &op : e.kernel.getBlock()) {
    if (!isContraction(&op))
      continue;
    if (failed(addSegment(&op)))
      return failure();
    Segment &segment = segments.back();
    segment.firstPanel = panels;
    panels = e.add(panels, segment.panels);
    e.flushes &=
        segment.step == 2 && !(segment.scaled && !segment.scaled->anyOrder);
    if (!tiled)
      rowBlock = std::min(rowBlock, e.machine.rowBlock(vectors(segment)));
  }
  return success();
}

/// The most rows whose products with codes stay in registers; 0 without codes,
/// and where an instruction is emulated.
static int64_t fewRows(launch::KernelOp kernel, const MachineModel &machine) {
  int64_t vectors = 0;
  for (Operation &op : kernel.getBlock()) {
    auto form = isContraction(&op) ? scaledFormOf(&op, machine) : std::nullopt;
    bool coded = isContraction(&op) && isCoded(&op);
    if (form && form->hopper)
      return 1; // a row's terms are looked at three times
    if (!coded && (!form || form->emulated))
      continue;
    int64_t width = graph::layoutOf(weightOf(&op).getType()).getWidth();
    vectors = std::max(vectors, width / machine.lanes * weightCount(&op));
  }
  return vectors ? CodedProduct::fewRows(machine, vectors) : 0;
}

LogicalResult ContractionEmitter::emit() {
  if (failed(collect()))
    return failure();
  batch = e.index(0);
  fp8::QuantizeOp quantize = quantizeOf(e.kernel);
  if (quantize)
    staged = e.shared;
  int64_t few = fewRows(e.kernel, e.machine);
  if (segments.front().scaled)
    emitScaled(few);
  else if (!few)
    emitRows();
  else if (segments.front().root->hasAttr("int8"))
    emitCoded(few);
  else
    e.when(
        e.less(M, e.index(few + 1)), [&] { emitCoded(few); },
        [&] { emitRows(); });
  if (quantize) {
    e.barrier();
    emitQuantize(e, quantize, staged, e.b.getF32Type());
  }
  return status;
}

FewRowsLayer ContractionEmitter::layerOf(const Segment &segment) {
  return {segment.width, segment.columns, segment.panels, segment.firstPanel,
          [&](Value column, Value row, int64_t rows, ArrayRef<Value> sums,
              ArrayRef<Value> masks) {
            emitResults(segment, column, row, rows, sums, masks);
          }};
}

/// Codes multiplied in registers, with `few` rows at a time.
void ContractionEmitter::emitCoded(int64_t few) {
  SmallVector<CodedLayer> layers;
  for (const Segment &segment : segments) {
    CodedLayer layer{layerOf(segment), *segment.code, {}};
    for (const Tensor *weight : segment.weights)
      layer.weights.push_back(weight->pointer);
    layers.push_back(std::move(layer));
  }
  emitCodedRows(e, layers, *input, panels, few,
                segments.front().root->hasAttr("int8"));
}

/// The tiles of this thread; codes are decoded a panel or slice at a time.
void ContractionEmitter::emitRows() {
  // Balanced blocks of rows: `larger` of smallest + 1 rows, then the others.
  // Of tiles all are full, but the last.
  blocks = e.ceilDiv(M, rowBlock);
  Value divisor = e.max(blocks, e.index(1));
  smallest = e.div(M, divisor);
  larger = e.rem(M, divisor);

  // A unit is one tile. Threads share all tiles of all batches evenly.
  Value tiles = e.mul(blocks, panels);
  if (tiled)
    configureTiles(e, M);
  auto [from, to] = e.share(e.mul(batches, tiles));
  if (matchPattern(batches, m_One())) {
    emitChunks(from, to);
    return tiled ? releaseTiles(e) : void();
  }
  Value each = e.max(tiles, e.index(1));
  e.loop(e.div(from, each), e.div(e.add(to, e.sub(each, e.index(1))), each), 1,
         [&, from = from, to = to](Value index) {
           batch = index;
           Value start = e.mul(index, each);
           emitChunks(e.max(e.sub(from, start), e.index(0)),
                      e.min(e.sub(to, start), tiles));
         });
  if (tiled)
    releaseTiles(e);
}

/// Tiles [from, to) of a batch, ordered by chunks of rows whose activations
/// stay in the L2, then panels, then blocks of rows: a panel
/// is read once a chunk.
void ContractionEmitter::emitChunks(Value from, Value to) {
  int64_t bytes = constantOr(K, 1024) * rowBlock * 4;
  int64_t most = kChunkBlocks,
          fit = e.machine.l2Bytes / 2 / std::max<int64_t>(bytes, 1);
  if (tiled)
    most = std::clamp<int64_t>(2 * fit, 4, slice ? kChunkBlocks : 1 << 20);
  else if (!slice)
    most = std::max(most, fit);
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
  auto panelAt = [&](Value panel, ArrayRef<Value> masks) {
    Value start = e.mul(e.add(panel, segment.firstPanel), count);
    Value fromBlock = e.max(e.sub(from, start), e.index(0));
    Value toBlock = e.min(e.sub(to, start), count);
    emitPanel(segment, panel, firstBlock, fromBlock, toBlock, masks);
  };
  e.panelLoop(low, high, segment.columns, segment.width, panelAt);
}

static LogicalResult emit(KernelEmitter &emitter) {
  return ContractionEmitter(emitter).emit();
}

/// An epilogue, another linear layer of the same input as a segment, or what
/// makes codes of a gated layer's result, whose blocks are several panels.
static bool canFuse(Operation *root, Operation *consumer) {
  auto scaled = dyn_cast<fp8::ScaledMatmulOp>(root);
  auto other = dyn_cast<fp8::ScaledMatmulOp>(consumer);
  if (scaled && other)
    return other.getInput() == scaled.getInput() &&
           other.getInputScales() == scaled.getInputScales() &&
           other.getInputBlock() == scaled.getInputBlock() &&
           other.getOrder() == scaled.getOrder() &&
           other.getGroup() == scaled.getGroup();
  if (isa<graph::LinearOp>(root) && isa<graph::LinearOp>(consumer))
    return inputOf(consumer) == inputOf(root) &&
           isCoded(consumer) == isCoded(root) &&
           consumer->hasAttr("int8") == root->hasAttr("int8");
  if (isa<graph::GatedOp, fp8::ScaledGatedOp>(root) && !root->hasAttr("int8") &&
      quantizes(root, consumer))
    return true;
  return fitsEpilogue(root, consumer);
}

/// Bytes of a row's preparation for the kernel's codes; 0 without any.
static int64_t preparedBytes(launch::KernelOp kernel) {
  SmallVector<CodePanel> forms;
  int64_t k = 0;
  bool int8 = false;
  for (Operation &op : kernel.getBlock())
    if (isContraction(&op) && isCoded(&op)) {
      forms.push_back(*codePanelOf(weightOf(&op).getType()));
      k = typeOf(inputOf(&op)).getShape().back();
      int8 = op.hasAttr("int8");
    }
  return preparedRowBytes(forms, k, int8);
}

/// Bytes of a row of an input of codes as it is multiplied; 0 of values.
static int64_t decodedRowBytes(launch::KernelOp kernel,
                               const MachineModel &machine) {
  Operation *root = rootOf(kernel);
  if (!inputScalesOf(root))
    return 0;
  return typeOf(inputOf(root)).getShape().back() *
         rowElementOf(root, machine).getIntOrFloatBitWidth() / 8;
}

/// Sums that wait for the next slice, decoded panels, or few prepared rows.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape>,
                          const MachineModel &machine) {
  int64_t slice = sliceOf(kernel, machine), decoded = 0;
  for (Operation &op : kernel.getBlock())
    if (isContraction(&op) && (isCoded(&op) || scaledFormOf(&op, machine))) {
      int64_t width = graph::layoutOf(weightOf(&op).getType()).getWidth();
      int64_t bytes = multipliedType(&op, machine).getIntOrFloatBitWidth() / 8;
      int64_t k = typeOf(inputOf(&op)).getShape().back();
      int64_t depth = slice ? slice : llvm::alignTo(k, kCodesOfWord);
      decoded = std::max(decoded, weightCount(&op) * width * depth * bytes);
    }
  int64_t prepared = fewRows(kernel, machine) *
                     (preparedBytes(kernel) + decodedRowBytes(kernel, machine));
  return getAffineConstantExpr(
      std::max(sumBytes(kernel, machine) + decoded, prepared),
      kernel.getContext());
}

/// Results that wait to be quantized, then all rows, prepared by all threads
/// for int8, or decoded.
static AffineExpr sharedScratch(launch::KernelOp kernel,
                                ArrayRef<graph::SymbolicShape> operands,
                                const MachineModel &machine) {
  Operation *root = rootOf(kernel);
  AffineExpr rows = getAffineConstantExpr(0, kernel.getContext());
  int64_t bytes = root->hasAttr("int8") ? preparedBytes(kernel)
                                        : decodedRowBytes(kernel, machine);
  if (auto quantize = quantizeOf(kernel))
    bytes += 4 * quantize.getInput().getType().getShape().back();
  if (bytes == 0)
    return rows;
  rows = rows + 1;
  auto input = cast<BlockArgument>(inputOf(root));
  for (AffineExpr dim : ArrayRef(operands[input.getArgNumber()]).drop_back())
    rows = rows * dim;
  return rows * bytes;
}

const Family cpu::contractionFamily = {
    "contraction", isContraction, emit, canFuse, scratch, sharedScratch};
