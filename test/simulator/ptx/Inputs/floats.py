"""Arithmetic and conversions of floats, bit by bit, against exact fractions.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
from ptx import E4M3, E5M2, F16, F32, FORMATS, TF32, Format, compute, samples

COUNT = 256
failures = 0


def expect(operation: str, got: np.ndarray, want: list[int], inputs) -> None:
    global failures
    mask = 2 ** (8 * got.dtype.itemsize) - 1
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        if w is not None and int(g) & mask != w & mask:
            failures += 1
            operands = ", ".join(f"{int(x[i]):#x}" for x in inputs)
            print(f"{operation} of {operands}: expected {w:#x}, got {int(g):#x}")
            return


def truth(form: Format, mode: str, function, values: list[float], flush=False):
    """The code of function(values) rounded once; None: not decided here."""
    if flush:
        values = [
            math.copysign(0.0, v) if abs(v) < 2.0 ** (1 - form.bias) else v
            for v in values
        ]
    if not all(map(math.isfinite, values)):
        with np.errstate(all="ignore"):
            special = float(function(*map(np.float64, values)))
        if math.isnan(special):
            return form.nan
        if math.isinf(special):
            return form.largest + 1 | (form.sign if special < 0 else 0)
        return form.round(Fraction(special), mode, math.copysign(1, special) < 0)
    try:
        exact = function(*map(Fraction, values))
    except ZeroDivisionError:
        with np.errstate(all="ignore"):
            special = float(function(*map(np.float64, values)))
        if math.isnan(special):
            return form.nan
        return form.largest + 1 | (form.sign if special < 0 else 0)
    negative = False
    if exact == 0:
        negative = math.copysign(1, float(function(*map(np.float64, values)))) < 0
        if mode == "rm" and function in (add, sub, fma):
            return None  # -0 of x - x
    code = form.round(exact, mode, negative)
    if flush and code & (form.sign - 1) < 1 << form.mantissa:
        code &= form.sign
    return code


def add(a, b):
    return a + b


def sub(a, b):
    return a - b


def mul(a, b):
    return a * b


def div(a, b):
    return a / b


def fma(a, b, c):
    return a * b + c


def rcp(a):
    return 1 / a


def arithmetic() -> None:
    binary = {"add": add, "sub": sub, "mul": mul, "div": div}
    rows = [
        (f"{name}.{mode}{ftz}.f32", "f32", function, 2)
        for name, function in binary.items()
        for mode, ftz in (
            ("rn", ""),
            ("rz", ""),
            ("rm", ""),
            ("rp", ""),
            ("rn", ".ftz"),
        )
    ]
    rows += [(f"fma.{mode}.f32", "f32", fma, 3) for mode in ("rn", "rz", "rm", "rp")]
    rows += [(f"rcp.{mode}.f32", "f32", rcp, 1) for mode in ("rn", "rz", "rm", "rp")]
    rows += [("fma.rn.ftz.f32", "f32", fma, 3)]
    rows += [
        (f"{n}.{m}.f64", "f64", binary[n], 2) for n in binary for m in ("rn", "rz")
    ]
    rows += [("fma.rn.f64", "f64", fma, 3)]
    for kind in ("f16", "bf16"):
        rows += [(f"{n}.{kind}", kind, binary[n], 2) for n in ("add", "sub", "mul")]
        rows += [(f"fma.rn.{kind}", kind, fma, 3)]
    rows += [("fma.rn.ftz.f16", "f16", fma, 3), ("add.ftz.f16", "f16", add, 2)]
    for operation, kind, function, operands in rows:
        form = FORMATS[kind]
        parts = operation.split(".")
        mode = next((p for p in parts if p in ("rz", "rm", "rp")), "rn")
        inputs = [samples(form, COUNT, seed) for seed in range(operands)]
        text = f"{operation} $d, {', '.join(['$a', '$b', '$c'][:operands])};"
        got = compute(text, kind, *((kind, x) for x in inputs))
        values = [[form.value(int(code)) for code in x] for x in inputs]
        want = [
            truth(form, mode, function, list(v), "ftz" in parts)
            for v in zip(*values, strict=True)
        ]
        expect(operation, got, want, inputs)


def narrow(value: float, form: Format, mode: str, finite=False, relu=False) -> int:
    if math.isnan(value):
        return form.nan
    if relu and not value > 0:
        return 0
    sign = form.sign if value < 0 else 0
    if math.isinf(value):
        if finite:
            return form.largest | sign
        return (form.largest + 1 if form.infinite else form.nan) | sign
    return form.round(Fraction(value), mode, math.copysign(1, value) < 0, finite)


def conversions() -> None:
    source = samples(F32, 2048, 7)
    values = [F32.value(int(code)) for code in source]
    for kind, mode, relu in itertools.product(
        ("f16", "bf16"), ("rn", "rz"), ("", ".relu")
    ):
        operation = f"cvt.{mode}{relu}.{kind}.f32"
        got = compute(f"{operation} $d, $a;", kind, ("f32", source))
        want = [narrow(v, FORMATS[kind], mode, relu=bool(relu)) for v in values]
        expect(operation, got, want, [source])
    for operation, form, mode in (
        ("cvt.rna.tf32.f32", TF32, "rna"),
        ("cvt.rn.tf32.f32", TF32, "rn"),
        ("cvt.rz.tf32.f32", TF32, "rz"),
    ):
        got = compute(f"{operation} $d, $a;", "b32", ("f32", source))
        expect(operation, got, [narrow(v, form, mode) << 13 for v in values], [source])
    # Two in a register: the first operand is the upper one.
    other = samples(F32, 2048, 8)
    others = [F32.value(int(code)) for code in other]
    for kind, form, bits, options in (
        ("f16x2", F16, 16, ""),
        ("bf16x2", FORMATS["bf16"], 16, ""),
        ("bf16x2", FORMATS["bf16"], 16, ".relu"),
        ("e4m3x2", E4M3, 8, ".satfinite"),
        ("e5m2x2", E5M2, 8, ".satfinite"),
        ("e4m3x2", E4M3, 8, ".satfinite.relu"),
    ):
        operation = f"cvt.rn{options}.{kind}.f32"
        got = compute(f"{operation} $d, $a, $b;", kind, ("f32", source), ("f32", other))
        finite, relu = "satfinite" in options, "relu" in options
        want = [
            narrow(high, form, "rn", finite, relu) << bits
            | narrow(low, form, "rn", finite, relu)
            for high, low in zip(values, others, strict=True)
        ]
        expect(operation, got, want, [source, other])
    # Every code of FP8, and every f16 to FP8.
    every = np.arange(65536)
    for kind, form in (("e4m3x2", E4M3), ("e5m2x2", E5M2)):
        got = compute(f"cvt.rn.f16x2.{kind} $d, $a;", "f16x2", (kind, every))
        one = [narrow(form.value(code), F16, "rn") for code in range(256)]
        want = [one[code >> 8] << 16 | one[code & 255] for code in range(65536)]
        expect(f"cvt.rn.f16x2.{kind}", got, want, [every])
        operation = f"cvt.rn.satfinite.{kind}.f16x2"
        got = compute(f"{operation} $d, $a;", kind, ("f16x2", every))
        want = [narrow(F16.value(code), form, "rn", True) for code in range(65536)]
        expect(operation, got & 0xFF, want, [every])
    got = compute("cvt.f32.f16 $d, $a;", "f32", ("f16", every))
    want = [narrow(F16.value(code), F32, "rn") for code in range(65536)]
    expect("cvt.f32.f16", got, want, [every])


INTEGERS = {f"{s}{b}": (s == "s", b) for s in "su" for b in (8, 16, 32, 64)}


def bounds(kind: str) -> tuple[int, int]:
    signed, bits = INTEGERS[kind]
    return (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    )


def to_integers() -> None:
    rounding = {
        "rni": lambda v: round(v),
        "rzi": math.trunc,
        "rmi": math.floor,
        "rpi": math.ceil,
    }
    for kind, mode, real in itertools.product(
        ("s32", "u32", "s64", "u64", "s16", "u8"), rounding, ("f32", "f16")
    ):
        form = FORMATS[real]
        source = samples(form, COUNT, 3)
        register = kind if kind not in ("u8",) else "u16"
        got = compute(f"cvt.{mode}.{kind}.{real} $d, $a;", register, (real, source))
        low, high = bounds(kind)
        want = []
        for code in source:
            value = form.value(int(code))
            if math.isnan(value):
                want.append(1 << 63 if kind.endswith("64") else 0)
            elif math.isinf(value):
                want.append(high if value > 0 else low)
            else:
                want.append(min(max(rounding[mode](value), low), high))
        expect(f"cvt.{mode}.{kind}.{real}", got, want, [source])


def from_integers() -> None:
    generator = np.random.default_rng(5)
    for kind, real, mode in itertools.product(
        ("s32", "u32", "s64", "u64"), ("f32", "f16", "f64", "bf16"), ("rn", "rz", "rp")
    ):
        high = bounds(kind)[1]
        bits = INTEGERS[kind][1]
        source = generator.integers(0, 1 << 63, COUNT, dtype=np.uint64)
        source >>= generator.integers(0, bits, COUNT, dtype=np.uint64)
        source[::3] = ~(source[::3] % np.uint64(1 << 20))
        source &= np.uint64((1 << bits) - 1)
        got = compute(f"cvt.{mode}.{real}.{kind} $d, $a;", real, (kind, source))
        form = FORMATS[real]
        want = []
        for code in source:
            value = int(code)
            if INTEGERS[kind][0] and value > high:
                value -= 1 << bits
            want.append(form.round(Fraction(value), mode))
        expect(f"cvt.{mode}.{real}.{kind}", got, want, [source])


def comparisons() -> None:
    orders = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
    for kind, form in (("f32", F32), ("f16", F16)):
        a, b = samples(form, COUNT, 1), samples(form, COUNT, 2)
        b[::4] = a[::4]
        x = [form.value(int(code)) for code in a]
        y = [form.value(int(code)) for code in b]
        for order, sign in orders.items():
            for unordered in ("", "u"):
                name = f"setp.{order}{unordered}.{kind}"
                got = compute(
                    f"{name} %p1, $a, $b; selp.b32 $d, 7, 9, %p1;",
                    "b32",
                    (kind, a),
                    (kind, b),
                )
                want = []
                for u, v in zip(x, y, strict=True):
                    nan = math.isnan(u) or math.isnan(v)
                    holds = bool(unordered) if nan else eval(f"u {sign} v")
                    want.append(7 if holds else 9)
                expect(name, got, want, [a, b])


def approximations() -> None:
    """Correctly rounded here; the specification's bounds hold for the hardware."""
    source = samples(F32, COUNT, 4)
    values = np.array([F32.value(int(code)) for code in source])
    with np.errstate(all="ignore"):
        rows = {
            "ex2": np.exp2(values),
            "lg2": np.log2(values),
            "rcp": 1 / values,
            "rsqrt": 1 / np.sqrt(values),
            "sqrt": np.sqrt(values),
            "tanh": np.tanh(values),
            "sin": np.sin(values),
            "cos": np.cos(values),
        }
    for name, exact in rows.items():
        got = compute(f"{name}.approx.f32 $d, $a;", "f32", ("f32", source))
        with np.errstate(all="ignore"):
            rounded = exact.astype(np.float32).view(np.uint32).astype(np.int64)
        # NumPy's own last place is not certain.
        close = np.abs(got.astype(np.int64) - rounded) <= 1
        nan = np.isnan(exact) & (got == F32.nan)
        bad = ~(close | nan)
        expect(name, np.where(bad, 1, 0), [0] * COUNT, [source])


arithmetic()
conversions()
to_integers()
from_integers()
comparisons()
approximations()
print(f"{failures} operations differ")
