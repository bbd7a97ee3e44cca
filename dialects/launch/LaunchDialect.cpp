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
  if (getTies().size() != terminator.getNumOperands()) // L1
    return emitOpError() << "expected a tie for each of "
                         << terminator.getNumOperands() << " results, got "
                         << getTies().size();
  for (int64_t tie : getTies())
    if (tie < -1 || tie >= int64_t(getBlock().getNumArguments()))
      return emitOpError() << "tie to operand " << tie << " of "
                           << getBlock().getNumArguments();
  return success();
}

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
    return emitOpError() << "'" << getKernel() << "' is not a kernel";
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
