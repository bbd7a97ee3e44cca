/*===- FakeDevice.c - a device plug-in for tests --------------------------===*
 * Its memory holds every byte inverted, so that whoever reads it without
 * asking the device reads nonsense. Kernels: `scale` (x f32[N,4], w f32[4] ->
 * x * w) and `fail`.
 * Part of Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#include "trine/Runtime/Device.h"

#include <stdlib.h>
#include <string.h>

static int live; /* allocations */

static void invert(void *to, const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    ((uint8_t *)to)[i] = (uint8_t)~((const uint8_t *)from)[i];
}

static int open_device(const void *code, size_t bytes, const char *argument,
                       void **device, const char **error) {
  if (bytes != 4 || memcmp(code, "code", 4) != 0) {
    *error = "fake code expected";
    return 1;
  }
  if (strcmp(argument, "broken") == 0) {
    *error = "this device is broken";
    return 5;
  }
  *device = &live;
  return 0;
}

static void close_device(void *device) {
  if (live != 0)
    abort(); /* a buffer was not released */
}

static int allocate(void *device, size_t bytes, void **data,
                    const char **error) {
  *data = malloc(bytes + 1);
  ++live;
  return 0;
}

static void release(void *device, void *data) {
  --live;
  free(data);
}

static int move(void *device, void *to, const void *from, size_t bytes,
                const char **error) {
  invert(to, from, bytes);
  return 0;
}

static float get(const trine_device_tensor *tensor, int64_t i) {
  float value;
  invert(&value, (const float *)tensor->data + i, sizeof(value));
  return value;
}

static int launch(void *device, const char *kernel,
                  const trine_device_tensor *operands, size_t operand_count,
                  const trine_device_tensor *results, size_t result_count,
                  const char **error) {
  if (strcmp(kernel, "scale") != 0 || operand_count != 2 || result_count != 1) {
    *error = "the kernel failed";
    return 6;
  }
  for (int64_t i = 0; i < results->shape[0] * results->shape[1]; ++i) {
    float value = get(&operands[0], i) * get(&operands[1], i % 4);
    invert((float *)results->data + i, &value, sizeof(value));
  }
  return 0;
}

static const trine_device_table table = {TRINE_DEVICE_VERSION,
                                         "fake",
                                         open_device,
                                         close_device,
                                         allocate,
                                         release,
                                         move,
                                         move,
                                         launch};

__attribute__((visibility("default"))) const trine_device_table *
trine_device_api(void) {
  return &table;
}
