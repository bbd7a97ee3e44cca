"""Measures trine-ptx-sim, whole runs with start and files: a pipelined mma.sync GEMM,
an elementwise kernel, a matrix times a vector. Prints; it is no test.

    PATH=build/bin:$PATH .venv/bin/python test/simulator/ptx/Inputs/speed.py

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import time

import numpy as np
from gemm import gemm
from ptx import launch

VECTOR = """.version 7.8
.target sm_80
.address_size 64
.visible .entry test(.param .u64 o, .param .u64 w, .param .u64 x, .param .u32 k) {
  .reg .pred %p; .reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .f32 %f<12>;
  ld.param.u64 %rd1, [o]; ld.param.u64 %rd2, [w]; ld.param.u64 %rd3, [x];
  ld.param.u32 %r1, [k]; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %tid.x;
  mul.lo.u32 %r4, %r2, %r1; mad.wide.u32 %rd2, %r4, 4, %rd2;
  mad.wide.u32 %rd2, %r3, 16, %rd2; mad.wide.u32 %rd3, %r3, 16, %rd3;
  mov.u32 %r5, 0; mov.f32 %f0, 0f00000000;
LOOP:
  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd2];
  ld.global.v4.f32 {%f5, %f6, %f7, %f8}, [%rd3];
  fma.rn.f32 %f0, %f1, %f5, %f0; fma.rn.f32 %f0, %f2, %f6, %f0;
  fma.rn.f32 %f0, %f3, %f7, %f0; fma.rn.f32 %f0, %f4, %f8, %f0;
  add.u64 %rd2, %rd2, 512; add.u64 %rd3, %rd3, 512; add.u32 %r5, %r5, 128;
  setp.lt.u32 %p, %r5, %r1; @%p bra LOOP;
  mul.wide.u32 %rd4, %r2, 4; add.u64 %rd1, %rd1, %rd4;
  red.global.add.f32 [%rd1], %f0;
  ret;
}
"""
SILU = """.version 7.8
.target sm_80
.address_size 64
.visible .entry test(.param .u64 o, .param .u64 x) {
  .reg .b32 %r<4>; .reg .b64 %rd<5>; .reg .f32 %f<9>;
  ld.param.u64 %rd1, [o]; ld.param.u64 %rd2, [x];
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %r3, %r1, 256, %r2;
  mad.wide.u32 %rd3, %r3, 4, %rd2; ld.global.f32 %f1, [%rd3];
  mul.f32 %f2, %f1, 0fBFB8AA3B; ex2.approx.f32 %f3, %f2; add.f32 %f4, %f3, 0f3F800000;
  rcp.approx.f32 %f5, %f4; mul.f32 %f6, %f1, %f5;
  mad.wide.u32 %rd4, %r3, 4, %rd1; st.global.f32 [%rd4], %f6;
  ret;
}
"""
generator = np.random.default_rng(0)


def measure(name: str, count: float, unit: str, *arguments, **options) -> None:
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        launch(*arguments, **options)
        best = min(best, time.perf_counter() - begin)
    print(f"{name}: {best:.2f} s, {count / best / 1e9:.2f} G{unit}/s")


size = 512
a, b = generator.normal(size=(2, size, size)).astype(np.float16)
sizes = [f"i32:{size}"] * 3
for options in (["--races=on"], ["--races=off"]):
    measure(
        f"mma.sync GEMM {size} {options[0]}", size**3, "MAC", gemm(),
        [a, b, ("f32", [size, size]), *sizes], "--smem=24576", *options,
        grid="8,8", block=128,
    )  # fmt: skip
count = 1 << 20
x = generator.normal(size=count).astype(np.float32)
measure("silu", 16 * count, "lane-instruction", SILU, [("f32", [count]), x],
        grid=count // 256, block=256)  # fmt: skip
w, v = generator.normal(size=(4096, 2048)), generator.normal(size=2048)
measure("matrix times vector", w.size, "MAC", VECTOR,
        [("zero", "f32", [4096]), w.astype(np.float32), v.astype(np.float32),
         "i32:2048"], grid=4096)  # fmt: skip
