//===- Evaluate.cpp - functions without arguments → constants -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "trine/Reference/Interpreter.h"
#include "trine/Reference/Passes.h"

using namespace mlir;
using namespace trine;

namespace trine::reference {
#define GEN_PASS_DEF_EVALUATEPASS
#include "lib/Reference/ReferencePasses.h.inc"
} // namespace trine::reference

static reference::Tensor refuseWeight(graph::ParameterOp parameter) {
  throw reference::fault(parameter, "a parameter has no value here; run the "
                                    "module with trine-run --reference");
}

static void replaceBody(func::FuncOp function,
                        ArrayRef<reference::Tensor> results) {
  Block &block = function.getBody().front();
  Operation *terminator = block.getTerminator();
  OpBuilder builder(terminator);
  for (auto [operand, tensor] :
       llvm::zip_equal(terminator->getOpOperands(), results)) {
    Type element = getElementTypeOrSelf(operand.get().getType());
    operand.set(graph::ConstantOp::create(builder, function.getLoc(),
                                          tensor.toAttribute(element)));
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (&op != terminator && op.use_empty())
      op.erase();
  function.setFunctionType(
      builder.getFunctionType({}, terminator->getOperandTypes()));
}

namespace {
struct EvaluatePass : reference::impl::EvaluatePassBase<EvaluatePass> {
  void runOnOperation() override {
    reference::Interpreter interpreter(getOperation(), refuseWeight);
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.getNumArguments() != 0 || function.isDeclaration())
        continue;
      try {
        reference::Session session;
        replaceBody(function, interpreter.call(function, {}, session));
        ++evaluated;
      } catch (const Error &error) {
        function.emitError() << error.what();
        return signalPassFailure();
      }
    }
  }
};
} // namespace
