"""Writes small PTX kernels, runs them in trine-ptx-sim, and rounds exact numbers to
any format: the truth that the tests of this folder compare with.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import dataclasses
import fractions
import math
import pathlib
import subprocess
import tempfile

import numpy as np

Fraction = fractions.Fraction


class Trapped(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def launch(
    ptx: str | pathlib.Path,
    arguments: list,
    *options: str,
    kernel: str = "",
    grid=1,
    block=32,
) -> list[np.ndarray]:
    """Runs a kernel. Arrays are copied in, ("f32", shape) is a result, a tuple
    ("zero", "f32", shape) one that is zero before, text is passed on."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file = ptx
        if not isinstance(ptx, pathlib.Path):
            file = folder / "kernel.ptx"
            file.write_text(ptx)
        command = ["trine-ptx-sim", str(file), f"--grid={grid}", f"--block={block}"]
        command.append("--limit=5000000")  # a kernel that hangs fails
        if kernel:
            command.append(f"--kernel={kernel}")
        results = []
        for i, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                np.save(folder / f"{i}.npy", argument)
                command.append(f"--arg=ptr:{folder}/{i}.npy")
            elif isinstance(argument, str):
                command.append(f"--arg={argument}")
            else:
                kind = argument[0] if argument[0] == "zero" else "out"
                dtype, shape = argument[-2:]
                sizes = ",".join(map(str, shape))
                results.append(folder / f"{i}.npy")
                command.append(f"--arg={kind}:{dtype}[{sizes}]={results[-1]}")
        done = subprocess.run([*command, *options], capture_output=True, text=True)
        if done.returncode:
            raise Trapped(done.returncode, done.stderr)
        return [np.load(result) for result in results]


WIDTH = {"pred": 0, "e4m3x2": 2, "e5m2x2": 2}


def width(kind: str) -> int:
    """Bytes of a PTX type in a register."""
    if kind in WIDTH:
        return WIDTH[kind]
    digits = "".join(c for c in kind.split("x")[0] if c.isdigit())
    return int(digits) // 8 * (2 if kind.endswith("x2") else 1)


def kernel_of(operation: str, result: str, sources: list[str], target: str) -> str:
    """out[i] = operation(a[i], b[i], …); `operation` names $d, $a, $b, $c."""
    names = "abc"[: len(sources)]
    lines = [
        ".version 8.7",
        f".target {target}",
        ".address_size 64",
        ".visible .entry test("
        + ", ".join(f".param .u64 p{n}" for n in "d" + names)
        + ") {",
        "  .reg .b64 %rd<9>; .reg .b32 %i; .reg .pred %p<3>; .reg .b32 %t<4>;",
    ]
    for name, kind in zip("d" + names, [result, *sources], strict=True):
        # Registers of bytes do not exist.
        lines.append(f"  .reg .b{max(16, 8 * width(kind))} %{name};")
    lines += [
        "  mov.u32 %t0, %ctaid.x; mov.u32 %t1, %ntid.x; mov.u32 %t2, %tid.x;",
        "  mad.lo.u32 %i, %t0, %t1, %t2;",
    ]
    for k, (name, kind) in enumerate(zip(names, sources, strict=True)):
        lines += [
            f"  ld.param.u64 %rd{k}, [p{name}];",
            f"  mad.wide.u32 %rd{k}, %i, {width(kind)}, %rd{k};",
            f"  ld.global.b{8 * width(kind)} %{name}, [%rd{k}];",
        ]
    for name in "d" + names:
        operation = operation.replace(f"${name}", f"%{name}")
    lines += [
        f"  {operation}",
        "  ld.param.u64 %rd7, [pd];",
        f"  mad.wide.u32 %rd7, %i, {width(result)}, %rd7;",
        f"  st.global.b{8 * width(result)} [%rd7], %d;",
        "  ret;",
        "}",
    ]
    return "\n".join(lines) + "\n"


CODES = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.int64}
STORED = {1: "u8", 2: "u16", 4: "u32", 8: "i64"}


