/*===- trine.h - the C interface of libtrine_rt -----------------------------===
 * Load a package, run its entries. No LLVM, no Python, no exceptions across
 * this boundary. Thread-safe: a program may be shared by threads; a session is
 * used by one thread at a time.
 * Part of Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#ifndef TRINE_RUNTIME_TRINE_H
#define TRINE_RUNTIME_TRINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TRINE_API
#else
#define TRINE_API __attribute__((visibility("default")))
#endif

/* A loaded package: code, weights (one image, shared by all sessions), pool. */
typedef struct trine_program trine_program;
/* The sequence state of `batch` rows. */
typedef struct trine_session trine_session;

/* Result of every call: 0, or the exit code a tool would end with (1 input,
 * 2 usage, 4 unsupported, 5 environment, ...; docs/reference/exit-codes.md).
 * The message of the calling thread's last failure, "where: what; what to do"
 * with notes on lines of their own, is trine_error(); valid until the thread's
 * next failing call. */
typedef int trine_status;
TRINE_API const char *trine_error(void);
TRINE_API const char *trine_version(void);

typedef enum {
  TRINE_F32,
  TRINE_F16,
  TRINE_BF16,
  TRINE_I32,
  TRINE_F8E4M3FN, /* codes, a byte each */
  TRINE_F8E5M2,
  TRINE_U8 /* bytes, of ue8m0 scales too */
} trine_dtype;

#define TRINE_MAX_RANK 8

/* Row-major, contiguous. */
typedef struct {
  const char *name; /* entry's input or output */
  trine_dtype dtype;
  int32_t rank;
  int64_t shape[TRINE_MAX_RANK];
  void *data;
} trine_tensor;

typedef struct {
  const char *device; /* NULL: "cpu" */
  int32_t threads;    /* 0: the CPUs this process may use */
} trine_load_options;

/* `options` may be NULL. Returns while threads of its own still copy the
 * weights; the first call waits for them. Until then the file must not be
 * changed in place (a new one under its name is fine). */
TRINE_API trine_status trine_load(const char *path,
                                  const trine_load_options *options,
                                  trine_program **program);
/* Sessions keep their program alive. */
TRINE_API void trine_unload(trine_program *program);

/* The manifest as JSON (entries, kernels, ...); lives as long as the program.
 */
TRINE_API const char *trine_manifest(const trine_program *program);
/* A section of the package by name (`tokenizer`, `text`, ...). 1 if absent. */
TRINE_API trine_status trine_section(const trine_program *program,
                                     const char *name, const void **data,
                                     size_t *bytes);

/* A session of `batch` rows, all of length 0. Stateless entries need one too
 * (any batch): it owns the working memory. */
TRINE_API trine_status trine_session_create(trine_program *program,
                                            int32_t batch,
                                            trine_session **session);
TRINE_API void trine_session_destroy(trine_session *session);

/* Runs an entry. Inputs are matched by name. Outputs: the library fills dtype,
 * rank, shape and data of each output by name; the data belongs to the session
 * and is valid until its next call. When data is not NULL on entry, rank and
 * shape must be the output's and the result is copied there. A failing call
 * leaves the session as it was. */
TRINE_API trine_status trine_run(trine_session *session, const char *entry,
                                 const trine_tensor *inputs, size_t input_count,
                                 trine_tensor *outputs, size_t output_count);

/* Tokens row `row` holds. -1: no such row. */
TRINE_API int64_t trine_session_length(const trine_session *session,
                                       int32_t row);
/* Keep the first `length` tokens of every row that has more. */
TRINE_API trine_status trine_session_truncate(trine_session *session,
                                              int64_t length);
TRINE_API void trine_session_reset(trine_session *session);

/* Observes every launch of the session's later calls (profiling, --dump-node).
 * The callback runs on the calling thread after the step and must not call the
 * library; NULL removes it.
 * `results` are the step's values in the device's layout. */
typedef struct {
  const char *kernel, *family, *device, *node;
  double seconds;
  size_t result_count;
  const trine_tensor *results;
  const char *const *layouts; /* of the results: "rows", "panels:32", ... */
} trine_step_event;
typedef void (*trine_step_callback)(const trine_step_event *event, void *user);
TRINE_API void trine_session_observe(trine_session *session,
                                     trine_step_callback callback, void *user);

/* When the threads ran the steps of one call. Seconds count from the begin of
 * trine_run; between a step's end and the next one's begin a thread waits for
 * the others. */
typedef struct {
  const char *kernel, *family, *device, *node; /* live as long as the program */
  const char *compute; /* the type it multiplies in: "f32", "bf16"; or "" */
  /* Arithmetic operations and bytes of memory of this launch, for the tokens
   * the session holds; negative where the package does not say. */
  double flops, bytes;
  int32_t threads; /* that ran it: all, or the first for another device */
  const double *begin, *end; /* of each of them */
} trine_step_times;
typedef struct {
  const char *entry;
  double seconds; /* of the whole call */
  int32_t threads;
  size_t step_count;
  const trine_step_times *steps;
} trine_call_times;
typedef void (*trine_profile_callback)(const trine_call_times *call,
                                       void *user);
/* Times the session's later calls; costs about 50 ns a step and thread. The
 * callback runs on the calling thread at the end of each successful call and
 * must not call the library; NULL removes it. */
TRINE_API void trine_session_profile(trine_session *session,
                                     trine_profile_callback callback,
                                     void *user);

#ifdef __cplusplus
}
#endif
#endif
