// cp.async as the CUDA headers use it.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
#pragma nv_diag_suppress static_var_with_dynamic_init
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cstdint>
#include <cuda/barrier>
#include <cuda_pipeline.h>

namespace cg = cooperative_groups;
#define KERNEL extern "C" __global__ void

// Two stages: the next tile is copied while this one is summed.
KERNEL pipelined(float *out, const float *in, int tiles) {
  __shared__ alignas(16) float tile[2][128 * 4];
  auto fetch = [&](int k) {
    if (k < tiles)
      __pipeline_memcpy_async(&tile[k & 1][threadIdx.x * 4],
                              in + (k * 128 + threadIdx.x) * 4, 16);
    __pipeline_commit();
  };
  fetch(0);
  float sum = 0;
  for (int k = 0; k < tiles; ++k) {
    fetch(k + 1);
#ifdef EARLY // waits for too few
    __pipeline_wait_prior(2);
#else
    __pipeline_wait_prior(1);
#endif
    __syncthreads();
    for (int j = 0; j < 4; ++j)
      sum += tile[k & 1][(127 - threadIdx.x) * 4 + j];
#ifndef UNORDERED // overwrites what others read
    __syncthreads();
#endif
  }
  out[threadIdx.x] = sum;
}

// The rest of a row is zero.
KERNEL padded(float *out, const float *in, int n) {
  __shared__ alignas(16) float tile[128 * 4];
  int begin = threadIdx.x * 4, left = n - begin;
  left = left < 0 ? 0 : left > 4 ? 4 : left;
  __pipeline_memcpy_async(&tile[begin], in + begin, 16, 16 - left * 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  for (int j = 0; j < 4; ++j)
    out[begin + j] = tile[begin + j];
}

KERNEL group(float *out, const float *in) {
  __shared__ alignas(16) float tile[512];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, tile, in, sizeof tile);
  cg::wait(block);
  for (int i = threadIdx.x; i < 512; i += blockDim.x)
    out[i] = tile[511 - i];
}

// The same over barriers in shared memory.
KERNEL arrivals(float *out, const float *in, int tiles) {
  __shared__ alignas(16) float tile[2][128 * 4];
  __shared__ cuda::barrier<cuda::thread_scope_block> ready[2];
  if (threadIdx.x < 2)
    init(&ready[threadIdx.x], blockDim.x);
  __syncthreads();
  auto fetch = [&](int k) {
    if (k < tiles)
      cuda::memcpy_async(&tile[k & 1][threadIdx.x * 4],
                         in + (k * 128 + threadIdx.x) * 4,
                         cuda::aligned_size_t<16>(16), ready[k & 1]);
  };
  fetch(0);
  float sum = 0;
  for (int k = 0; k < tiles; ++k) {
    fetch(k + 1);
    ready[k & 1].arrive_and_wait();
    for (int j = 0; j < 4; ++j)
      sum += tile[k & 1][(127 - threadIdx.x) * 4 + j];
    __syncthreads();
  }
  out[threadIdx.x] = sum;
}

__device__ void waitFor(uint64_t *barrier, unsigned parity) {
  unsigned at = __cvta_generic_to_shared(barrier), over;
  do
    asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2;"
                 " selp.u32 %0, 1, 0, p; }"
                 : "=r"(over)
                 : "r"(at), "r"(parity)
                 : "memory");
  while (!over);
}
__device__ void arriveAt(uint64_t *barrier) {
  asm volatile("{ .reg .b64 t; mbarrier.arrive.shared.b64 t, [%0]; }" ::"r"(
                   unsigned(__cvta_generic_to_shared(barrier)))
               : "memory");
}

// Warps 0 and 1 fill a ring of two, warps 2 and 3 empty it.
KERNEL ring(float *out, const float *in, int tiles) {
  __shared__ float tile[2][64];
  __shared__ uint64_t full[2], empty[2];
  if (threadIdx.x < 4)
    asm volatile("mbarrier.init.shared.b64 [%0], 64;" ::"r"(unsigned(
                     __cvta_generic_to_shared((threadIdx.x & 1 ? full : empty) +
                                              threadIdx.x / 2)))
                 : "memory");
  __syncthreads();
  int lane = threadIdx.x & 63;
  float sum = 0;
  for (int k = 0; k < tiles; ++k) {
    unsigned slot = k & 1, round = k >> 1 & 1;
    if (threadIdx.x < 64) {
#ifndef UNORDERED // overwrites what is not read yet
      waitFor(&empty[slot], round ^ 1);
#endif
      tile[slot][lane] = in[k * 64 + lane];
      arriveAt(&full[slot]);
    } else {
#ifndef EARLY
      waitFor(&full[slot], round);
#endif
      sum += tile[slot][63 - lane];
      arriveAt(&empty[slot]);
    }
  }
  if (threadIdx.x >= 64)
    out[lane] = sum;
}
