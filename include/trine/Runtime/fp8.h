/*===- fp8.h - small floats and block scales, the C interface ---------------===
 * The same rules as the compiler's and the reference's, bit for bit: see
 * include/trine/Support/Float8.h and BlockScales.h. Formats: "e4m3fn", "e5m2",
 * "e2m1" (a code in the low 4 bits of a byte), "ue8m0". Statuses and messages
 * as in trine.h. Thread-safe.
 * Part of Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#ifndef TRINE_RUNTIME_FP8_H
#define TRINE_RUNTIME_FP8_H

#include "trine/Runtime/trine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `count` codes, each rounded once to nearest, ties to even (ue8m0: upwards).
 * Beyond the largest value: with `saturate` (0 or 1) the largest, else NaN or,
 * of e5m2, infinity. */
TRINE_API trine_status trine_fp8_encode(const char *format, int saturate,
                                        const float *values, int64_t count,
                                        uint8_t *codes);
TRINE_API trine_status trine_fp8_decode(const char *format,
                                        const uint8_t *codes, int64_t count,
                                        float *values);

typedef struct {
  const char *format; /* of the elements; not "ue8m0" */
  const char *scale;  /* "f32" or "ue8m0" */
  const char *rule;   /* "amax", "rceil", "floor", "even", "ceil", "ct_even",
                         "neuron"; ue8m0 takes all but "amax" */
  int64_t block_rows, block_columns; /* 0: the whole dimension */
  float amax_floor;                  /* smaller amax count as this */
  int32_t scale_rcp;   /* 1: rule amax is amax * (1 / max), not amax / max */
  int32_t element_rcp; /* 1: x * (1 / s), not x / s */
  int32_t saturate;
} trine_fp8_blocks;

/* Each of `matrices` matrices [rows, columns] has ceil(rows / block_rows) x
 * ceil(columns / block_columns) scales, f32 or bytes. */
TRINE_API trine_status trine_fp8_quantize(const trine_fp8_blocks *blocks,
                                          const float *values, int64_t matrices,
                                          int64_t rows, int64_t columns,
                                          uint8_t *codes, void *scales);
/* code * scale, rounded once. `rule` and what follows the block sizes is not
 * read. */
TRINE_API trine_status trine_fp8_dequantize(const trine_fp8_blocks *blocks,
                                            const uint8_t *codes,
                                            const void *scales,
                                            int64_t matrices, int64_t rows,
                                            int64_t columns, float *values);

#ifdef __cplusplus
}
#endif

#endif /* TRINE_RUNTIME_FP8_H */
