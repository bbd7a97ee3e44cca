//===- Fuzz.h - what every fuzz target shares -------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/WeightSource.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <cstdlib>

namespace trine::fuzz {

/// Bad input may end in a trine::Error, but not in one that says Trine itself
/// is at fault, nor in any other exception.
template <typename Body> int run(Body body) {
  try {
    body();
  } catch (const Error &error) {
    if (error.code == ExitCode::Internal)
      std::abort();
  }
  return 0;
}

/// Decodes the first and last row of every tensor that is not huge.
inline void decodeSome(const WeightSource &source) {
  for (const StoredTensor &tensor : source.tensors()) {
    if (!storageInfo(tensor.storage).decodable || tensor.bytes.empty())
      continue;
    std::vector<float> row(size_t(tensor.rowElements()));
    decodeRows(tensor, 0, 1, row.data());
    decodeRows(tensor, tensor.rows() - 1, 1, row.data());
  }
}

} // namespace trine::fuzz
