// f16, bf16 and FP8 as the CUDA headers use them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#define KERNEL extern "C" __global__ void
#define INDEX (blockIdx.x * blockDim.x + threadIdx.x)

KERNEL halves(__half *out, const __half *a, const __half *b, const __half *c) {
  int i = INDEX;
  __half x = a[i], y = b[i], z = c[i];
  __half *o = out + i * 12;
  o[0] = __hadd(x, y);
  o[1] = __hsub(x, y);
  o[2] = __hmul(x, y);
  o[3] = __hfma(x, y, z);
  o[4] = __hmax(x, y);
  o[5] = __hmin(x, y);
  o[6] = __hlt(x, y) ? x : y;
  o[7] = __habs(x);
  o[8] = __hneg(y);
  o[9] = __hfma_relu(x, y, z);
  o[10] = __int2half_rn(__half2int_rz(x));
  o[11] = __hdiv(x, y);
}
KERNEL bfloats(__nv_bfloat16 *out, const __nv_bfloat16 *a, const __nv_bfloat16 *b,
              const __nv_bfloat16 *c) {
  int i = INDEX;
  __nv_bfloat16 x = a[i], y = b[i], z = c[i];
  __nv_bfloat16 *o = out + i * 8;
  o[0] = __hadd(x, y);
  o[1] = __hsub(x, y);
  o[2] = __hmul(x, y);
  o[3] = __hfma(x, y, z);
  o[4] = __hmax(x, y);
  o[5] = __hmin(x, y);
  o[6] = __hlt(x, y) ? x : y;
  o[7] = __float2bfloat16(__bfloat162float(x) * 1.1f);
}
KERNEL pairs(__half2 *out, const __half2 *a, const __half2 *b) {
  int i = INDEX;
  out[i * 4 + 0] = __hadd2(a[i], b[i]);
  out[i * 4 + 1] = __hfma2(a[i], b[i], a[i]);
  out[i * 4 + 2] = __hmax2(a[i], b[i]);
  out[i * 4 + 3] = __lowhigh2highlow(__hmul2(a[i], b[i]));
}
KERNEL toFp8(unsigned char *out, const float *in) {
  int i = INDEX;
  out[i * 2 + 0] = __nv_cvt_float_to_fp8(in[i], __NV_SATFINITE, __NV_E4M3);
  out[i * 2 + 1] = __nv_cvt_float_to_fp8(in[i], __NV_SATFINITE, __NV_E5M2);
}
KERNEL fromFp8(float *out, const __nv_fp8_e4m3 *a, const __nv_fp8_e5m2 *b) {
  int i = INDEX;
  out[i * 2 + 0] = float(a[i]);
  out[i * 2 + 1] = float(b[i]);
}
