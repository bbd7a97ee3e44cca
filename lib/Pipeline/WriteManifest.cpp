//===- WriteManifest.cpp - the host program as plain data -----------------===//
// In: a module after the target phase. Out: the manifest's entries and tables.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "WriteManifest.h"
#include "Costs.h"
#include "PackWeights.h"
#include "Sizes.h"
#include "Types.h"
#include "trine/Target/Targets.h"

using namespace mlir;
using namespace trine;
using Origin = ProgramValue::Origin;

namespace {

/// What all entries share.
struct Tables {
  Tables(ModuleOp module, const TargetSet &targets, const Manifest &manifest)
      : module(module), targets(targets), manifest(manifest) {}

  ModuleOp module;
  const TargetSet &targets;
  const Manifest &manifest;
  SymbolTableCollection symbols;
  llvm::StringMap<int64_t> kernels, parameters, states;
  int64_t maxSequence = 0, maxBatch = 0;

  launch::KernelOp kernelOf(launch::CallOp call) {
    return symbols.lookupNearestSymbolFrom<launch::KernelOp>(
        call, call.getKernelAttr());
  }
};

class EntryWriter {
public:
  EntryWriter(func::FuncOp function, EntryShapes shapes, Tables &tables)
      : function(function), shapes(std::move(shapes)), tables(tables) {}

  FailureOr<Entry> write();

private:
  LogicalResult writeInputs();
  LogicalResult writeOutputs();
  LogicalResult writeOp(Operation &op);
  LogicalResult writeCall(launch::CallOp call);
  LogicalResult writeCopy(launch::CopyOp copy);
  LogicalResult writeCost(launch::CallOp call, Step &step);
  LogicalResult writeAppends();

  /// Adds the value; fails when its size is no polynomial.
  LogicalResult add(Value value, Origin origin, int64_t index);
  LogicalResult addResult(OpResult result, int64_t slot, int64_t tie);
  int64_t indexOf(Value value) const { return indices.find(value)->second; }
  FailureOr<Size> sizeOf(AffineExpr size, Operation *op, bool exact);

  func::FuncOp function;
  EntryShapes shapes;
  Tables &tables;
  Entry entry;
  llvm::DenseMap<Value, int64_t> indices;
};

} // namespace

FailureOr<Size> EntryWriter::sizeOf(AffineExpr size, Operation *op,
                                    bool exact) {
  std::optional<Size> result = exact ? exactSize(size) : boundingSize(size);
  if (result)
    return *result;
  std::string text;
  llvm::raw_string_ostream(text) << size;
  return op->emitError()
         << "the size " << text
         << " is not supported: no polynomial of the entry's dimensions";
}

LogicalResult EntryWriter::add(Value value, Origin origin, int64_t index) {
  Operation *op = value.getDefiningOp() ? value.getDefiningOp() : function;
  ProgramValue result;
  result.origin = origin;
  result.index = index;
  result.dtype = dtypeOf(value.getType());
  result.layout = layoutOf(value.getType());
  for (AffineExpr dim : shapes[value]) {
    FailureOr<Size> size = sizeOf(dim, op, /*exact=*/true);
    if (failed(size))
      return failure();
    result.shape.push_back(*size);
  }
  FailureOr<Size> bytes = sizeOf(
      storedBytes(shapes[value], cast<RankedTensorType>(value.getType())), op,
      /*exact=*/false);
  if (failed(bytes))
    return failure();
  result.bytes = *bytes;
  indices[value] = int64_t(entry.values.size());
  entry.values.push_back(std::move(result));
  return success();
}

FailureOr<Entry> EntryWriter::write() {
  entry.name = function.getName();
  entry.symbols = shapes.symbols();
  for (const std::string &symbol : entry.symbols)
    entry.symbolLimits.push_back(symbol == "B"   ? tables.maxBatch
                                 : symbol == "S" ? tables.maxSequence
                                                 : 0);
  if (failed(writeInputs()))
    return failure();
  for (Operation &op : function.getBody().front().without_terminator())
    if (failed(writeOp(op)))
      return failure();
  if (failed(writeOutputs()) || failed(writeAppends()))
    return failure();
  return std::move(entry);
}

