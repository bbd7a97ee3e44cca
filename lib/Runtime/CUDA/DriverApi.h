//===- DriverApi.h - the part of CUDA's driver in use -----------*- C++ -*-===//
// Declared here, so that building Trine takes no CUDA toolkit. Read by the
// runtime, which finds the functions with dlopen, and by the stand-in, which
// defines them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

namespace trine::cuda {

// Types, enumerators and names are those of NVIDIA's driver API reference.
using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;

inline constexpr CUresult kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2,
                          kNotInitialized = 3, kInvalidDevice = 101,
                          kInvalidContext = 201, kNoBinary = 209,
                          kInvalidPtx = 218, kInvalidHandle = 400,
                          kNotFound = 500, kIllegalAddress = 700,
                          kLaunchFailed = 719;
inline constexpr int kComputeMajor = 75,
                     kComputeMinor = 76;    // of cuDeviceGetAttribute
inline constexpr int kMaxDynamicShared = 8; // of cuFuncSetAttribute
inline constexpr unsigned kNonBlocking = 1; // of cuStreamCreate

/// F(what the table calls it, the symbol, its parameters).
#define TRINE_CUDA_FUNCTIONS(F)                                                \
  F(init, cuInit, (unsigned flags))                                            \
  F(getErrorName, cuGetErrorName, (CUresult error, const char **text))         \
  F(getErrorString, cuGetErrorString, (CUresult error, const char **text))     \
  F(deviceGetCount, cuDeviceGetCount, (int *count))                            \
  F(deviceGet, cuDeviceGet, (CUdevice * device, int ordinal))                  \
  F(deviceGetName, cuDeviceGetName, (char *name, int length, CUdevice device)) \
  F(deviceGetAttribute, cuDeviceGetAttribute,                                  \
    (int *value, int attribute, CUdevice device))                              \
  F(primaryRetain, cuDevicePrimaryCtxRetain,                                   \
    (CUcontext * context, CUdevice device))                                    \
  F(primaryRelease, cuDevicePrimaryCtxRelease_v2, (CUdevice device))           \
  F(setCurrent, cuCtxSetCurrent, (CUcontext context))                          \
  F(moduleLoad, cuModuleLoadDataEx,                                            \
    (CUmodule * module, const void *image, unsigned count, int *options,       \
     void **values))                                                           \
  F(moduleUnload, cuModuleUnload, (CUmodule module))                           \
  F(moduleGetFunction, cuModuleGetFunction,                                    \
    (CUfunction * function, CUmodule module, const char *name))                \
  F(functionSetAttribute, cuFuncSetAttribute,                                  \
    (CUfunction function, int attribute, int value))                           \
  F(allocate, cuMemAlloc_v2, (CUdeviceptr * address, size_t bytes))            \
  F(release, cuMemFree_v2, (CUdeviceptr address))                              \
  F(copyToDevice, cuMemcpyHtoDAsync_v2,                                        \
    (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))         \
  F(copyFromDevice, cuMemcpyDtoHAsync_v2,                                      \
    (void *to, CUdeviceptr from, size_t bytes, CUstream stream))               \
  F(fill, cuMemsetD8Async,                                                     \
    (CUdeviceptr address, unsigned char value, size_t count, CUstream stream)) \
  F(launch, cuLaunchKernel,                                                    \
    (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,      \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned shared,       \
     CUstream stream, void **parameters, void **extra))                        \
  F(streamCreate, cuStreamCreate, (CUstream * stream, unsigned flags))         \
  F(streamSynchronize, cuStreamSynchronize, (CUstream stream))                 \
  F(streamDestroy, cuStreamDestroy_v2, (CUstream stream))

} // namespace trine::cuda
