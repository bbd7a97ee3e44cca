/*===- Kernels.c - a package's code, by hand ------------------------------===*
 * What the compiler would emit for the tests' packages (KernelABI.h).
 * Part of Trine, under Apache-2.0 WITH LLVM-exception.
 *===----------------------------------------------------------------------===*/
#include <stdint.h>

struct team {
  int64_t thread, threads;
  void *scratch, *shared;
  void (*barrier)(const struct team *team);
};

static void share(int64_t count, const struct team *team, int64_t *first,
                  int64_t *last) {
  *first = count * team->thread / team->threads;
  *last = count * (team->thread + 1) / team->threads;
}

/* x f32[N,K], w f32[K] -> y f32[N,K] = x * w, by rows. */
void scale(const int64_t *a, const struct team *team) {
  const float *x = (const float *)a[0], *w = (const float *)a[3];
  float *y = (float *)a[5], *kept = team->scratch;
  int64_t first, last, columns = a[2];
  share(a[1], team, &first, &last);
  for (int64_t i = first; i < last; ++i)
    for (int64_t k = 0; k < columns; ++k) {
      kept[k % 16] = x[i * columns + k] * w[k];
      y[i * columns + k] = kept[k % 16];
    }
}

/* x f32[N,K] -> y f32[N,K] = x + 1, tied: y is x. */
void increment(const int64_t *a, const struct team *team) {
  float *y = (float *)a[3];
  int64_t first, last;
  share(a[4] * a[5], team, &first, &last);
  for (int64_t i = first; i < last; ++i)
    y[i] += 1.0f;
}

/* tokens i32[B,S], past i32[B], memory f32[B,C] -> memory (tied): tokens at
 * their positions. */
void append(const int64_t *a, const struct team *team) {
  const int32_t *tokens = (const int32_t *)a[0], *past = (const int32_t *)a[3];
  float *memory = (float *)a[5];
  int64_t first, last;
  share(a[1], team, &first, &last);
  for (int64_t b = first; b < last; ++b)
    for (int64_t s = 0; s < a[2]; ++s)
      memory[b * a[7] + past[b] + s] = (float)tokens[b * a[2] + s];
}

/* memory f32[B,C], past i32[B], lengths i32[B] -> sums f32[B,1]: first the sum
 * of every pair of positions, then that of a row's pairs. */
void total(const int64_t *a, const struct team *team) {
  const float *memory = (const float *)a[0];
  const int32_t *past = (const int32_t *)a[3];
  const int32_t *lengths = (const int32_t *)a[5];
  float *sums = (float *)a[7];
  float *pairs = team->shared;
  int64_t first, last, count = a[2] / 2;
  share(a[1] * count, team, &first, &last);
  for (int64_t i = first; i < last; ++i) {
    int64_t b = i / count, s = i % count * 2, end = past[b] + lengths[b];
    pairs[i] = (s < end ? memory[b * a[2] + s] : 0) +
               (s + 1 < end ? memory[b * a[2] + s + 1] : 0);
  }
  team->barrier(team);
  share(a[1], team, &first, &last);
  for (int64_t b = first; b < last; ++b) {
    float sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += pairs[b * count + i];
    sums[b] = sum;
  }
}

/* As total, for calls of one token a row: memory, past -> sums. */
void total_one(const int64_t *a, const struct team *team) {
  const float *memory = (const float *)a[0];
  const int32_t *past = (const int32_t *)a[3];
  float *sums = (float *)a[5];
  int64_t first, last;
  share(a[1], team, &first, &last);
  for (int64_t b = first; b < last; ++b) {
    float sum = 0;
    for (int64_t s = 0; s < past[b] + 1; ++s)
      sum += memory[b * a[2] + s];
    sums[b] = sum;
  }
}
