//===- Flushing.cpp - multiply-adds that know no subnormals ---------------===//
// The control register is changed around them. LLVM knows nothing of that, so
// they are assembly, which it leaves where it is.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// MXCSR's flush-to-zero and denormals-are-zero.
static constexpr int32_t kFlushBits = 0x8040;

void KernelEmitter::flushing(function_ref<void()> body) {
  Type i32 = b.getI32Type();
  Value saved, changed;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(thread); // not in a loop
    auto slot = [&]() -> Value {
      return LLVM::AllocaOp::create(b, scratch.getType(), i32, index(1));
    };
    saved = slot();
    changed = slot();
  }
  auto control = [&](StringRef name, Value slot) {
    LLVM::CallIntrinsicOp::create(
        b, b.getStringAttr("llvm.x86.sse." + name.str()), ValueRange{slot});
  };
  control("stmxcsr", saved);
  Value bits = LLVM::LoadOp::create(b, i32, saved);
  bits = arith::OrIOp::create(b, bits,
                              arith::ConstantIntOp::create(b, kFlushBits, 32));
  LLVM::StoreOp::create(b, bits, changed);
  control("ldmxcsr", changed);
  body();
  control("ldmxcsr", saved);
}

Value KernelEmitter::assembly(StringRef text, StringRef inputs,
                              ValueRange operands) {
  std::string where = lanes() == 16 ? "v" : "x"; // AVX2 has 16 registers
  std::string constraints = "=" + where;
  for (char input : inputs) // 'r': a register; else the result's
    constraints += "," + (input == 'r' ? where : std::string(1, input));
  Type type = operands.front().getType();
  return LLVM::InlineAsmOp::create(
             b, type, operands, text, constraints, /*has_side_effects=*/true,
             /*is_align_stack=*/false, LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr(), ArrayAttr())
      .getRes();
}

Value KernelEmitter::flushingFma(Value x, Value y, Value sum) {
  return assembly("vfmadd231ps $2, $1, $0", "rr0", {x, y, sum});
}

Value KernelEmitter::pinned(Value vector) { return assembly("", "0", vector); }
