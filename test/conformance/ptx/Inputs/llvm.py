"""Compiles LLVM IR with llc and executes the PTX: the compiler's own road.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "simulator" / "ptx" / "Inputs"))
from ptx import BF16, E4M3, Fraction, launch  # noqa: E402

HEAD = """target triple = "nvptx64-nvidia-cuda"
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare void @llvm.nvvm.barrier0()
"""
failures = 0


def compiled(name: str, body: str, target="sm_80", ptx=87) -> pathlib.Path:
    source, made = pathlib.Path(f"{name}.ll"), pathlib.Path(f"{name}.ptx")
    source.write_text(HEAD + body)
    command = ["llc", "-O3", "-mtriple=nvptx64-nvidia-cuda", f"-mcpu={target}"]
    command += [f"-mattr=+ptx{ptx}", str(source), "-o", str(made)]
    subprocess.run(command, check=True)
    return made


def check(name: str, got, want) -> None:
    global failures
    if not np.array_equal(got, want):
        failures += 1
        print(f"{name}: expected {want.ravel()[:4]}, got {got.ravel()[:4]}")


def silu() -> None:
    """bf16 in and out, exp2 and a quotient, a structure of branches."""
    path = compiled("silu", """
declare float @llvm.nvvm.ex2.approx.f(float)
define ptx_kernel void @silu(ptr addrspace(1) %o, ptr addrspace(1) %x, i32 %n) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %b = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %d = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %m = mul i32 %b, %d
  %i = add i32 %m, %t
  %in = icmp slt i32 %i, %n
  br i1 %in, label %body, label %done
body:
  %p = getelementptr bfloat, ptr addrspace(1) %x, i32 %i
  %h = load bfloat, ptr addrspace(1) %p
  %v = fpext bfloat %h to float
  %s = fmul float %v, 0xBFF7154760000000
  %e = call float @llvm.nvvm.ex2.approx.f(float %s)
  %a = fadd float %e, 1.0
  %r = fdiv float %v, %a
  %c = fptrunc float %r to bfloat
  %q = getelementptr bfloat, ptr addrspace(1) %o, i32 %i
  store bfloat %c, ptr addrspace(1) %q
  br label %done
done:
  ret void
}
""")  # fmt: skip
    values = np.random.default_rng(1).normal(size=300)
    codes = np.array([BF16.round(Fraction(float(v))) for v in values], np.uint16)
    x = np.array([BF16.value(int(c)) for c in codes], np.float32)
    e = np.exp2(x * np.float32(-1.44269502)).astype(np.float32)
    exact = x / (e + np.float32(1))
    want = np.array([BF16.round(Fraction(float(v))) for v in exact], np.uint16)
    (got,) = launch(path, [("u16", [300]), codes, "i32:300"], grid=3, block=128)
    check("silu", np.abs(got.astype(int) - want) <= 1, np.full(300, True))


def product() -> None:
    """mma.sync and ldmatrix by intrinsics, shared memory declared outside."""
    f16 = ", ".join(["<2 x half>"] * 6 + ["float"] * 4)
    path = compiled("product", f"""