/// The smallest table whose rows the value's elements choose; 0 for none. Only
/// what the host can check: indices that are an input as it came.
static int64_t smallestTable(Value value, Tables &tables) {
  int64_t smallest = 0;
  auto consider = [&](int64_t rows) {
    if (rows > 0 && (smallest == 0 || rows < smallest))
      smallest = rows;
  };
  for (OpOperand &use : value.getUses()) {
    if (auto reshape = dyn_cast<graph::ReshapeOp>(use.getOwner()))
      consider(smallestTable(reshape.getResult(), tables));
    auto call = dyn_cast<launch::CallOp>(use.getOwner());
    if (!call)
      continue;
    Value argument =
        tables.kernelOf(call).getBlock().getArgument(use.getOperandNumber());
    for (Operation *user : argument.getUsers())
      if (auto gather = dyn_cast<graph::GatherOp>(user);
          gather && gather.getIndices() == argument)
        consider(gather.getTable().getType().getDimSize(0));
  }
  return smallest;
}

LogicalResult EntryWriter::writeInputs() {
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    if (failed(add(argument, Origin::Input, number)))
      return failure();
    EntryTensor input;
    auto name = function.getArgAttrOfType<StringAttr>(number, "graph.name");
    input.name = name ? name.str() : fmt::format("arg{}", number);
    input.value = indexOf(argument);
    input.dtype = entry.values[size_t(input.value)].dtype;
    input.shape = entry.values[size_t(input.value)].shape;
    input.optional = bool(function.getArgAttr(number, "graph.optional"));
    if (auto limit =
            function.getArgAttrOfType<IntegerAttr>(number, "graph.index_limit"))
      input.indexLimit = limit.getInt();
    else
      input.indexLimit = smallestTable(argument, tables);
    entry.inputs.push_back(std::move(input));
  }
  return success();
}

LogicalResult EntryWriter::writeOutputs() {
  Operation *terminator = function.getBody().front().getTerminator();
  for (auto [number, value] : llvm::enumerate(terminator->getOperands())) {
    EntryTensor output;
    auto name = function.getResultAttrOfType<StringAttr>(unsigned(number),
                                                         "graph.name");
    output.name = name ? name.str() : fmt::format("result{}", number);
    output.value = indexOf(value);
    output.dtype = entry.values[size_t(output.value)].dtype;
    output.shape = entry.values[size_t(output.value)].shape;
    entry.outputs.push_back(std::move(output));
  }
  return success();
}

LogicalResult EntryWriter::writeOp(Operation &op) {
  if (auto call = dyn_cast<launch::CallOp>(op))
    return writeCall(call);
  if (auto copy = dyn_cast<launch::CopyOp>(op))
    return writeCopy(copy);
  if (auto weight = dyn_cast<graph::WeightOp>(op))
    return add(weight, Origin::Parameter,
               tables.parameters.lookup(weight.getParameter()));
  if (auto cache = dyn_cast<graph::CacheOp>(op))
    return add(cache, Origin::State, tables.states.lookup(cache.getState()));
  if (auto length = dyn_cast<graph::LengthOp>(op))
    return add(length, Origin::Length, 0);
  if (auto reshape = dyn_cast<graph::ReshapeOp>(op)) {
    // The same bytes under another shape.
    const ProgramValue &input =
        entry.values[size_t(indexOf(reshape.getInput()))];
    return add(reshape, input.origin, input.index);
  }
  return op.emitOpError("has no form in a package");
}

LogicalResult EntryWriter::addResult(OpResult result, int64_t slot,
                                     int64_t tie) {
  if (tie < 0) {
    entry.slots = std::max(entry.slots, slot + 1);
    return add(result, Origin::Slot, slot);
  }
  Value operand = result.getOwner()->getOperand(unsigned(tie));
  const ProgramValue &tied = entry.values[size_t(indexOf(operand))];
  return add(result, tied.origin, tied.index);
}

