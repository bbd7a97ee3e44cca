/*===- PlugIn.h - what libtrine_reference.so exports ------------------------===
 * The interpreter behind trine-run --reference; it links MLIR, so whoever uses
 * it loads it by name. The same library is the device `reference` (Device.h).
 * Part of Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#ifndef TRINE_REFERENCE_PLUGIN_H
#define TRINE_REFERENCE_PLUGIN_H

#include "trine/Runtime/trine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A module or package and the sequence state of one session. */
typedef struct trine_reference trine_reference;

/* All functions return 0 or an exit code (docs/reference/exit-codes.md) and
 * then set *error to a message ("where: what", notes on lines of their own)
 * that lives until the calling thread's next failing call. */

/* `file`: FILE.mlir in the graph dialect, before or after the kernels phase,
 * its parameters read from the model `weights_from` (NULL: none); or a
 * package. */
TRINE_API int trine_reference_open(const char *file, const char *weights_from,
                                   trine_reference **reference,
                                   const char **error);
TRINE_API void trine_reference_close(trine_reference *reference);

/* Runs an entry (NULL: the only one). Inputs by name. The caller names the
 * outputs it wants, or leaves a name NULL for the output at that position; the
 * library fills name, dtype, rank, shape and data, which stay until
 * trine_reference_free. Stateful entries append to the session, whose batch is
 * the first call's. */
TRINE_API int trine_reference_call(trine_reference *reference,
                                   const char *entry,
                                   const trine_tensor *inputs,
                                   size_t input_count, trine_tensor *outputs,
                                   size_t output_count, const char **error);

/* open, call, close. */
TRINE_API int trine_reference_run(const char *file, const char *weights_from,
                                  const char *entry, const trine_tensor *inputs,
                                  size_t input_count, trine_tensor *outputs,
                                  size_t output_count, const char **error);
/* Releases names and data of filled outputs. */
TRINE_API void trine_reference_free(trine_tensor *outputs, size_t output_count);

#ifdef __cplusplus
}
#endif
#endif