@tile = external addrspace(3) global [0 x i8], align 16
declare {{i32, i32, i32, i32}} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3))
declare {{i32, i32}} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.b16.p3(ptr addrspace(3))
declare {{float, float, float, float}} @llvm.nvvm.mma.m16n8k16.row.col.f32.f32({f16})
define ptx_kernel void @product(ptr addrspace(1) %o, ptr addrspace(1) %a, ptr addrspace(1) %b) {{
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %pa = getelementptr <8 x half>, ptr addrspace(1) %a, i32 %t
  %va = load <8 x half>, ptr addrspace(1) %pa, align 16
  %row = and i32 %t, 15
  %col = lshr i32 %t, 4
  ; the copy keeps rows of 32 bytes: lane t has chunk t % 2 of row t / 2
  %sa = getelementptr <8 x half>, ptr addrspace(3) @tile, i32 %t
  store <8 x half> %va, ptr addrspace(3) %sa, align 16
  %half = icmp slt i32 %t, 16
  br i1 %half, label %more, label %meet
more:
  %pb = getelementptr <8 x half>, ptr addrspace(1) %b, i32 %t
  %vb = load <8 x half>, ptr addrspace(1) %pb, align 16
  %tb = add i32 %t, 32
  %sb = getelementptr <8 x half>, ptr addrspace(3) @tile, i32 %tb
  store <8 x half> %vb, ptr addrspace(3) %sb, align 16
  br label %meet
meet:
  call void @llvm.nvvm.barrier0()
  %r2 = mul i32 %row, 2
  %ra = add i32 %r2, %col
  %la = getelementptr <8 x half>, ptr addrspace(3) @tile, i32 %ra
  %fa = call {{i32, i32, i32, i32}} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3) %la)
  %n = and i32 %t, 7
  %h0 = lshr i32 %t, 3
  %h = and i32 %h0, 1
  %n2 = mul i32 %n, 2
  %nb = add i32 %n2, %h
  %nb32 = add i32 %nb, 32
  %lb = getelementptr <8 x half>, ptr addrspace(3) @tile, i32 %nb32
  %fb = call {{i32, i32}} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.b16.p3(ptr addrspace(3) %lb)
  %a0 = extractvalue {{i32, i32, i32, i32}} %fa, 0
  %a1 = extractvalue {{i32, i32, i32, i32}} %fa, 1
  %a2 = extractvalue {{i32, i32, i32, i32}} %fa, 2
  %a3 = extractvalue {{i32, i32, i32, i32}} %fa, 3
  %b0 = extractvalue {{i32, i32}} %fb, 0
  %b1 = extractvalue {{i32, i32}} %fb, 1
  %x0 = bitcast i32 %a0 to <2 x half>
  %x1 = bitcast i32 %a1 to <2 x half>
  %x2 = bitcast i32 %a2 to <2 x half>
  %x3 = bitcast i32 %a3 to <2 x half>
  %y0 = bitcast i32 %b0 to <2 x half>
  %y1 = bitcast i32 %b1 to <2 x half>
  %d = call {{float, float, float, float}} @llvm.nvvm.mma.m16n8k16.row.col.f32.f32(<2 x half> %x0, <2 x half> %x1, <2 x half> %x2, <2 x half> %x3, <2 x half> %y0, <2 x half> %y1, float 0.0, float 0.0, float 0.0, float 0.0)
  %g = lshr i32 %t, 2
  %q = and i32 %t, 3
  %q2 = mul i32 %q, 2
  %g8 = mul i32 %g, 8
  %at = add i32 %g8, %q2
  %po = getelementptr float, ptr addrspace(1) %o, i32 %at
  %d0 = extractvalue {{float, float, float, float}} %d, 0
  %d1 = extractvalue {{float, float, float, float}} %d, 1
  %d2 = extractvalue {{float, float, float, float}} %d, 2
  %d3 = extractvalue {{float, float, float, float}} %d, 3
  store float %d0, ptr addrspace(1) %po
  %po1 = getelementptr float, ptr addrspace(1) %po, i32 1
  store float %d1, ptr addrspace(1) %po1
  %po2 = getelementptr float, ptr addrspace(1) %po, i32 64
  store float %d2, ptr addrspace(1) %po2
  %po3 = getelementptr float, ptr addrspace(1) %po, i32 65
  store float %d3, ptr addrspace(1) %po3
  ret void
}}
""")  # fmt: skip # noqa: E501
    a = np.random.default_rng(2).integers(-8, 8, (16, 16)).astype(np.float16)
    b = np.random.default_rng(3).integers(-8, 8, (8, 16)).astype(np.float16)
    (got,) = launch(path, [("f32", [16, 8]), a, b], "--smem=768")
    check("product", got, a.astype(np.float32) @ b.astype(np.float32).T)


def fp8() -> None:
    """f32 to E4M3 and back on sm_89."""
    path = compiled("fp8", """
declare i16 @llvm.nvvm.ff.to.e4m3x2.rn(float, float)
declare <2 x half> @llvm.nvvm.e4m3x2.to.f16x2.rn(i16)
define ptx_kernel void @fp8(ptr addrspace(1) %o, ptr addrspace(1) %x) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %p = getelementptr <2 x float>, ptr addrspace(1) %x, i32 %t
  %v = load <2 x float>, ptr addrspace(1) %p
  %v0 = extractelement <2 x float> %v, i32 0
  %v1 = extractelement <2 x float> %v, i32 1
  %c = call i16 @llvm.nvvm.ff.to.e4m3x2.rn(float %v1, float %v0)
  %h = call <2 x half> @llvm.nvvm.e4m3x2.to.f16x2.rn(i16 %c)
  %f = fpext <2 x half> %h to <2 x float>
  %q = getelementptr <2 x float>, ptr addrspace(1) %o, i32 %t
  store <2 x float> %f, ptr addrspace(1) %q
  ret void
}
""", "sm_89")  # fmt: skip
    x = (np.random.default_rng(4).normal(size=64) * 100).astype(np.float32)
    want = [E4M3.value(E4M3.round(Fraction(float(v)), finite=True)) for v in x]
    (got,) = launch(path, [("f32", [64]), x])
    check("fp8", got, np.float32(want))


silu()
product()
fp8()
print(f"{failures} results differ")
