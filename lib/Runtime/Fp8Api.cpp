//===- Fp8Api.cpp - the C interface of small floats -----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CApi.h"
#include "trine/Runtime/fp8.h"
#include "trine/Support/BlockScales.h"

#include <fmt/format.h>

using namespace trine;

static Error unknown(const char *what, const char *got, const char *known) {
  return Error(
      ExitCode::Usage, "",
      fmt::format("unknown {} '{}'; known: {}", what, got ? got : "", known));
}

/// Null for ue8m0, which is no element format.
static const Float8 *formatOf(const char *name, bool element) {
  std::string_view text = name ? name : "";
  const Float8 *format = findFloat8(text);
  if (!format && (element || text != "ue8m0"))
    throw unknown("format", name,
                  element ? "e4m3fn, e5m2, e2m1" : "e4m3fn, e5m2, e2m1, ue8m0");
  return format;
}

static BlockQuantizer quantizerOf(const trine_fp8_blocks *blocks, bool ruled) {
  require(blocks, "trine_fp8: blocks is null");
  BlockQuantizer q;
  q.format = formatOf(blocks->format, true);
  std::string_view scale = blocks->scale ? blocks->scale : "";
  if (scale != "f32" && scale != "ue8m0")
    throw unknown("scale", blocks->scale, "f32, ue8m0");
  q.scaleType = scale == "f32" ? ScaleType::F32 : ScaleType::Ue8m0;
  q.blockRows = blocks->block_rows;
  q.blockColumns = blocks->block_columns;
  if (ruled) {
    std::optional<ScaleRule> rule =
        parseScaleRule(blocks->rule ? blocks->rule : "");
    if (!rule)
      throw unknown("rule", blocks->rule,
                    "amax, rceil, floor, even, ceil, ct_even, neuron");
    q.rule = *rule;
    q.amaxFloor = blocks->amax_floor;
    q.scaleRcp = blocks->scale_rcp;
    q.elementRcp = blocks->element_rcp;
    q.saturate = blocks->saturate;
  } else {
    q.rule = ScaleRule::Rceil; // of either type of scale
  }
  if (std::string fault = q.fault(); !fault.empty())
    throw Error(ExitCode::Usage, "", fault);
  return q;
}

static int64_t scaleBytes(const BlockQuantizer &q, int64_t rows,
                          int64_t columns) {
  return q.scaleRows(rows) * q.scaleColumns(columns) *
         (q.scaleType == ScaleType::F32 ? 4 : 1);
}

trine_status trine_fp8_encode(const char *format, int saturate,
                              const float *values, int64_t count,
                              uint8_t *codes) {
  return guard([&] {
    const Float8 *element = formatOf(format, false);
    require(count <= 0 || (values && codes), "trine_fp8_encode: null array");
    for (int64_t i = 0; i < count; ++i)
      codes[i] = element ? element->encode(values[i], saturate)
                         : f32ToUe8m0(values[i], saturate);
  });
}

trine_status trine_fp8_decode(const char *format, const uint8_t *codes,
                              int64_t count, float *values) {
  return guard([&] {
    const Float8 *element = formatOf(format, false);
    require(count <= 0 || (values && codes), "trine_fp8_decode: null array");
    for (int64_t i = 0; i < count; ++i)
      values[i] = element ? element->decode(codes[i]) : ue8m0ToF32(codes[i]);
  });
}

trine_status trine_fp8_quantize(const trine_fp8_blocks *blocks,
                                const float *values, int64_t matrices,
                                int64_t rows, int64_t columns, uint8_t *codes,
                                void *scales) {
  return guard([&] {
    BlockQuantizer q = quantizerOf(blocks, true);
    int64_t step = scaleBytes(q, rows, columns);
    for (int64_t i = 0; i < matrices; ++i)
      q.quantize(values + i * rows * columns, rows, columns,
                 codes + i * rows * columns,
                 static_cast<uint8_t *>(scales) + i * step);
  });
}

trine_status trine_fp8_dequantize(const trine_fp8_blocks *blocks,
                                  const uint8_t *codes, const void *scales,
                                  int64_t matrices, int64_t rows,
                                  int64_t columns, float *values) {
  return guard([&] {
    BlockQuantizer q = quantizerOf(blocks, false);
    int64_t step = scaleBytes(q, rows, columns);
    for (int64_t i = 0; i < matrices; ++i)
      q.dequantize(codes + i * rows * columns,
                   static_cast<const uint8_t *>(scales) + i * step, rows,
                   columns, values + i * rows * columns);
  });
}