def compute(
    operation: str, result: str, *sources: tuple[str, np.ndarray], target="sm_90"
) -> np.ndarray:
    """The results' bits, one for each element of the arrays of bits."""
    count = len(sources[0][1])
    assert count % 32 == 0
    block = 128 if count % 128 == 0 else 32
    text = kernel_of(operation, result, [kind for kind, _ in sources], target)
    arrays = [bits.astype(CODES[width(kind)]) for kind, bits in sources]
    out = (STORED[width(result)], [count])
    (bits,) = launch(text, [out, *arrays], grid=count // block, block=block)
    return bits


@dataclasses.dataclass(frozen=True)
class Format:
    """A binary float: `exponent` and `mantissa` bits."""

    exponent: int
    mantissa: int
    nan: int
    infinite: bool = True

    @property
    def bias(self) -> int:
        return (1 << (self.exponent - 1)) - 1

    @property
    def largest(self) -> int:
        """The code of the largest finite value."""
        top = ((1 << self.exponent) - 1) << self.mantissa
        return top - 1 if self.infinite else top + (1 << self.mantissa) - 2

    @property
    def sign(self) -> int:
        return 1 << (self.exponent + self.mantissa)

    def value(self, code: int) -> float:
        """Exact for all formats here; inf and nan too."""
        magnitude = code & (self.sign - 1)
        if magnitude > self.largest:
            exact = (
                math.inf
                if self.infinite and magnitude == self.largest + 1
                else (math.nan)
            )
        else:
            exponent = magnitude >> self.mantissa
            fraction = magnitude & ((1 << self.mantissa) - 1)
            if exponent:
                fraction += 1 << self.mantissa
            power = max(exponent, 1) - self.bias - self.mantissa
            exact = math.ldexp(float(fraction), power)
        return -exact if code & self.sign else exact

    def round(
        self, exact: Fraction, mode="rn", negative_zero=False, finite=False
    ) -> int:
        """The code of an exact number: rn, rz, rm, rp, rna."""
        negative = exact < 0 or (exact == 0 and negative_zero)
        top, bottom = abs(exact.numerator), exact.denominator
        # 2^power <= magnitude < 2^(power + 1), as far as exponents reach.
        power = top.bit_length() - bottom.bit_length()
        power -= top << max(-power, 0) < bottom << max(power, 0)
        power = max(power, 1 - self.bias) if top else 1 - self.bias
        shift = self.mantissa - power  # to units of the last place
        units, rest = divmod(top << max(shift, 0), bottom << max(-shift, 0))
        bottom <<= max(-shift, 0)
        code = ((power + self.bias - 1) << self.mantissa) + units
        code += {
            "rn": 2 * rest > bottom or (2 * rest == bottom and units % 2 == 1),
            "rna": 2 * rest >= bottom,
            "rz": False,
            "rm": negative and rest > 0,
            "rp": not negative and rest > 0,
        }[mode]
        if code > self.largest:
            toward = {"rz": True, "rm": not negative, "rp": negative}.get(mode, False)
            code = self.largest + (not toward)
        if code > self.largest:
            code = self.largest if finite else code if self.infinite else self.nan
        return code | (self.sign if negative else 0)


F16 = Format(5, 10, 0x7FFF)
BF16 = Format(8, 7, 0x7FFF)
TF32 = Format(8, 10, 0x3FFFF)
F32 = Format(8, 23, 0x7FFFFFFF)
F64 = Format(11, 52, 0x7FF8000000000000)
E4M3 = Format(4, 3, 0x7F, infinite=False)
E5M2 = Format(5, 2, 0x7F)
FORMATS = {
    "f16": F16,
    "bf16": BF16,
    "f32": F32,
    "f64": F64,
    "e4m3": E4M3,
    "e5m2": E5M2,
}


def samples(form: Format, count: int, seed: int) -> np.ndarray:
    """Codes: edges, then random ones of moderate size and of any."""
    generator = np.random.default_rng(seed)
    bits = 1 + form.exponent + form.mantissa
    edges = [0, 1, 2, form.largest, form.largest - 1, 1 << form.mantissa]
    edges += [(1 << form.mantissa) - 1, form.bias << form.mantissa, form.nan]
    edges += [(form.bias << form.mantissa) + 1, ((form.bias + 1) << form.mantissa) - 1]
    if form.infinite:
        edges.append(form.largest + 1)
    edges = [e | s for e in edges for s in (0, form.sign)]
    some = generator.integers(0, 1 << bits, count, dtype=np.uint64)
    near = generator.integers(0, 6 << form.mantissa, count, dtype=np.uint64)
    near += np.uint64((form.bias - 3) << form.mantissa)
    near |= generator.integers(0, 2, count, dtype=np.uint64) * np.uint64(form.sign)
    values = np.where(generator.random(count) < 0.4, some, near)
    values[: len(edges)] = edges
    generator.shuffle(values)
    return values
