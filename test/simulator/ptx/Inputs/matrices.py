"""mma.sync, ldmatrix, stmatrix: fragments placed by the formulas of the PTX
specification, products by NumPy.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import itertools
from fractions import Fraction

import numpy as np
from ptx import BF16, E4M3, E5M2, F16, F32, launch

generator = np.random.default_rng(2)
failures = 0
LANE = np.arange(32)
G, T = LANE // 4, LANE % 4

# Bytes, decoder, encoder of small integers.
TYPES = {
    "f16": (2, F16),
    "bf16": (2, BF16),
    "tf32": (4, F32),
    "e4m3": (1, E4M3),
    "e5m2": (1, E5M2),
    "s8": (1, None),
    "u8": (1, None),
}


def codes(kind: str, shape, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """Random elements: their codes and their values."""
    form = TYPES[kind][1]
    if form is None:
        low = -128 if kind == "s8" else 0
        values = generator.integers(low, low + 256, shape)
        return values & 255, values.astype(np.float64)
    if exact:
        values = generator.integers(-4, 5, shape).astype(np.float64)
        made = [form.round(Fraction(v)) for v in values.flat]
        return np.array(made).reshape(shape), values
    values = generator.normal(size=shape)
    if kind == "tf32":  # what is below the 10 bits does not count
        bits = values.astype(np.float32).view(np.uint32).astype(np.int64)
        return bits, (bits & ~0x1FFF).astype(np.uint32).view(np.float32).astype(float)
    made = [form.round(Fraction(v)) for v in values.flat]
    made = np.array(made).reshape(shape)
    values = [form.value(int(code)) for code in made.flat]
    return made, np.array(values).reshape(shape)


def fragment_a(matrix: np.ndarray, size: int) -> np.ndarray:
    """[16][K] codes → [registers][32]: a register has 4 / size elements."""
    per, depth = 4 // size, matrix.shape[1]
    registers = []
    for k in range(0, depth, 4 * per):
        for half in (0, 8):
            word = np.zeros(32, np.int64)
            for i in range(per):
                word |= matrix[G + half, k + T * per + i] << (8 * size * i)
            registers.append(word)
    return np.array(registers)


def fragment_b(matrix: np.ndarray, size: int) -> np.ndarray:
    """[K][8] codes → [registers][32]"""
    per, depth = 4 // size, matrix.shape[0]
    registers = []
    for k in range(0, depth, 4 * per):
        word = np.zeros(32, np.int64)
        for i in range(per):
            word |= matrix[k + T * per + i, G] << (8 * size * i)
        registers.append(word)
    return np.array(registers)


def accumulators(matrix: np.ndarray) -> np.ndarray:
    """[16][8] → [4][32]"""
    return np.array([matrix[G + i // 2 * 8, T * 2 + i % 2] for i in range(4)])


def matrix_of(fragments: np.ndarray) -> np.ndarray:
    made = np.zeros((16, 8), fragments.dtype)
    for i in range(4):
        made[G + i // 2 * 8, T * 2 + i % 2] = fragments[i]
    return made


def run(operation: str, target: str, d: int, *sources: np.ndarray) -> np.ndarray:
    """Registers in, registers out; one warp."""
    names, text = [], []
    total = 0
    for array in sources:
        names.append([f"%s{total + i}" for i in range(len(array))])
        total += len(array)
    for i in range(total):
        text.append(f"ld.global.b32 %s{i}, [%rd1 + {128 * i}];")
    results = [f"%d{i}" for i in range(d)]
    lists = ", ".join("{" + ", ".join(n) + "}" for n in [results, *names])
    text.append(f"{operation} {lists};")
    text += [f"st.global.b32 [%rd2 + {128 * i}], %d{i};" for i in range(d)]
    body = "\n  ".join(text)
    ptx = f""".version 8.7