LogicalResult EntryWriter::writeCall(launch::CallOp call) {
  launch::KernelOp kernel = tables.kernelOf(call);
  std::optional<ArrayRef<int64_t>> slots = call.getSlots();
  if (!slots)
    return call.emitOpError("has no slots");
  Step step;
  step.kernel = tables.kernels.lookup(call.getKernel());
  step.device = kernel.getDevice();
  step.node = call.getNode().value_or("");
  SmallVector<graph::SymbolicShape> operandShapes;
  for (Value operand : call.getOperands()) {
    step.operands.push_back(indexOf(operand));
    operandShapes.push_back(shapes[operand]);
  }
  for (OpResult result : call->getResults()) {
    unsigned number = result.getResultNumber();
    if (failed(addResult(result, (*slots)[number], kernel.getTies()[number])))
      return failure();
    step.results.push_back(indexOf(result));
  }
  const Target *target = tables.targets.find(kernel.getDevice());
  FailureOr<Size> scratch = sizeOf(target->scratchBytes(kernel, operandShapes),
                                   call, /*exact=*/false);
  FailureOr<Size> shared =
      sizeOf(target->sharedScratchBytes(kernel, operandShapes), call,
             /*exact=*/false);
  if (failed(scratch) || failed(shared))
    return failure();
  step.scratch = *scratch;
  step.shared = *shared;
  if (failed(writeCost(call, step)))
    return failure();
  entry.steps.push_back(std::move(step));
  return success();
}

/// A cost that is no polynomial is left out: only profiles need it.
LogicalResult EntryWriter::writeCost(launch::CallOp call, Step &step) {
  if (failed(shapes.inferCall(call)))
    return failure();
  auto parameterBytes = [&](StringRef name) {
    int64_t index = tables.parameters.lookup(name);
    return int64_t(tables.manifest.parameters[size_t(index)].bytes);
  };
  LaunchCost cost = costOf(
      call, tables.kernelOf(call), shapes,
      getAffineSymbolExpr(unsigned(entry.symbols.size()), call.getContext()),
      parameterBytes);
  step.flops = boundingSize(cost.flops);
  step.bytes = boundingSize(cost.bytes);
  return success();
}

LogicalResult EntryWriter::writeCopy(launch::CopyOp copy) {
  std::optional<ArrayRef<int64_t>> slots = copy.getSlots();
  if (!slots)
    return copy.emitOpError("has no slot");
  Step step;
  step.kind = Step::Kind::Copy;
  step.device = copy.getDevice();
  step.sourceDevice = launch::deviceOf(copy.getInput(), tables.symbols);
  step.node = graph::nodeName(copy.getLoc());
  step.operands = {indexOf(copy.getInput())};
  if (failed(addResult(copy->getResult(0), (*slots)[0], -1)))
    return failure();
  step.results = {indexOf(copy.getResult())};
  entry.steps.push_back(std::move(step));
  return success();
}

