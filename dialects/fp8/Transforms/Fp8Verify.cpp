//===- Fp8Verify.cpp - gate: nothing else computes with small floats ------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Transforms/Passes.h"
#include "mlir/IR/TypeUtilities.h"

namespace trine::fp8 {
#define GEN_PASS_DEF_FP8VERIFYPASS
#include "dialects/fp8/Fp8Passes.h.inc"
} // namespace trine::fp8

using namespace mlir;
using namespace trine;

static bool isSmallFloat(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() <= 8;
}

/// Moves or keeps codes, whatever they mean.
static bool carries(Operation *op) {
  StringRef name = op->getName().getStringRef(),
            dialect = name.split('.').first;
  return dialect == "fp8" || dialect == "graph" || dialect == "launch" ||
         dialect == "func" || dialect == "llvm" || dialect == "memref" ||
         dialect == "tensor" || name == "arith.bitcast" ||
         name == "vector.bitcast" || name == "vector.load" ||
         name == "vector.store" || name == "vector.shuffle";
}

namespace {
struct Fp8Verify : fp8::impl::Fp8VerifyPassBase<Fp8Verify> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      bool small = llvm::any_of(op->getOperandTypes(), isSmallFloat) ||
                   llvm::any_of(op->getResultTypes(), isSmallFloat);
      if (!small || carries(op))
        return;
      op->emitOpError("computes with 8-bit floats, which nothing lowers; "
                      "decode them with fp8.dequantize");
      signalPassFailure();
    });
  }
};
} // namespace
