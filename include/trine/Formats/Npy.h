//===- Npy.h - NumPy .npy arrays --------------------------------*- C++ -*-===//
// Little-endian, C order, versions 1 to 3. bf16 and FP8 travel as their codes.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/WeightSource.h"

namespace trine {

struct NpyArray {
  /// F64, F32, F16, I64, I32, I8, U32, U16, U8 or Bool.
  Storage type = Storage::F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

/// Throws BadInput naming the file and what is wrong with it.
NpyArray readNpy(const std::filesystem::path &path);
NpyArray parseNpy(Bytes bytes, const std::string &name);

/// Writes the whole file or nothing. `bytes` must fit the shape.
void writeNpy(const std::filesystem::path &path, Storage type,
              const std::vector<int64_t> &shape, Bytes bytes);

} // namespace trine
