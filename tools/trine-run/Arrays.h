//===- Arrays.h - a call's tensors from the command line --------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Package/Manifest.h"
#include "trine/Runtime/trine.h"

namespace trine::run {

/// A tensor with its data; dtype as in manifests.
struct Array {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  int64_t elements() const;
  trine_tensor tensor() const;
  static Array from(const trine_tensor &tensor);
};

/// "NAME=VALUE"; throws Usage otherwise.
std::pair<std::string, std::string> splitAssignment(const std::string &text);

/// VALUE is a file F.npy; numbers 1,2,3 along the last dimension, the others
/// being 1; or a shape [1,128] of made-up numbers (benchmarks). `declared` is
/// the entry's input, null when unknown.
Array readArray(const std::string &name, const std::string &value,
                const EntryTensor *declared);

void writeArray(const Array &array, const std::string &file);

/// Compares with F.npy; "" or what differs most.
std::string compareArray(const Array &got, const std::string &file, double atol,
                         double rtol, double &worst);

} // namespace trine::run
