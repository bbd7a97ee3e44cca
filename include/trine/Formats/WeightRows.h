//===- WeightRows.h - the rows of a parameter -------------------*- C++ -*-===//
// Stored tensors one after another → rows of values, quantized on the way where
// the compiler chose to. What lib/Pipeline packs and lib/Reference reads.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Blocks.h"
#include "trine/Support/BlockScales.h"

#include <functional>

namespace trine {

class WeightRows {
public:
  /// What a parameter is to the stored values.
  enum class Part { Values, Codes, Scales };
  struct Form {
    Part part = Part::Values;
    BlockQuantizer quantizer; ///< of Codes and Scales
    /// Each row stands so many times: scales of a block of rows, brought to one
    /// for each row. The last block of a tensor may be cut off.
    int64_t repeat = 1;
    int64_t rowsOfPart = 0; ///< rows of each tensor, repeated; 0: all it has
    /// Of every `every` rows of a tensor's Values, `count` from `first` on.
    int64_t first = 0, count = 1, every = 1;
    /// Of the tensors' codes, one each: Values are code · scale, rounded once
    /// to f32, in blocks of these sizes.
    std::vector<const StoredTensor *> scales = {};
    int64_t scaleRows = 0, scaleColumns = 0;
  };

  WeightRows(std::vector<const StoredTensor *> parts, Form form);
  explicit WeightRows(std::vector<const StoredTensor *> parts)
      : WeightRows(std::move(parts), Form()) {}

  int64_t count() const;
  /// Elements of the longest row: vectors are concatenated as rows of their
  /// own, matrices have rows of one length.
  int64_t elements() const;
  /// Rows first .. first+rows-1 one after another; thread-safe.
  std::vector<float> read(int64_t first, int64_t rows) const;
  /// The same as elements of a dtype (encodeValues); codes of that dtype as
  /// they are stored, whatever their NaN.
  std::vector<uint8_t> encode(int64_t first, int64_t rows,
                              std::string_view dtype,
                              const std::string &tensor) const;
  /// The stored blocks of such rows; of Values in a blocked storage.
  void readCodes(
      int64_t first, int64_t rows,
      const std::function<void(const BlockCodes &, int64_t count)> &take) const;
  /// Lets the tensors' pages go.
  void release() const;

private:
  template <typename Read>
  void visit(int64_t first, int64_t rows, Read read) const;
  int64_t rowsOf(const StoredTensor &tensor) const;
  int64_t lengthOf(const StoredTensor &tensor) const;
  void applyScales(const StoredTensor &tensor, int64_t first, int64_t rows,
                   float *values) const;
  void readQuantized(const StoredTensor &tensor, int64_t first, int64_t rows,
                     float *out) const;
  std::vector<float> wholeScales(const StoredTensor &tensor) const;

  std::vector<const StoredTensor *> parts;
  Form form;
};

/// Values as elements of a dtype (Elements.h). "u8" is UE8M0: a value that is
/// no power of two, or none a byte holds, throws BadInput naming `tensor`.
std::vector<uint8_t> encodeValues(const std::vector<float> &values,
                                  std::string_view dtype,
                                  const std::string &tensor);

} // namespace trine
