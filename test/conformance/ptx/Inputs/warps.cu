// Shuffles, votes, matches, cooperative groups.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;
#define KERNEL extern "C" __global__ void
#define INDEX (blockIdx.x * blockDim.x + threadIdx.x)

KERNEL shuffles(int *out, const int *in) {
  int i = INDEX, v = in[i];
  out[i * 6 + 0] = __shfl_sync(~0u, v, (threadIdx.x * 7 + 3) & 31);
  out[i * 6 + 1] = __shfl_up_sync(~0u, v, 5);
  out[i * 6 + 2] = __shfl_down_sync(~0u, v, 9);
  out[i * 6 + 3] = __shfl_xor_sync(~0u, v, 21);
  out[i * 6 + 4] = __shfl_sync(~0u, v, 2, 8);
  out[i * 6 + 5] = __shfl_up_sync(~0u, v, 1, 4);
}

KERNEL votes(unsigned *out, const int *in) {
  int i = INDEX, v = in[i];
  out[i * 7 + 0] = __ballot_sync(~0u, v & 1);
  out[i * 7 + 1] = __any_sync(~0u, v > 60);
  out[i * 7 + 2] = __all_sync(~0u, v < 64);
  out[i * 7 + 3] = __match_any_sync(~0u, v & 3);
  int same;
  out[i * 7 + 4] = __match_all_sync(~0u, v & 64, &same) + same;
  out[i * 7 + 5] = __reduce_add_sync(~0u, unsigned(v));
  out[i * 7 + 6] = __reduce_max_sync(~0u, v) ^ __reduce_or_sync(~0u, unsigned(v));
}

// Only some lanes take part; they meet again after the branch.
KERNEL partial(int *out, const int *in) {
  int i = INDEX, v = in[i], r = -1;
  unsigned odd = __ballot_sync(~0u, v & 1);
  if (v & 1)
    r = __reduce_add_sync(odd, v);
  else if (v & 2)
    r = v ^ 5;
  __syncwarp();
  out[i] = __shfl_xor_sync(~0u, r, 1);
}

KERNEL tiles(int *out, const int *in) {
  auto block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  auto eight = cg::tiled_partition<8>(warp);
  int i = INDEX, v = in[i];
  out[i * 6 + 0] = cg::reduce(eight, v, cg::plus<int>());
  out[i * 6 + 1] = cg::reduce(warp, v, cg::greater<int>());
  out[i * 6 + 2] = cg::inclusive_scan(warp, v);
  out[i * 6 + 3] = cg::exclusive_scan(eight, v);
  out[i * 6 + 4] = eight.shfl_down(v, 2) + eight.thread_rank() * 1000;
  block.sync();
  auto odd = cg::binary_partition(warp, bool(v & 1));
  out[i * 6 + 5] = odd.size() * 100 + odd.thread_rank();
}

// bar.red: counts over the block.
KERNEL counts(int *out, const int *in) {
  int i = INDEX, v = in[i];
  out[i * 3 + 0] = __syncthreads_count(v & 1);
  out[i * 3 + 1] = __syncthreads_and(v < 64);
  out[i * 3 + 2] = __syncthreads_or(v == 63);
}

// One atomic for all lanes that come.
KERNEL compact(int *out, int *count, const int *in, int n) {
  int i = INDEX;
  if (i < n && in[i] % 3 == 0) {
    auto active = cg::coalesced_threads();
    int at;
    if (active.thread_rank() == 0)
      at = atomicAdd(count, active.size());
    out[active.shfl(at, 0) + active.thread_rank()] = in[i];
  }
}
