// Tensor cores through mma.h.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda::wmma;
#define KERNEL extern "C" __global__ void

// A warp has a tile of 16 x 16. B is [n][k] when its fragments are columns.
template <class In, class Out, class LayoutB, bool columns>
__device__ void gemm(Out *c, const In *a, const In *b, int n, int k) {
  fragment<matrix_a, 16, 16, 16, In, row_major> x;
  fragment<matrix_b, 16, 16, 16, In, LayoutB> y;
  fragment<accumulator, 16, 16, 16, Out> sum;
  fill_fragment(sum, Out(0));
  int row = blockIdx.y * 16, column = blockIdx.x * 16;
  for (int at = 0; at < k; at += 16) {
    load_matrix_sync(x, a + row * k + at, k);
    load_matrix_sync(y, columns ? b + column * k + at : b + at * n + column,
                     columns ? k : n);
    mma_sync(sum, x, y, sum);
  }
  for (int i = 0; i < sum.num_elements; ++i)
    sum.x[i] = sum.x[i] * Out(2);
  store_matrix_sync(c + row * n + column, sum, n, mem_row_major);
}

KERNEL halfRow(float *c, const __half *a, const __half *b, int n, int k) {
  gemm<__half, float, row_major, false>(c, a, b, n, k);
}
KERNEL halfColumn(float *c, const __half *a, const __half *b, int n, int k) {
  gemm<__half, float, col_major, true>(c, a, b, n, k);
}
KERNEL bfloatColumn(float *c, const __nv_bfloat16 *a, const __nv_bfloat16 *b,
                    int n, int k) {
  gemm<__nv_bfloat16, float, col_major, true>(c, a, b, n, k);
}
KERNEL bytes(int *c, const signed char *a, const signed char *b, int n, int k) {
  gemm<signed char, int, row_major, false>(c, a, b, n, k);
}
