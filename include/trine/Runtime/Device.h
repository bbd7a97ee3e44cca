/*===- Device.h - what a device plug-in exports ----------------------------===
 * A device other than the CPU is a shared library libtrine_device_<name>.so
 * beside libtrine_rt.so, found by name, exporting `trine_device_api` below.
 * Only the plug-in may link what its device needs (MLIR, the CUDA driver, ...).
 * All functions return 0 or an exit code (docs/reference/exit-codes.md) and
 * then set *error to a message that lives until the device's next call. Part of
 * Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#ifndef TRINE_RUNTIME_DEVICE_H
#define TRINE_RUNTIME_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRINE_DEVICE_VERSION 1

/* An operand or result of a launch; `data` came from the device's allocate. */
typedef struct {
  void *data;
  int32_t dtype; /* trine_dtype */
  int32_t rank;
  const int64_t *shape; /* logical */
} trine_device_tensor;

typedef struct {
  uint32_t version; /* TRINE_DEVICE_VERSION */
  const char *name;
  /* `code` is the package's section code.<name>; `argument` is what follows the
   * colon in --device=name:argument, or "". */
  int (*open)(const void *code, size_t bytes, const char *argument,
              void **device, const char **error);
  void (*close)(void *device);
  int (*allocate)(void *device, size_t bytes, void **data, const char **error);
  void (*release)(void *device, void *data);
  int (*to_device)(void *device, void *to, const void *from, size_t bytes,
                   const char **error);
  /* Waits for the launches before it, also where `bytes` is 0. */
  int (*from_device)(void *device, void *to, const void *from, size_t bytes,
                     const char **error);
  /* Runs a kernel of the code section by name. Tied results share their
   * operand's data. */
  int (*launch)(void *device, const char *kernel,
                const trine_device_tensor *operands, size_t operand_count,
                const trine_device_tensor *results, size_t result_count,
                const char **error);
} trine_device_table;

/* The one exported symbol: `const trine_device_table *trine_device_api(void)`.
 */
typedef const trine_device_table *(*trine_device_api_function)(void);

#ifdef __cplusplus
}
#endif
#endif
