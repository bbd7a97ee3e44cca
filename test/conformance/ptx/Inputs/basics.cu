// Control flow, memory, calls, atomics, the math library.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
#include <cassert>
#include <cstdint>

#define KERNEL extern "C" __global__ void
#define INDEX (blockIdx.x * blockDim.x + threadIdx.x)

KERNEL saxpy(float *y, const float *x, float a, int n) {
  int i = INDEX;
  if (i < n)
    y[i] = a * x[i] + y[i];
}

// Lanes leave the loop at different times.
KERNEL collatz(int *steps, const unsigned *start, int n) {
  int i = INDEX;
  if (i >= n)
    return;
  unsigned v = start[i];
  int count = 0;
  while (v != 1) {
    v = v & 1 ? 3 * v + 1 : v / 2;
    ++count;
  }
  steps[i] = count;
}

__device__ __noinline__ int helper(int a, int b) { return a * b - (a ^ b); }
__device__ __noinline__ int twice(int a) { return helper(a, 3) + helper(a, 5); }

// A jump table, and calls from its branches.
KERNEL choose(int *out, const int *which, int n) {
  int i = INDEX;
  if (i >= n)
    return;
  int v = which[i], r;
  switch (v & 15) {
  case 0: r = helper(v, 1); break;
  case 1: r = twice(v); break;
  case 2: r = v * 7; break;
  case 3: r = v - 100; break;
  case 4: r = ~v; break;
  case 5: r = v << 3; break;
  case 6: r = v >> 2; break;
  case 7: r = twice(v + 1); break;
  case 9: r = v % 13; break;
  case 11: r = v / 7; break;
  default: r = -1;
  }
  out[i] = r;
}

// An array that is indexed by data: local memory.
KERNEL histogram8(int *out, const uint8_t *data, int n) {
  int i = INDEX, count[8] = {};
  for (int k = 0; k < n; ++k)
    ++count[data[i * n + k] & 7];
  for (int k = 0; k < 8; ++k)
    out[i * 8 + k] = count[k];
}

KERNEL blockSum(float *out, const float *in, int n) {
  extern __shared__ float tile[];
  float sum = 0;
  for (int i = INDEX; i < n; i += gridDim.x * blockDim.x)
    sum += in[i];
  tile[threadIdx.x] = sum;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half)
      tile[threadIdx.x] += tile[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0)
    out[blockIdx.x] = tile[0];
}

KERNEL transpose(float *out, const float *in, int rows, int columns) {
  __shared__ float tile[32][33];
  int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 32 + threadIdx.y;
  for (int k = 0; k < 32; k += 8)
    if (r + k < rows && c < columns)
      tile[threadIdx.y + k][threadIdx.x] = in[(r + k) * columns + c];
  __syncthreads();
  int c2 = blockIdx.y * 32 + threadIdx.x, r2 = blockIdx.x * 32 + threadIdx.y;
  for (int k = 0; k < 32; k += 8)
    if (r2 + k < columns && c2 < rows)
      out[(r2 + k) * rows + c2] = tile[threadIdx.x][threadIdx.y + k];
}

// 0: add, 1: max, 2: min, 3: exchanges counted, 4: bits, 5: double, 6: float,
// 7: compare and swap, 8: increment with wrap.
KERNEL atomics(int *ints, double *real, float *single, int n) {
  __shared__ int local;
  if (threadIdx.x == 0)
    local = 0;
  __syncthreads();
  int i = INDEX;
  if (i < n) {
    atomicAdd(&ints[0], i);
    atomicMax(&ints[1], i * 37 % 1000);
    atomicMin(&ints[2], i * 37 % 1000 - 500);
    atomicXor(&ints[3], i * 0x9e3779b9);
    atomicOr(&ints[4], 1 << i % 31);
    atomicAdd(real, double(i));
    atomicAdd(single, 1.0f);
    int seen = ints[5], expected;
    do {
      expected = seen;
      seen = atomicCAS(&ints[5], expected, expected + 3);
    } while (seen != expected);
    atomicInc(reinterpret_cast<unsigned *>(&ints[6]), 99);
    atomicAdd(&local, 1);
  }
  __syncthreads();
  if (threadIdx.x == 0)
    atomicAdd(&ints[7], local);
}

__constant__ float weights[5] = {0.5f, -1.0f, 2.0f, -1.0f, 0.5f};
__device__ int table[4] = {10, 20, 30, 40};

struct Shape {
  int n;
  float scale;
  long long offset;
  short small[3];
};
KERNEL stencil(float *out, const float *in, Shape shape) {
  int i = INDEX;
  if (i >= shape.n)
    return;
  float sum = 0;
  for (int k = -2; k <= 2; ++k) {
    int at = i + k;
    if (at >= 0 && at < shape.n)
      sum += weights[k + 2] * in[at];
  }
  out[i] = sum * shape.scale + shape.small[i % 3] + table[i & 3] + shape.offset;
}

KERNEL wide(long long *out, const long long *a, const long long *b, int n) {
  int i = INDEX;
  if (i >= n)
    return;
  long long x = a[i], y = b[i];
  unsigned long long u = x, v = y;
  out[i * 8 + 0] = x * y;
  out[i * 8 + 1] = y ? x / y : 0;
  out[i * 8 + 2] = y ? x % y : 0;
  out[i * 8 + 3] = v ? u / v : 0;
  out[i * 8 + 4] = __mul64hi(x, y);
  out[i * 8 + 5] = __umul64hi(u, v);
  out[i * 8 + 6] = x >> (y & 63);
  out[i * 8 + 7] = __popcll(u) + __clzll(x) * 100 + __ffsll(x) * 10000;
}

KERNEL math(float *out, const float *in, int n) {
  int i = INDEX;
  if (i >= n)
    return;
  float x = in[i];
  float values[] = {expf(x),         logf(fabsf(x)), sinf(x),     cosf(x),
                    tanhf(x),        erff(x),        sqrtf(x * x), rsqrtf(x * x),
                    powf(fabsf(x), 1.5f), exp2f(x),  log1pf(fabsf(x)), cbrtf(x),
                    __expf(x),       __sinf(x),      __fdividef(x, 3.0f), atanf(x)};
  for (int k = 0; k < 16; ++k)
    out[i * 16 + k] = values[k];
}
KERNEL mathDouble(double *out, const double *in, int n) {
  int i = INDEX;
  if (i >= n)
    return;
  double x = in[i];
  double values[] = {exp(x), log(fabs(x)), sin(x), sqrt(fabs(x)), x / 3, pow(fabs(x), 0.3)};
  for (int k = 0; k < 6; ++k)
    out[i * 6 + k] = values[k];
}

KERNEL asserts(int *out, int n) {
  int i = INDEX;
  assert(i < n);
  out[i] = i;
}

// Producer and consumer halves of a block meet at named barriers.
KERNEL handOver(int *out, const int *in, int rounds) {
  __shared__ int box[64];
  int lane = threadIdx.x & 63;
  if (threadIdx.x < 64) {
    for (int k = 0; k < rounds; ++k) {
      asm volatile("bar.sync 1, 128;" ::: "memory");
      box[lane] = in[k * 64 + lane] * 3;
      asm volatile("bar.arrive 2, 128;" ::: "memory");
    }
  } else {
    for (int k = 0; k < rounds; ++k) {
      asm volatile("bar.arrive 1, 128;" ::: "memory");
      asm volatile("bar.sync 2, 128;" ::: "memory");
      out[k * 64 + lane] = box[63 - lane];
    }
  }
}
