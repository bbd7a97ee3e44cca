//===- Launch.h - the launch dialect ----------------------------*- C++ -*-===//
// The host program; see README.md for the invariants L1...
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/launch/LaunchDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/launch/LaunchOps.h.inc"

namespace trine::launch {

/// Host memory: where inputs, parameters and lengths live, and CPU kernels
/// work.
inline constexpr llvm::StringLiteral kHost = "cpu";

/// The device that holds a value of an entry. A state is on the device of the
/// kernel it is tied in.
llvm::StringRef deviceOf(mlir::Value value,
                         mlir::SymbolTableCollection &tables);

/// The value whose storage `value` shares: through reshapes and ties to the
/// first owner.
mlir::Value storageOf(mlir::Value value, mlir::SymbolTableCollection &tables);

} // namespace trine::launch
