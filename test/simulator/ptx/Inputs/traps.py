"""Kernels of one line that go wrong.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import re

import numpy as np
from ptx import Trapped, launch

# A name, then its instructions.
CASES = """
shared memory beyond its end
  add.u32 %r9, %r2, 64;
  ld.shared.b32 %r3, [%r9];
shared memory before its begin
  ld.shared.b32 %r3, [%r2+-4];
a vector across the end
  ld.shared.v4.b32 {%r3, %r4, %r5, %r6}, [%r2+64];
a misaligned vector
  ld.shared.v4.b32 {%r3, %r4, %r5, %r6}, [%r2+8];
local memory beyond its end
  ld.local.b32 %r3, [l+16];
a parameter beyond the last
  ld.param.b32 %r3, [in+8];
a null pointer
  mov.u64 %rd3, 0;
  ld.global.b32 %r3, [%rd3];
an address of nothing
  ld.shared.b32 %r3, [%r9];
an address from unwritten memory
  ld.shared.b32 %r9, [%r2];
  mul.lo.u32 %r9, %r9, 0;
  add.u32 %r9, %r9, %r2;
  ld.shared.b32 %r3, [%r9];
a value of a lane that is not there
  setp.lt.u32 %p1, %r1, 16;
  @!%p1 exit;
  shfl.sync.idx.b32 %r9, %r2, 20, 31, 0xffff;
  ld.shared.b32 %r3, [%r9];
half of a warp multiplies
  setp.lt.u32 %p1, %r1, 16;
  @!%p1 exit;
  mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r3, %r4, %r5, %r6}, {%r1,
  %r1}, {%r1}, {%r1, %r1, %r1, %r1};
a lane outside its own mask
  bar.warp.sync 0xffff;
rows of a matrix are 16 bytes
  ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r3}, [%r2+4];
a barrier's number
  bar.sync 16;
lanes choose different barriers
  and.b32 %r3, %r1, 1;
  bar.sync %r3;
a jump beyond its table
  T: .branchtargets E, E;
  brx.idx %r1, T;
more of a source than of a copy
  cp.async.ca.shared.global [%r2], [%rd1], 8, 12;
a copy from nowhere
  cp.async.cg.shared.global [%r2], [%rd1+256], 16;
a copy over what is read
  setp.ne.u32 %p1, %r1, 1;
  @%p1 bra X;
  ld.shared.b32 %r3, [%r2];
  bra E;
  X: setp.ne.u32 %p1, %r1, 0;
  @%p1 bra E;
  nanosleep.u32 1;
  nanosleep.u32 1;
  cp.async.cg.shared.global [%r2], [%rd1], 16;
copied and read at once
  setp.ne.u32 %p1, %r1, 0;
  @%p1 exit;
  cp.async.cg.shared.global [%r2], [%rd1], 16;
  ld.shared.b32 %r3, [%r2];
two lanes write one word
  st.shared.b32 [%r2], %r1;
atomics and stores
  red.shared.add.u32 [%r2], 1;
  st.shared.b32 [%r2], %r1;
no mbarrier there
  setp.ne.u32 %p1, %r1, 0;
  @%p1 exit;
  st.shared.v2.b32 [%r2], {0, 0};
  mbarrier.arrive.shared.b64 %rd3, [%r2];
an mbarrier of no arrivals
  setp.ne.u32 %p1, %r1, 0;
  @%p1 exit;
  mbarrier.init.shared.b64 [%r2], 0;
more arrivals than an mbarrier has
  setp.ne.u32 %p1, %r1, 0;
  @%p1 exit;
  mbarrier.init.shared.b64 [%r2], 1;
  mbarrier.arrive.noComplete.shared.b64 %rd3, [%r2], 1;
an mbarrier before it is ready
  setp.ne.u32 %p1, %r1, 0;
  @!%p1 mbarrier.init.shared.b64 [%r2], 32;
  @%p1 mbarrier.arrive.shared.b64 %rd3, [%r2];
one value written twice
  st.shared.b32 [%r2], 7;
atomics of all
  red.shared.add.u32 [%r2], 1;
unwritten values may be computed with
  add.u32 %r3, %r9, %r1;
a copy of nothing has any address
  setp.ne.u32 %p1, %r1, 0;
  @%p1 exit;
  cp.async.ca.shared.global [%r2], [%rd4], 8, 0;
  cp.async.wait_all;
the phases of an mbarrier
  setp.ne.u32 %p1, %r1, 0;
  @!%p1 mbarrier.init.shared.b64 [%r2], 32;
  bar.sync 0;
  mbarrier.test_wait.parity.shared.b64 %p1, [%r2], 0;
  @%p1 trap;
  mbarrier.test_wait.parity.shared.b64 %p1, [%r2], 1;
  @!%p1 trap;
  bar.warp.sync -1;
  mbarrier.arrive.shared.b64 %rd3, [%r2];
  bar.warp.sync -1;
  mbarrier.test_wait.shared.b64 %p1, [%r2], %rd3;
  @!%p1 trap;
  mbarrier.test_wait.parity.shared.b64 %p1, [%r2], 1;
  @%p1 trap;
copies that arrive at an mbarrier
  setp.ne.u32 %p1, %r1, 0;
  @!%p1 mbarrier.init.shared.b64 [%r2+32], 32;
  bar.sync 0;
  mad.lo.u32 %r3, %r1, 4, %r2;
  mad.wide.u32 %rd2, %r1, 4, %rd1;
  setp.ge.u32 %p2, %r1, 8;
  @!%p2 cp.async.ca.shared.global [%r3], [%rd2], 4;
  cp.async.mbarrier.arrive.noinc.shared.b64 [%r2+32];
  WAIT:
  mbarrier.test_wait.parity.shared.b64 %p1, [%r2+32], 0;
  @!%p1 bra WAIT;
  ld.shared.b32 %r4, [%r2+28];
  setp.ne.u32 %p1, %r4, 7;
  @%p1 trap;
"""
TEXT = """.version 8.0
.target sm_80
.address_size 64
.visible .entry test(.param .u64 in)
{
  .reg .pred %p<3>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<5>;
  .shared .align 16 .b8 s[64];
  .local .align 16 .b8 l[16];
  ld.param.u64 %rd1, [in];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, s;
  mov.u64 %rd4, 12;


  // line 18:
  LINE
E:
  ret;
}
"""
for case in re.split(r"\n(?=\w)", CASES.strip()):
    name, line = case.split("\n", 1)
    if "red.shared" in line:  # an atomic on what has no value has none
        line = "st.shared.b32 [%r2], 0; bar.warp.sync -1; " + line
    try:
        launch(TEXT.replace("LINE", line), [np.arange(64, dtype=np.int32)])
        print(f"{name}: right")
    except Trapped as trapped:
        where = str(trapped).split("kernel.ptx:")[1]
        print(f"{name}: {where.split(': ', 1)[1].splitlines()[0]}")
