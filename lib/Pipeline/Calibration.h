//===- Calibration.h - what trine calibrate measured ------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinAttributes.h"

#include <string>

namespace trine {

/// {node: amax as f32} of a file of schema trine.calibration/1, for the model
/// of that digest. Throws BadInput for another model's, and for what is no such
/// file: keys unknown or missing, magnitudes that are none.
mlir::DictionaryAttr readCalibration(mlir::MLIRContext &context,
                                     const std::string &file,
                                     const std::string &digest);

} // namespace trine