/// By how much a call makes the rows of its session longer.
LogicalResult EntryWriter::writeAppends() {
  AffineExpr appended;
  for (auto call : function.getBody().front().getOps<launch::CallOp>())
    for (auto append :
         tables.kernelOf(call).getBlock().getOps<graph::AppendOp>()) {
      AffineExpr count = shapes[append.getValues()][1];
      if (appended && appended != count)
        return call.emitOpError(
            "appends another number of tokens than an earlier launch");
      appended = count;
    }
  if (!appended)
    return success();
  entry.stateful = true;
  FailureOr<Size> size = sizeOf(appended, function, /*exact=*/true);
  if (failed(size))
    return failure();
  if (std::optional<uint32_t> symbol = size->asSymbol())
    entry.appendSymbol = *symbol;
  else if (std::optional<int64_t> constant = size->asConstant())
    entry.appendTokens = *constant;
  else
    return function.emitError("appends a number of tokens that is neither "
                              "constant nor a dimension of an input");
  for (auto [index, input] : llvm::enumerate(entry.inputs))
    if (input.name == "lengths")
      entry.lengthsInput = int64_t(index);
  return success();
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static void writeKernels(ModuleOp module, Tables &tables, Manifest &manifest) {
  for (auto op : module.getOps<launch::KernelOp>()) {
    Kernel kernel;
    kernel.name = op.getSymName();
    kernel.device = op.getDevice();
    kernel.family = op.getFamily();
    kernel.compute = computeType(op);
    kernel.operands = op.getBlock().getNumArguments();
    kernel.results = int64_t(op.getTies().size());
    kernel.ties = op.getTies();
    tables.kernels[kernel.name] = int64_t(manifest.kernels.size());
    manifest.kernels.push_back(std::move(kernel));
  }
  for (auto function : module.getOps<func::FuncOp>())
    for (auto call : function.getBody().front().getOps<launch::CallOp>()) {
      Kernel &kernel =
          manifest.kernels[size_t(tables.kernels.lookup(call.getKernel()))];
      if (kernel.uses++ == 0)
        kernel.node = call.getNode().value_or("");
    }
}

static void writeStates(ModuleOp module, Tables &tables, Manifest &manifest) {
  for (auto op : module.getOps<graph::StateOp>()) {
    auto type = cast<RankedTensorType>(op.getType());
    State state;
    state.name = op.getSymName();
    state.dtype = dtypeOf(type);
    state.device = launch::kHost;
    state.shape = type.getShape().drop_front();
    state.capacity = state.shape[0];
    state.layout = layoutOf(type);
    std::vector<int64_t> row = {1};
    row.insert(row.end(), state.shape.begin(), state.shape.end());
    state.bytesPerRow = uint64_t(storedBytes(state.layout, row, state.dtype));
    tables.states[state.name] = int64_t(manifest.states.size());
    manifest.states.push_back(std::move(state));
  }
  module.walk([&](graph::CacheOp cache) {
    if (cache->getParentOfType<func::FuncOp>())
      manifest.states[size_t(tables.states.lookup(cache.getState()))].device =
          launch::deviceOf(cache, tables.symbols);
  });
}

static void writeFallbacks(ModuleOp module, Manifest &manifest) {
  auto placement = module->getAttrOfType<ArrayAttr>("launch.placement");
  if (!placement)
    return;
  for (auto item : placement.getAsRange<DictionaryAttr>()) {
    auto text = [&](const char *key) {
      return item.getAs<StringAttr>(key).str();
    };
    manifest.fallbacks.push_back(
        {text("node"), text("op"), text("device"), text("reason")});
  }
}

FailureOr<Manifest> trine::writeManifest(ModuleOp module) {
  FailureOr<TargetSet> targets = TargetSet::of(module);
  if (failed(targets))
    return failure();
  Manifest manifest;
  Tables tables(module, *targets, manifest);
  auto integer = [&](const char *name) {
    auto attr = module->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : 0;
  };
  tables.maxSequence = manifest.maxSequence = integer("graph.max_sequence");
  tables.maxBatch = manifest.maxBatch = integer("graph.max_batch");
  auto kind = module->getAttrOfType<StringAttr>("graph.kind");
  manifest.modelKind = kind ? kind.str() : "mlir";
  manifest.parameters = layOutParameters(module);
  for (auto [index, parameter] : llvm::enumerate(manifest.parameters))
    tables.parameters[parameter.name] = int64_t(index);
  writeKernels(module, tables, manifest);
  writeStates(module, tables, manifest);
  writeFallbacks(module, manifest);
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    FailureOr<EntryShapes> shapes = EntryShapes::infer(function);
    if (failed(shapes))
      return failure();
    FailureOr<Entry> entry =
        EntryWriter(function, std::move(*shapes), tables).write();
    if (failed(entry))
      return failure();
    manifest.entries.push_back(std::move(*entry));
  }
  return manifest;
}
