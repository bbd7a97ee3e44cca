//===- WeightRows.cpp - the rows of a parameter ---------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/WeightRows.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace trine;

WeightRows::WeightRows(std::vector<const StoredTensor *> parts, Form form)
    : parts(std::move(parts)), form(std::move(form)) {}

/// Rows a tensor gives, repeated ones included.
int64_t WeightRows::rowsOf(const StoredTensor &tensor) const {
  if (form.rowsOfPart)
    return form.rowsOfPart;
  int64_t rows = tensor.rows() / form.every * form.count;
  return (form.part == Part::Scales ? form.quantizer.scaleRows(rows) : rows) *
         form.repeat;
}

int64_t WeightRows::lengthOf(const StoredTensor &tensor) const {
  int64_t length = tensor.rowElements();
  return form.part == Part::Scales ? form.quantizer.scaleColumns(length)
                                   : length;
}

int64_t WeightRows::count() const {
  int64_t rows = 0;
  for (const StoredTensor *tensor : parts)
    rows += rowsOf(*tensor);
  return rows;
}

int64_t WeightRows::elements() const {
  int64_t most = 0;
  for (const StoredTensor *tensor : parts)
    most = std::max(most, lengthOf(*tensor));
  return most;
}

/// read(tensor, first row, rows) for the parts of rows first, .. in order.
template <typename Read>
void WeightRows::visit(int64_t first, int64_t rows, Read read) const {
  for (const StoredTensor *tensor : parts) {
    int64_t take = std::min(rows, rowsOf(*tensor) - first);
    if (take > 0) {
      // Runs of rows that lie together in the tensor.
      bool whole = form.count == form.every;
      for (int64_t at = first, run; at < first + take; at += run) {
        int64_t skipped = at % form.count;
        run = whole ? take : std::min(form.count - skipped, first + take - at);
        read(*tensor,
             whole ? at : at / form.count * form.every + form.first + skipped,
             run);
      }
      rows -= take;
      first = 0;
    } else {
      first -= rowsOf(*tensor);
    }
  }
}

std::vector<float> WeightRows::read(int64_t first, int64_t rows) const {
  std::vector<float> values(size_t(rows * elements()));
  float *out = values.data();
  visit(first, rows,
        [&](const StoredTensor &tensor, int64_t from, int64_t count) {
          int64_t length = lengthOf(tensor), r = form.repeat;
          int64_t begin = from / r, end = (from + count + r - 1) / r;
          std::vector<float> once(size_t((end - begin) * length));
          float *to = r == 1 ? out : once.data();
          if (form.part == Part::Values) {
            decodeRows(tensor, begin, end - begin, to);
            applyScales(tensor, begin, end - begin, to);
          } else
            readQuantized(tensor, begin, end - begin, to);
          for (int64_t i = 0; r > 1 && i < count; ++i)
            std::copy_n(&once[size_t(((from + i) / r - begin) * length)],
                        length, out + i * length);
          out += count * length;
        });
  values.resize(size_t(out - values.data()));
  return values;
}

std::vector<uint8_t> WeightRows::encode(int64_t first, int64_t rows,
                                        std::string_view dtype,
                                        const std::string &tensor) const {
  bool stored = form.part == Part::Values && form.repeat == 1 &&
                form.scales.empty() &&
                std::ranges::all_of(parts, [&](const StoredTensor *part) {
                  return "f8" + storageName(part->storage) == dtype;
                });
  if (!stored)
    return encodeValues(read(first, rows), dtype, tensor);
  std::vector<uint8_t> codes;
  visit(first, rows,
        [&](const StoredTensor &part, int64_t from, int64_t count) {
          int64_t length = part.rowElements();
          const uint8_t *begin = part.bytes.data() + from * length;
          codes.insert(codes.end(), begin, begin + count * length);
        });
  return codes;
}

void WeightRows::readCodes(
    int64_t first, int64_t rows,
    const std::function<void(const BlockCodes &, int64_t)> &take) const {
  BlockCodes codes;
  visit(first, rows,
        [&](const StoredTensor &tensor, int64_t from, int64_t count) {
          readBlocks(tensor, from, count, codes);
          take(codes, count);
        });
}

void WeightRows::release() const {
  for (const StoredTensor *tensor : parts)
    trine::release(*tensor);
}

void WeightRows::applyScales(const StoredTensor &tensor, int64_t first,
                             int64_t rows, float *values) const {
  if (form.scales.empty())
    return;
  size_t part = size_t(std::ranges::find(parts, &tensor) - parts.begin());
  const StoredTensor &scales = *form.scales[part];
  int64_t columns = tensor.rowElements();
  std::vector<float> row(size_t(scales.rowElements()));
  for (int64_t i = 0; i < rows; ++i) {
    if (i == 0 || (first + i) % form.scaleRows == 0)
      decodeRows(scales, (first + i) / form.scaleRows, 1, row.data());
    for (int64_t k = 0; k < columns; ++k)
      values[i * columns + k] *= row[size_t(k / form.scaleColumns)];
  }
}