.target {target}
.address_size 64
.visible .entry test(.param .u64 p, .param .u64 q) {{
  .reg .b32 %s<{total}>; .reg .b32 %d<{d}>; .reg .b64 %rd<4>; .reg .b32 %r<2>;
  ld.param.u64 %rd1, [p]; ld.param.u64 %rd2, [q]; mov.u32 %r1, %tid.x;
  mad.wide.u32 %rd1, %r1, 4, %rd1; mad.wide.u32 %rd2, %r1, 4, %rd2;
  {body}
  ret;
}}
"""
    words = np.concatenate(sources).astype(np.uint32)
    (made,) = launch(ptx, [words, ("u32", [d, 32])])
    return made


def differ(name: str, got: np.ndarray, want: np.ndarray, bound) -> None:
    global failures
    error = np.abs(got.astype(np.float64) - want)
    if not (error <= bound).all():
        failures += 1
        print(f"{name}: error {error.max()} at {np.argwhere(error > bound)[0]}")


def products() -> None:
    shapes = [
        *[("f16", "f16", k, acc) for k in (8, 16) for acc in ("f32", "f16")],
        *[("bf16", "bf16", k, "f32") for k in (8, 16)],
        *[("tf32", "tf32", k, "f32") for k in (4, 8)],
        *[(a, b, k, "s32") for k in (16, 32)
          for a in ("s8", "u8") for b in ("s8", "u8")],
        *[(a, b, k, acc) for k in (16, 32) for a in ("e4m3", "e5m2")
          for b in ("e4m3", "e5m2") for acc in ("f32", "f16")],
    ]  # fmt: skip
    for (left, right, depth, acc), exact in itertools.product(shapes, (True, False)):
        size = TYPES[left][0]
        a, x = codes(left, (16, depth), exact)
        b, y = codes(right, (depth, 8), exact)
        c = generator.integers(-9, 9, (16, 8)).astype(np.float64)
        target = "sm_89" if size == 1 and acc != "s32" else "sm_80"
        operation = f"mma.sync.aligned.m16n8k{depth}.row.col"
        operation += f".{acc}.{left}.{right}.{acc}"
        fragments = fragment_a(a, size), fragment_b(b, size)
        want = x @ y + c
        if acc == "f16":
            pairs = c.astype(np.float16).view(np.uint16).astype(np.int64)
            quads = accumulators(pairs)
            packed = np.array([quads[0] | quads[1] << 16, quads[2] | quads[3] << 16])
            got = run(operation, target, 2, *fragments, packed)
            halves = np.array(
                [got[0] & 65535, got[0] >> 16, got[1] & 65535, got[1] >> 16]
            )
            result = matrix_of(np.array(halves, np.uint16).view(np.float16))
            bound = np.abs(want) * 2.0**-11 + 2.0**-10
        else:
            dtype = np.int32 if acc == "s32" else np.float32
            given = accumulators(c.astype(dtype).view(np.uint32))
            got = run(operation, target, 4, *fragments, given)
            result = matrix_of(got.view(dtype))
            bound = 0 if exact or acc == "s32" else 1e-5 * (np.abs(x) @ np.abs(y) + 9)
        differ(operation, result, want, 0 if exact and acc != "f16" else bound)


def saturation() -> None:
    a = np.full((16, 32), 127)
    b = np.full((32, 8), 127)
    c = np.full((4, 32), 2**31 - 1)
    for option, want in (
        (".satfinite", 2**31 - 1),
        ("", -(2**31) - 1 + 127 * 127 * 32),
    ):
        operation = f"mma.sync.aligned.m16n8k32.row.col{option}.s32.s8.s8.s32"
        got = run(operation, "sm_80", 4, fragment_a(a, 1), fragment_b(b, 1), c)
        differ(operation, got.view(np.int32), np.full((4, 32), want), 0)


def moves() -> None:
    """Matrix k of x4 has in row r, column c the number 64k + 8r + c."""
    tile = np.arange(256, dtype=np.uint16)
    for count, transposed in itertools.product((1, 2, 4), (False, True)):
        option = ".trans" if transposed else ""
        regs = ", ".join(f"%d{i}" for i in range(count))
        moved = range(count)
        ptx = f""".version 8.7
.target sm_90
.address_size 64
.visible .entry test(.param .u64 p, .param .u64 q, .param .u64 s) {{
  .reg .b32 %d<4>; .reg .b64 %rd<4>; .reg .b32 %r<9>; .reg .b64 %x;
  .shared .align 16 .b8 tile[512]; .shared .align 16 .b8 back[512];
  ld.param.u64 %rd1, [p]; ld.param.u64 %rd2, [q]; ld.param.u64 %rd3, [s];
  mov.u32 %r1, %tid.x; shl.b32 %r2, %r1, 4; cvt.u64.u32 %x, %r2;
  add.u64 %rd1, %rd1, %x; ld.global.v4.b32 {{%r3, %r4, %r5, %r6}}, [%rd1];
  mov.u32 %r7, tile; add.u32 %r7, %r7, %r2;
  st.shared.v4.b32 [%r7], {{%r3, %r4, %r5, %r6}};
  mov.u32 %r8, back; add.u32 %r8, %r8, %r2; st.shared.v4.b32 [%r8], {{0, 0, 0, 0}};
  bar.warp.sync -1;
  ldmatrix.sync.aligned.m8n8.x{count}{option}.shared.b16 {{{regs}}}, [%r7];
  stmatrix.sync.aligned.m8n8.x{count}{option}.shared.b16 [%r8], {{{regs}}};
  bar.warp.sync -1;
  ld.shared.v4.b32 {{%r3, %r4, %r5, %r6}}, [%r8];
  add.u64 %rd3, %rd3, %x; st.global.v4.b32 [%rd3], {{%r3, %r4, %r5, %r6}};
  shl.b32 %r2, %r1, 2; cvt.u64.u32 %x, %r2; add.u64 %rd2, %rd2, %x;
  {" ".join(f"st.global.b32 [%rd2 + {128 * i}], %d{i};" for i in moved)}
  ret;
}}
"""
        out, back = launch(ptx, [tile, ("u32", [count, 32]), ("u16", [256])])
        for k in moved:
            first = 64 * k + (16 * T + G if transposed else 8 * G + 2 * T)
            second = first + (8 if transposed else 1)
            want = first | second << 16
            differ(f"ldmatrix.x{count}{option}", out[k], want, 0)
        want = np.where(tile < 64 * count, tile, 0)
        differ(f"stmatrix.x{count}{option}", back, want, 0)


products()
saturation()
moves()
print(f"{failures} operations differ")
