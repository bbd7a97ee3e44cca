"""usage: conformance.py FILE.cu

Compiles kernels of our own with nvcc, executes the PTX in the simulator, by several
orders of warps, and compares with what arithmetic or NumPy says.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import math
import os
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "simulator" / "ptx" / "Inputs"))
from ptx import BF16, E4M3, E5M2, F16, Fraction, Trapped, launch  # noqa: E402

generator = np.random.default_rng(3)
failures = 0
OPTIONS = (["--seed=0"], ["--seed=1"], ["--seed=2", "--async=eager"])


@functools.cache
def compiled(name: str, arch: str, *options: str) -> pathlib.Path:
    path = pathlib.Path(f"{name}{''.join(options)}-{arch}.ptx").absolute()
    source = HERE / f"{name}.cu"
    command = ["nvcc", "-std=c++17", f"-arch={arch}", "-ptx", *options]
    subprocess.run([*command, str(source), "-o", str(path)], check=True)
    return path


class File:
    """The kernels of one .cu file; calls are launches."""

    def __init__(self, name: str, arch="sm_80", *options: str) -> None:
        self.path = compiled(name, arch, *options)

    def check(self, kernel, arguments, wants, grid=1, block=128, more=(), bound=0.0):
        """Every result equals its array in `wants`, or differs relatively less
        than `bound`."""
        global failures
        for options in OPTIONS:
            got = launch(
                self.path, arguments, *options, *more,
                kernel=kernel, grid=grid, block=block,
            )  # fmt: skip
            for result, want in zip(got, wants, strict=True):
                same = np.array_equal(result, want, equal_nan=result.dtype.kind == "f")
                if bound and not same:
                    with np.errstate(invalid="ignore"):  # inf - inf
                        error = np.abs(result.astype(float) - want)
                    error[result == want] = 0
                    same = (error <= bound * (np.abs(want) + 1e-3)).all()
                if not same:
                    failures += 1
                    where = np.argwhere(~np.isclose(result, want, bound))[:3].tolist()
                    print(f"{kernel} {options}: differs at {where}")

    def trap(self, kernel, arguments, kind, more=(), **options) -> None:
        global failures
        for order in OPTIONS:
            try:
                launch(self.path, arguments, *order, *more, kernel=kernel, **options)
                failures += 1
                print(f"{kernel} {order}: expected the trap {kind}")
            except Trapped as trapped:
                kinds = (kind,) if isinstance(kind, str) else kind
                if trapped.code != 6 or not any(k in str(trapped) for k in kinds):
                    failures += 1
                    print(f"{kernel} {order}: expected the trap {kind}, got {trapped}")


def collatz(v: int) -> int:
    steps = 0
    while v != 1:
        v = 3 * v + 1 if v & 1 else v // 2
        steps += 1
    return steps


def wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def choice(v: int) -> int:
    def helper(a, b):
        return wrap(a * b - (a ^ b))

    def twice(a):
        return wrap(helper(a, 3) + helper(a, 5))

    rows = {0: helper(v, 1), 1: twice(v), 2: v * 7, 3: v - 100, 4: ~v, 5: v << 3}
    rows |= {6: v >> 2, 7: twice(v + 1), 9: int(math.fmod(v, 13)), 11: int(v / 7)}
    return wrap(rows.get(v & 15, -1))


def basics() -> None:
    file = File("basics")
    n = 1000
    x, y = generator.normal(size=(2, n)).astype(np.float32)
    # y is read and written: an inout array would need a file.
    start = generator.integers(1, 3000, n).astype(np.uint32)
    steps = np.array([collatz(int(v)) for v in start], np.int32)
    file.check("collatz", [("i32", [n]), start, f"i32:{n}"], [steps], grid=8)
    which = generator.integers(-500, 500, n).astype(np.int32)
    want = np.array([choice(int(v)) for v in which], np.int32)
    file.check("choose", [("i32", [n]), which, f"i32:{n}"], [want], grid=8)
    data = generator.integers(0, 256, (32, 20)).astype(np.uint8)
    want = np.array([np.bincount(row & 7, minlength=8) for row in data], np.int32)
    file.check("histogram8", [("i32", [32, 8]), data, "i32:20"], [want], block=32)
    whole = generator.integers(-50, 50, n).astype(np.float32)
    sums = np.zeros(4, np.float32)
    for i in range(0, n, 512):
        for block in range(4):
            sums[block] += whole[i + block * 128 : min(i + block * 128 + 128, n)].sum()
    file.check("blockSum", [("f32", [4]), whole, f"i32:{n}"], [sums], grid=4,
               more=["--smem=512"])  # fmt: skip
    matrix = generator.normal(size=(50, 70)).astype(np.float32)
    file.check("transpose", [("f32", [70, 50]), matrix, "i32:50", "i32:70"],
               [matrix.T.copy()], grid="3,2", block="32,8")  # fmt: skip
    i = np.arange(n)
    xors = np.bitwise_xor.reduce((i * 0x9E3779B9).astype(np.uint32))
    ints = [i.sum(), (i * 37 % 1000).max(), (i * 37 % 1000 - 500).min()]
    ints += [np.int32(xors.view(np.int32)), 2**31 - 1, 3 * n, n % 100, n]
    file.check(
        "atomics",
        [("zero", "i32", [8]), ("zero", "f64", [1]), ("zero", "f32", [1]), f"i32:{n}"],
        [np.array(ints, np.int32), np.array([i.sum()], float), np.float32([n])],
        grid=8,
    )
    shape = np.zeros(24, np.uint8)
    shape[:4] = np.int32([n]).view(np.uint8)
    shape[4:8] = np.float32([2]).view(np.uint8)
    shape[8:16] = np.int64([1000]).view(np.uint8)
    shape[16:22] = np.int16([1, -2, 3]).view(np.uint8)
    np.save("shape.npy", shape)
    padded = np.pad(whole, 2)
    want = sum(w * padded[k : k + n] for k, w in enumerate([0.5, -1, 2, -1, 0.5])) * 2
    want = want + np.int16([1, -2, 3])[i % 3] + np.int32([10, 20, 30, 40])[i & 3] + 1000
    file.check("stencil", [("f32", [n]), whole, "bytes:shape.npy"],
               [want.astype(np.float32)], grid=8)  # fmt: skip
    integers(file)
    functions(file)
    box = generator.integers(-99, 99, (5, 64)).astype(np.int32)
    file.check("handOver", [("i32", [5, 64]), box, "i32:5"], [box[:, ::-1] * 3])
    order = np.arange(128, dtype=np.int32)
    file.check("asserts", [("i32", [128]), "i32:128"], [order])
    file.trap("asserts", [("i32", [128]), "i32:100"], "assertion", block=128)
    saxpy = [f"inout:{os.getcwd()}/y.npy={os.getcwd()}/o.npy", x, "f32:2.5", f"i32:{n}"]
    np.save("y.npy", y)
    file.check("saxpy", saxpy, [], grid=8)
    exact = np.float64(np.float32(2.5)) * x + y
    if not (np.abs(np.load("o.npy") - exact) <= 1e-6 * (np.abs(exact) + 1)).all():
        print("saxpy: differs")
        global failures
        failures += 1


def integers(file: File) -> None:
    n = 256
    a = generator.integers(-(2**63), 2**63, n) >> generator.integers(0, 63, n)
    b = generator.integers(-(2**63), 2**63, n) >> generator.integers(0, 63, n)
    rows = []
    for x, y in zip(map(int, a), map(int, b), strict=True):
        u, v = x % 2**64, y % 2**64
        quotient = 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        low = (u & -u).bit_length()
        bits = u.bit_count() + (64 - u.bit_length()) * 100 + low * 10000
        row = [x * y, quotient, x - quotient * y if y else 0, u // v if v else 0]
        row += [x * y >> 64, u * v >> 64, x >> (y & 63), bits]
        rows.append([(r + 2**63) % 2**64 - 2**63 for r in row])
    file.check("wide", [("i64", [n, 8]), a, b, f"i32:{n}"], [np.array(rows)], grid=2)


def functions(file: File) -> None:
    """Within the ulps of the CUDA C++ programming guide; intrinsics looser."""
    x = np.concatenate([generator.normal(size=200) * 3, [0.0, 1, -1, 20, -20, 0.5]])
    x = np.resize(x, 256).astype(np.float32)
    v = x.astype(float)
    with np.errstate(all="ignore"):
        columns = [np.exp(v), np.log(abs(v)), np.sin(v), np.cos(v), np.tanh(v)]
        columns += [np.vectorize(math.erf)(v), abs(v), 1 / abs(v), abs(v) ** 1.5]
        columns += [np.exp2(v), np.log1p(abs(v)), np.cbrt(v), np.exp(v), np.sin(v)]
        columns += [v / 3, np.arctan(v)]
    want = np.array(columns).T.astype(np.float32)
    file.check("math", [("f32", [256, 16]), x, "i32:256"], [want], grid=2, bound=3e-6)
    with np.errstate(all="ignore"):
        columns = [np.exp(v), np.log(abs(v)), np.sin(v), np.sqrt(abs(v)), v / 3]
        columns += [abs(v) ** 0.3]
    want = np.array(columns).T
    file.check("mathDouble", [("f64", [256, 6]), v, "i32:256"], [want], grid=2,
               bound=1e-14)  # fmt: skip


def warps() -> None:
    file = File("warps")
    n = 128
    v = generator.integers(0, 64, n).astype(np.int32)
    lanes = v.reshape(-1, 32)
    lane = np.arange(32)
    columns = [
        lanes[:, (lane * 7 + 3) & 31],
        lanes[:, np.where(lane >= 5, lane - 5, lane)],
        lanes[:, np.where(lane + 9 < 32, lane + 9, lane)],
        lanes[:, lane ^ 21],
        lanes[:, lane // 8 * 8 + 2],
        lanes[:, np.where(lane % 4 >= 1, lane - 1, lane)],
    ]
    want = np.stack([c.reshape(-1) for c in columns], 1)
    file.check("shuffles", [("i32", [n, 6]), v], [want])
    rows = []
    for warp in lanes:
        ballot = sum(int(x & 1) << k for k, x in enumerate(warp))
        same = int(warp.max() & 64) == int(warp.min() & 64)
        every = 0xFFFFFFFF + 1 if same else 0
        union = int(warp.max()) ^ int(np.bitwise_or.reduce(warp))
        for x in warp:
            peers = sum(int(x & 3 == y & 3) << k for k, y in enumerate(warp))
            row = [ballot, (warp > 60).any(), True, peers, every & 0xFFFFFFFF]
            rows.append([*row, int(warp.sum()), union])
    file.check("votes", [("u32", [n, 7]), v], [np.array(rows, np.uint32)])
    want = []
    for warp in lanes:
        odd = warp & 1 == 1
        row = np.where(odd, warp[odd].sum(), np.where(warp & 2, warp ^ 5, -1))
        want.append(row[lane ^ 1])
    file.check("partial", [("i32", [n]), v], [np.int32(want).reshape(-1)])
    eights = lanes.reshape(-1, 4, 8)
    columns = [
        np.repeat(eights.sum(2), 8, 1),
        np.repeat(lanes.max(1, keepdims=True), 32, 1),
        np.cumsum(lanes, 1),
        (np.cumsum(eights, 2) - eights).reshape(-1, 32),
        np.concatenate([eights[:, :, 2:], eights[:, :, 6:]], 2).reshape(-1, 32)
        + lane % 8 * 1000,
    ]
    odd = lanes & 1
    size = np.where(odd, odd.sum(1, keepdims=True), 32 - odd.sum(1, keepdims=True))
    rank = np.where(odd, np.cumsum(odd, 1), np.cumsum(1 - odd, 1)) - 1
    columns.append(size * 100 + rank)
    made = np.stack([c.reshape(-1) for c in columns], 1).astype(np.int32)
    file.check("tiles", [("i32", [n, 6]), v], [made])
    count = [(v & 1).sum(), (v < 64).all(), (v == 63).any()]
    file.check("counts", [("i32", [n, 3]), v], [np.tile(np.int32(count), (n, 1))])
    compacted(file)


def compacted(file: File) -> None:
    global failures
    v = generator.integers(0, 1000, 500).astype(np.int32)
    want = np.sort(v[v % 3 == 0])
    for options in OPTIONS:
        out, count = launch(
            file.path, [("zero", "i32", [500]), ("zero", "i32", [1]), v, "i32:500"],
            *options, kernel="compact", grid=4, block=128,
        )  # fmt: skip
        if count[0] != len(want) or not np.array_equal(np.sort(out[: len(want)]), want):
            failures += 1
            print(f"compact {options}: differs")


def halves() -> None:
    file = File("halves", "sm_89")
    n = 256

    def rounded(form, values):
        out = [form.round(Fraction(float(v)), "rn", v < 0) for v in values]
        return np.array(out, np.uint16)

    a, b, c = generator.normal(size=(3, n)) * 4
    a, b, c = (x.astype(np.float16) for x in (a, b, c))
    x, y, z = (v.astype(float) for v in (a, b, c))
    columns = [x + y, x - y, x * y, x * y + z, np.maximum(x, y), np.minimum(x, y)]
    columns += [
        np.where(x < y, x, y),
        abs(x),
        -y,
        np.maximum(x * y + z, 0),
        np.trunc(x),
    ]
    bits = np.stack([rounded(F16, col) for col in columns] + [a.view(np.uint16)], 1)
    want = bits.view(np.float16)
    want[:, 10] += np.float16(0)  # -0 became an integer
    want[:, 11] = (x / y).astype(np.float16)
    file.check("halves", [("f16", [n, 12]), a, b, c], [want], grid=2)
    codes = [rounded(BF16, v) for v in (x, y, z)]
    x, y, z = (np.array([BF16.value(int(v)) for v in col]) for col in codes)
    columns = [x + y, x - y, x * y, x * y + z, np.maximum(x, y), np.minimum(x, y)]
    columns += [np.where(x < y, x, y), (x.astype(np.float32) * np.float32(1.1))]
    want = np.stack([rounded(BF16, col) for col in columns], 1)
    file.check("bfloats", [("u16", [n, 8]), *codes], [want], grid=2)
    p, q = a.reshape(-1, 2).astype(float), b.reshape(-1, 2).astype(float)
    rows = [p + q, p * q + p, np.maximum(p, q), (p * q)[:, ::-1]]
    want = np.stack(rows, 1).astype(np.float16)
    file.check("pairs", [("f16", [128, 4, 2]), a, b], [want])
    f = np.concatenate(
        [generator.normal(size=240) * 50, [0, 448, 449, 1e6, -1e6, 1e-9]]
    )
    f = np.resize(f, n).astype(np.float32)
    pairs = [
        [form.round(Fraction(float(v)), "rn", v < 0, True) for form in (E4M3, E5M2)]
        for v in f
    ]
    file.check("toFp8", [("u8", [n, 2]), f], [np.array(pairs, np.uint8)], grid=2)
    every = np.arange(n).astype(np.uint8)
    pairs = [[form.value(code) for form in (E4M3, E5M2)] for code in range(n)]
    file.check("fromFp8", [("f32", [n, 2]), every, every], [np.float32(pairs)], grid=2)


def copies() -> None:
    tiles = 6
    data = generator.integers(-9, 9, (tiles, 128, 4)).astype(np.float32)
    want = data.sum(2)[:, ::-1].sum(0)
    arguments = [("f32", [128]), data, f"i32:{tiles}"]
    file = File("copies")
    file.check("pipelined", arguments, [want])
    short = generator.normal(size=300).astype(np.float32)
    file.check("padded", [("f32", [512]), short, "i32:300"], [np.pad(short, (0, 212))])
    row = generator.normal(size=512).astype(np.float32)
    file.check("group", [("f32", [512]), row], [row[::-1]])
    file.check("arrivals", arguments, [want])
    few = generator.integers(-9, 9, (7, 64)).astype(np.float32)
    ring = [("f32", [64]), few, "i32:7"]
    file.check("ring", ring, [few[:, ::-1].sum(0)])
    # What is missing is found, whatever the order.
    for option, kind in (("-DEARLY", "race"), ("-DUNORDERED", ("race", "limit"))):
        File("copies", "sm_80", option).trap("ring", ring, kind, block=128)
    File("copies", "sm_80", "-DEARLY").trap("pipelined", arguments, "async-race",
                                            block=128)  # fmt: skip
    File("copies", "sm_80", "-DUNORDERED").trap("pipelined", arguments, "race",
                                                block=128)  # fmt: skip


def products() -> None:
    file = File("products")
    m, n, k = 32, 48, 64
    a = generator.integers(-8, 8, (m, k))
    b = generator.integers(-8, 8, (k, n))
    want = a @ b * 2
    sizes = [f"i32:{n}", f"i32:{k}"]

    def check(kernel, left, right, dtype):
        file.check(kernel, [(dtype, [m, n]), left, right, *sizes],
                   [want.astype(np.float32 if dtype == "f32" else np.int32)],
                   grid="3,2", block=32)  # fmt: skip

    half = np.float16
    check("halfRow", a.astype(half), b.astype(half), "f32")
    check("halfColumn", a.astype(half), b.T.astype(half).copy(), "f32")
    upper = [(x.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
             for x in (a, b.T.copy())]  # fmt: skip
    check("bfloatColumn", *upper, "f32")
    check("bytes", a.astype(np.int8), b.astype(np.int8), "i32")


{
    "basics": basics,
    "warps": warps,
    "halves": halves,
    "copies": copies,
    "products": products,
}[sys.argv[1]]()
print(f"{failures} kernels differ")