//===----------------------------------------------------------------------===//
// Quantized on the way
//===----------------------------------------------------------------------===//

/// Scales of blocks that take all rows: a pass over the tensor.
std::vector<float> WeightRows::wholeScales(const StoredTensor &tensor) const {
  const BlockQuantizer &q = form.quantizer;
  int64_t columns = tensor.rowElements();
  int64_t wide = q.blockColumns ? q.blockColumns : columns;
  std::vector<float> amax(size_t(q.scaleColumns(columns)));
  std::vector<float> row(static_cast<size_t>(columns));
  for (int64_t i = 0; i < tensor.rows(); ++i) {
    decodeRows(tensor, i, 1, row.data());
    for (int64_t k = 0; k < columns; ++k) {
      float &most = amax[size_t(k / wide)];
      float size = std::fabs(row[size_t(k)]);
      if (!std::isnan(most) && !(size <= most))
        most = size;
    }
  }
  for (float &value : amax)
    value = q.scale(value);
  return amax;
}

/// Rows of codes, or of scales, as values.
void WeightRows::readQuantized(const StoredTensor &tensor, int64_t first,
                               int64_t rows, float *out) const {
  const BlockQuantizer &q = form.quantizer;
  bool codes = form.part == Part::Codes;
  int64_t columns = tensor.rowElements(), all = tensor.rows();
  if (q.blockRows == 0) {
    std::vector<float> scales = wholeScales(tensor);
    if (!codes) {
      std::copy(scales.begin(), scales.end(), out);
      return;
    }
    int64_t wide = q.blockColumns ? q.blockColumns : columns;
    decodeRows(tensor, first, rows, out);
    for (int64_t i = 0; i < rows * columns; ++i)
      out[i] =
          q.format->decode(q.code(out[i], scales[size_t(i % columns / wide)]));
    return;
  }
  // Whole blocks of rows.
  int64_t tall = q.blockRows, width = q.scaleColumns(columns);
  int64_t begin = codes ? first / tall * tall : first * tall;
  int64_t end = std::min(all, codes ? (first + rows + tall - 1) / tall * tall
                                    : (first + rows) * tall);
  std::vector<float> values(size_t((end - begin) * columns));
  decodeRows(tensor, begin, end - begin, values.data());
  std::vector<uint8_t> made(values.size());
  BlockQuantizer wide = q;
  wide.scaleType = ScaleType::F32; // UE8M0's values, exactly
  std::vector<float> scales(size_t(q.scaleRows(end - begin) * width));
  wide.quantize(values.data(), end - begin, columns, made.data(),
                scales.data());
  if (!codes) {
    std::copy(scales.begin(), scales.end(), out);
    return;
  }
  const uint8_t *from = made.data() + (first - begin) * columns;
  for (int64_t i = 0; i < rows * columns; ++i)
    out[i] = q.format->decode(from[i]);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static std::vector<uint8_t> encodeBytes(const std::vector<float> &values,
                                        std::string_view dtype,
                                        const std::string &tensor) {
  std::vector<uint8_t> bytes(values.size());
  if (dtype != "u8") {
    const Float8 *format = findFloat8(dtype.substr(2));
    for (size_t i = 0; i < values.size(); ++i)
      bytes[i] = format->encode(values[i], false);
    return bytes;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    bytes[i] = f32ToUe8m0(values[i], false);
    if (!std::isnan(values[i]) && ue8m0ToF32(bytes[i]) != values[i])
      throw badInput(tensor,
                     "expected powers of two as ue8m0 scales, got {}; quantize "
                     "with f32 scales, or let the recipe requantize",
                     values[i]);
  }
  return bytes;
}

std::vector<uint8_t> trine::encodeValues(const std::vector<float> &values,
                                         std::string_view dtype,
                                         const std::string &tensor) {
  if (dtype == "u8" || dtype.starts_with("f8"))
    return encodeBytes(values, dtype, tensor);
  bool wide = dtype == "f32";
  std::vector<uint8_t> bytes(values.size() * (wide ? 4 : 2));
  if (wide && !values.empty())
    std::memcpy(bytes.data(), values.data(), bytes.size());
  for (size_t i = 0; !wide && i < values.size(); ++i) {
    uint16_t code =
        dtype == "bf16" ? f32ToBf16(values[i]) : f32ToF16(values[i]);
    std::memcpy(&bytes[2 * i], &code, sizeof code);
  }
  return bytes;
}
