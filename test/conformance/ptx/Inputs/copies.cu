// cp.async as the CUDA headers use it.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
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
