//===- LaunchDialect.cpp - registration and verifiers ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace trine::launch;
namespace graph = trine::graph;

#include "dialects/launch/LaunchDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/launch/LaunchOps.cpp.inc"

void LaunchDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/launch/LaunchOps.cpp.inc"
      >();
}

TypeRange KernelOp::getResultTypes() {
  return getBlock().getTerminator()->getOperandTypes();
}

LogicalResult KernelOp::verify() {
  auto terminator = dyn_cast<ReturnOp>(getBlock().back());
  if (!terminator)
    return emitOpError("expected the body to end with launch.return");
  for (BlockArgument argument : getBlock().getArguments())
    if (!isa<RankedTensorType>(argument.getType())) // L1
      return emitOpError() << "expected ranked tensors as operands, got "
                           << argument.getType();
  if (getTies().size() != terminator.getNumOperands()) // L9
    return emitOpError() << "expected a tie for each of "
                         << terminator.getNumOperands() << " results, got "
                         << getTies().size();
  llvm::SmallBitVector tied(getBlock().getNumArguments());
  for (auto [tie, type] : llvm::zip_equal(getTies(), getResultTypes())) {
    if (tie == -1)
      continue;
    if (tie < 0 || tie >= int64_t(tied.size()))
      return emitOpError() << "tie to operand " << tie << " of " << tied.size();
    if (tied.test(tie))
      return emitOpError() << "expected at most one result tied to operand "
                           << tie;
    tied.set(tie);
    if (getBlock().getArgument(tie).getType() != type)
      return emitOpError() << "expected a result of the tied operand's type "
                           << getBlock().getArgument(tie).getType() << ", got "
                           << type;
  }
  return success();
}

/// L6: slots, once assigned, are assigned to every result.
static LogicalResult verifySlots(Operation *op,
                                 std::optional<ArrayRef<int64_t>> slots) {
  if (slots && slots->size() != op->getNumResults())
    return op->emitOpError()
           << "expected a slot for each of " << op->getNumResults()
           << " results, got " << slots->size();
  return success();
}

LogicalResult CallOp::verify() { return verifySlots(*this, getSlots()); }

LogicalResult CopyOp::verify() { return verifySlots(*this, getSlots()); }

static bool sameUpToDynamicDims(TypeRange a, TypeRange b) {
  if (a.size() != b.size())
    return false;
  for (auto [left, right] : llvm::zip_equal(a, b)) {
    auto x = cast<RankedTensorType>(left), y = cast<RankedTensorType>(right);
    if (x.getElementType() != y.getElementType() ||
        x.getEncoding() != y.getEncoding() ||
        failed(verifyCompatibleShape(x, y)))
      return false;
  }
  return true;
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto kernel =
      tables.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "'" << getKernel() << "' is not a kernel"; // L3
  if (!sameUpToDynamicDims(kernel.getBlock().getArgumentTypes(),
                           getOperandTypes()) ||
      !sameUpToDynamicDims(kernel.getResultTypes(), getResultTypes())) { // L3
    InFlightDiagnostic error =
        emitOpError("expected the operand and result types of the kernel");
    error.attachNote(kernel.getLoc()) << "kernel is here";
    return error;
  }
  return success();
}

LogicalResult CodeOp::verifySymbolUses(SymbolTableCollection &tables) {
  if (tables.lookupNearestSymbolFrom<KernelOp>(getOperation()->getParentOp(),
                                               getKernelAttr()))
    return success();
  return emitOpError() << "'" << getKernel() << "' is not a kernel";
}

static KernelOp kernelOf(CallOp call, SymbolTableCollection &tables) {
  return tables.lookupNearestSymbolFrom<KernelOp>(call, call.getKernelAttr());
}

/// The operand a result is tied to, or null.
static Value tiedOperand(OpResult result, SymbolTableCollection &tables) {
  auto call = dyn_cast<CallOp>(result.getOwner());
  if (!call)
    return {};
  int64_t tie = kernelOf(call, tables).getTies()[result.getResultNumber()];
  return tie < 0 ? Value() : call.getOperand(unsigned(tie));
}

Value trine::launch::storageOf(Value value, SymbolTableCollection &tables) {
  while (auto result = dyn_cast<OpResult>(value)) {
    Value source;
    if (auto reshape = dyn_cast<graph::ReshapeOp>(result.getOwner()))
      source = reshape.getInput();
    else
      source = tiedOperand(result, tables);
    if (!source)
      break;
    value = source;
  }
  return value;
}

/// States are where the kernel that updates them runs.
static StringRef deviceOfState(graph::CacheOp cache,
                               SymbolTableCollection &tables) {
  for (OpOperand &use : cache->getUses())
    if (auto call = dyn_cast<CallOp>(use.getOwner()))
      return kernelOf(call, tables).getDevice();
  return kHost;
}

StringRef trine::launch::deviceOf(Value value, SymbolTableCollection &tables) {
  Operation *op = storageOf(value, tables).getDefiningOp();
  if (auto call = dyn_cast_or_null<CallOp>(op))
    return kernelOf(call, tables).getDevice();
  if (auto copy = dyn_cast_or_null<CopyOp>(op))
    return copy.getDevice();
  if (auto cache = dyn_cast_or_null<graph::CacheOp>(op))
    return deviceOfState(cache, tables);
  return kHost;
}
