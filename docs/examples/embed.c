/*===- embed.c - a sentence's embedding through the C interface -------------===
 *   example-embed minilm.trine 101 7592 2088 102
 * prints the vector the package's entry `embed` gives for these token ids.
 * Part of Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#include "trine/Runtime/trine.h"

#include <stdio.h>
#include <stdlib.h>

/* The status of a call is an exit code; trine_error() says what was wrong. */
static void check(trine_status status) {
  if (status == 0)
    return;
  fprintf(stderr, "error: %s\n", trine_error());
  exit(status);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s PACKAGE ID...\n", argv[0]);
    return 2;
  }
  int count = argc - 2;
  int32_t *ids = malloc((size_t)count * sizeof(int32_t));
  int32_t *mask = malloc((size_t)count * sizeof(int32_t));
  if (!ids || !mask)
    return 5;
  for (int i = 0; i < count; ++i) {
    ids[i] = (int32_t)strtol(argv[i + 2], NULL, 10);
    mask[i] = 1; /* no padding */
  }

  trine_program *program;
  trine_session *session;
  check(trine_load(argv[1], NULL, &program));
  check(trine_session_create(program, 1, &session));

  trine_tensor inputs[] = {{.name = "tokens",
                            .dtype = TRINE_I32,
                            .rank = 2,
                            .shape = {1, count},
                            .data = ids},
                           {.name = "mask",
                            .dtype = TRINE_I32,
                            .rank = 2,
                            .shape = {1, count},
                            .data = mask}};
  /* With data NULL the session keeps the result until its next call. */
  trine_tensor output = {.name = "embedding"};
  check(trine_run(session, "embed", inputs, 2, &output, 1));
  const float *vector = output.data;
  for (int64_t i = 0; i < output.shape[1]; ++i)
    printf("%g\n", vector[i]);

  trine_session_destroy(session);
  trine_unload(program);
  free(ids);
  free(mask);
  return 0;
}
