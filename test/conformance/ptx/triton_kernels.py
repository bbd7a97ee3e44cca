"""usage: triton_kernels.py [--arch=80]

Executes kernels that Triton compiles, code that no part of Trine has seen: GEMM in
f16, bf16, tf32, int8 and FP8 with several stages, softmax, layer norm, fused
attention, a histogram by atomics, a scan, a sort. run-triton runs it.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import sys
import tempfile

import numpy as np
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "simulator/ptx/Inputs"))
from ptx import BF16, E4M3, Fraction, launch

ARCH = int(next((a[7:] for a in sys.argv if a.startswith("--arch=")), "80"))
generator = np.random.default_rng(5)
folder = pathlib.Path(tempfile.mkdtemp())
failures = 0


@triton.jit
def matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), c.dtype.element_ty)
    for k in range(0, K, BK):
        here = (rm[:, None] < M) & (k + rk[None, :] < K)
        x = tl.load(a + rm[:, None] * K + k + rk[None, :], mask=here, other=0.0)
        here = (rn[None, :] < N) & (k + rk[:, None] < K)
        y = tl.load(b + (k + rk[:, None]) * N + rn[None, :], mask=here, other=0.0)
        acc = tl.dot(x, y, acc, out_dtype=c.dtype.element_ty)
    here = (rm[:, None] < M) & (rn[None, :] < N)
    tl.store(c + rm[:, None] * N + rn[None, :], acc, mask=here)


@triton.jit
def softmax(o, x, n, B: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, B)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    v = tl.exp(v - tl.max(v, 0))
    tl.store(o + row * n + i, v / tl.sum(v, 0), mask=i < n)


@triton.jit
def norm(o, x, w, n, B: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, B)
    v = tl.load(x + row * n + i, mask=i < n, other=0).to(tl.float32)
    mean = tl.sum(v, 0) / n
    d = tl.where(i < n, v - mean, 0)
    v = d / tl.sqrt(tl.sum(d * d, 0) / n + 1e-5) * tl.load(w + i, mask=i < n)
    tl.store(o + row * n + i, v, mask=i < n)


@triton.jit
def attention(
    o, q, k, v, S, scale, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr
):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    query = tl.load(q + rm[:, None] * D + d[None, :], mask=rm[:, None] < S, other=0)
    top = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, (tl.program_id(0) + 1) * BM, BN):
        rn = start + tl.arange(0, BN)
        here = rn[:, None] < S
        key = tl.load(k + rn[:, None] * D + d[None, :], mask=here, other=0.0)
        s = tl.dot(query, tl.trans(key)) * scale
        s = tl.where(rm[:, None] >= rn[None, :], s, -float("inf"))
        most = tl.maximum(top, tl.max(s, 1))
        p = tl.exp2(s - most[:, None])
        old = tl.exp2(top - most)
        total = total * old + tl.sum(p, 1)
        value = tl.load(v + rn[:, None] * D + d[None, :], mask=here, other=0.0)
        acc = acc * old[:, None] + tl.dot(p.to(value.dtype), value)
        top = most
    here = rm[:, None] < S
    tl.store(o + rm[:, None] * D + d[None, :], acc / total[:, None], mask=here)


@triton.jit
def bins(count, x, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    v = tl.load(x + i, mask=i < n, other=0)
    tl.atomic_add(count + v, 1, mask=i < n)


@triton.jit
def ordered(o, s, x, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    tl.store(o + i, tl.cumsum(v, 0))
    tl.store(s + i, tl.sort(v))


def run(function, signature, constants, arguments, grid, aligned=(), **options):
    """Compiles for the architecture and executes; the results."""
    names = list(function.arg_names)
    full = dict(zip(names, signature, strict=False))
    full |= {name: "constexpr" for name in constants}
    attributes = {(names.index(n),): [["tt.divisibility", 16]] for n in aligned}
    source = ASTSource(function, full, constants, attributes)
    made = triton.compile(source, target=GPUTarget("cuda", ARCH, 32), options=options)
    path = folder / f"{function.__name__}.ptx"
    path.write_text(made.asm["ptx"])
    results = []
    for order in (["--seed=0"], ["--seed=1"], ["--seed=2", "--async=eager"]):
        results = launch(
            path, [*arguments, "null", "null"], f"--smem={made.metadata.shared}",
            *order, grid=grid, block=32 * made.metadata.num_warps,
        )  # fmt: skip
        yield results


def differ(name: str, got, want, bound: float) -> None:
    global failures
    error = np.abs(got.astype(float) - want).max()
    print(f"{name}: error {error:.2g} of at most {bound:.2g}")
    failures += not error <= bound


def codes(form, values):
    flat = [form.round(Fraction(float(v)), "rn", v < 0, True) for v in values.flat]
    return np.array(flat).reshape(values.shape)


def products() -> None:
    M, N, K = 96, 80, 160
    a, b = generator.normal(size=(M, K)), generator.normal(size=(K, N))
    whole = generator.integers(-100, 100, (M, K)), generator.integers(-100, 100, (K, N))
    rows = {
        "fp16": (a.astype(np.float16), b.astype(np.float16), "fp32", 0.01),
        "fp32": (a.astype(np.float32), b.astype(np.float32), "fp32", 0.05),
        "i8": (whole[0].astype(np.int8), whole[1].astype(np.int8), "i32", 0),
    }
    bf = codes(BF16, a).astype(np.uint16), codes(BF16, b).astype(np.uint16)
    rows["bf16"] = (*bf, "fp32", 0.01)
    if ARCH >= 89:
        fp8 = codes(E4M3, a).astype(np.uint8), codes(E4M3, b).astype(np.uint8)
        rows["fp8e4nv"] = (*fp8, "fp32", 0.01)
    values = {"bf16": BF16, "fp8e4nv": E4M3}
    for kind, (x, y, out, bound) in rows.items():
        decode = np.vectorize(lambda c, k=kind: values[k].value(int(c)))
        left, right = (decode(x), decode(y)) if kind in values else (x, y)
        want = left.astype(float) @ right.astype(float)
        result = ("i32" if out == "i32" else "f32", [M, N])
        sizes = [f"i32:{M}", f"i32:{N}", f"i32:{K}"]
        for stages in (1, 3):
            signature = [f"*{kind}", f"*{kind}", f"*{out}", "i32", "i32", "i32"]
            made = run(
                matmul, signature, {"BM": 64, "BN": 64, "BK": 32},
                [x, y, result, *sizes], "2,2", aligned="abcNK",
                num_warps=4, num_stages=stages,
            )  # fmt: skip
            for (got,) in made:
                differ(f"matmul {kind} stages {stages}", got, want, bound)


def rows_and_attention() -> None:
    x = generator.normal(size=(6, 1000)).astype(np.float32)
    e = np.exp(x - x.max(1, keepdims=True))
    for (got,) in run(softmax, ["*fp32", "*fp32", "i32"], {"B": 1024},
                      [("f32", [6, 1000]), x, "i32:1000"], 6):  # fmt: skip
        differ("softmax", got, e / e.sum(1, keepdims=True), 1e-6)
    h, w = x.astype(np.float16), generator.normal(size=1000).astype(np.float32)
    v = h.astype(float)
    want = (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5) * w
    for (got,) in run(norm, ["*fp32", "*fp16", "*fp32", "i32"], {"B": 1024},
                      [("f32", [6, 1000]), h, w, "i32:1000"], 6):  # fmt: skip
        differ("norm", got, want, 1e-5)
    S, D = 150, 64
    q, k, v = generator.normal(size=(3, S, D)).astype(np.float16)
    scores = q.astype(float) @ k.astype(float).T / 8
    scores = np.where(np.tril(np.ones((S, S))) > 0, scores, -np.inf)
    p = np.exp(scores - scores.max(1, keepdims=True))
    want = p / p.sum(1, keepdims=True) @ v.astype(float)
    signature = ["*fp32", "*fp16", "*fp16", "*fp16", "i32", "fp32"]
    made = run(
        attention, signature, {"BM": 64, "BN": 32, "D": D},
        [("f32", [S, D]), q, k, v, f"i32:{S}", f"f32:{1.4426950408889634 / 8}"],
        3, aligned="oqkv", num_warps=4, num_stages=3,
    )  # fmt: skip
    for (got,) in made:
        differ("attention", got, want, 3e-3)


def others() -> None:
    v = generator.integers(0, 10, 500).astype(np.int32)
    for (got,) in run(bins, ["*i32", "*i32", "i32"], {"B": 128},
                      [("zero", "i32", [10]), v, "i32:500"], 4):  # fmt: skip
        differ("bins", got, np.bincount(v, minlength=10), 0)
    x = generator.integers(-1000, 1000, 256).astype(np.int32)
    for sums, sort in run(ordered, ["*i32", "*i32", "*i32"], {"B": 256},
                          [("i32", [256]), ("i32", [256]), x], 1):  # fmt: skip
        differ("cumsum", sums, np.cumsum(x), 0)
        differ("sort", sort, np.sort(x), 0)


products()
rows_and_attention()
others()
print(f"{failures} results differ")
sys.exit(failures > 0)
