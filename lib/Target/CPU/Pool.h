//===- Pool.h - one vector for a sequence -----------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"

namespace trine::cpu {

/// A kernel headed by graph.pool, with elementwise operations after it.
mlir::LogicalResult emitPool(KernelEmitter &emitter, graph::PoolOp op);

} // namespace trine::cpu
