//===- LaunchDialect.cpp - registration and verifiers ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/launch/Launch.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace trine::launch;

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
