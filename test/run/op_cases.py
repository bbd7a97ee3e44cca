"""One function for each graph operation, dtype and ragged width, with inputs for
any batch B and length S and the error the CPU may make.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from op_bounds import attention, exact, gated, linear, mean, pair, product, row, ulps

Array = np.ndarray
Arrays = dict[str, Array]


@dataclasses.dataclass
class Operand:
    """`dims`: "B", "S" or a number. `make` fills an array of the shape."""

    dims: tuple
    make: Callable[[np.random.Generator, tuple], Array]
    dtype: str = "f32"

    @property
    def type(self) -> str:
        dims = ["?" if isinstance(d, str) else str(d) for d in self.dims]
        return f"tensor<{'x'.join([*dims, self.dtype])}>"

    def array(self, random: np.random.Generator, sizes: dict[str, int]) -> Array:
        shape = tuple(sizes.get(d, d) for d in self.dims)
        return encode(np.asarray(self.make(random, shape)), self.dtype)


@dataclasses.dataclass
class Case:
    """`body` names operands {x}, their types {x.type}, the result's type {r}."""

    name: str
    kind: str
    body: str
    operands: dict[str, Operand]
    result: tuple
    bound: Callable[[Arrays, Array], Array]
    dtype: str = "f32"
    empty: bool = True  # defined for a length of 0

    def function(self) -> str:
        arguments = ", ".join(
            f'%{key}: {x.type} {{graph.name = "{key}", graph.dims = {names(x.dims)}}}'
            for key, x in self.operands.items()
        )
        result = Operand(self.result, normal(), self.dtype).type
        fields = {key: _Printed(key, x.type) for key, x in self.operands.items()}
        return (
            f"func.func @{self.name}({arguments})\n"
            f'    -> ({result} {{graph.name = "result"}}) {{\n'
            f"  %r = graph.{self.body.format(**fields, r=result)}\n"
            f"  return %r : {result}\n}}\n"
        )

    def inputs(self, batch: int, length: int) -> Arrays:
        random = np.random.default_rng([batch, length, len(self.name)])
        sizes = {"B": batch, "S": length}
        return {key: x.array(random, sizes) for key, x in self.operands.items()}

    def allowed(self, inputs: Arrays, reference: Array) -> Array:
        kinds = {key: x.dtype for key, x in self.operands.items()}
        wide = {key: decode(x, kinds[key]) for key, x in inputs.items()}
        exact = decode(reference, self.dtype)
        bound = np.broadcast_to(self.bound(wide, exact), exact.shape)
        return bound + (ulp(exact, self.dtype) if self.dtype in WIDTH else 0)


class _Printed:
    def __init__(self, name: str, type: str) -> None:
        self.name, self.type = name, type

    def __str__(self) -> str:
        return "%" + self.name

    def __format__(self, spec: str) -> str:
        return str(self)


def names(dims: tuple) -> str:
    return "[" + ", ".join(f'"{d}"' for d in dims if isinstance(d, str)) + "]"


# Bits of the significand below the leading one, and the least exponent.
WIDTH = {"f16": (10, -14), "bf16": (7, -126)}


def ulp(value: Array, dtype: str) -> Array:
    bits, least = WIDTH[dtype]
    exponent = np.floor(np.log2(np.maximum(np.abs(value), 2.0**least)))
    return 2.0 ** (np.where(np.isfinite(exponent), exponent, 0) - bits)


def encode(array: Array, dtype: str) -> Array:
    if dtype == "bf16":  # truncated: any bf16 will do
        return (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return array.astype({"f32": np.float32, "f16": np.float16, "i32": np.int32}[dtype])


def decode(array: Array, dtype: str) -> Array:
    if dtype == "bf16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


# ---- inputs ------------------------------------------------------------------


def normal(scale: float = 1.0, shift: float = 0.0):
    return lambda random, shape: random.normal(shift, scale, shape)


def positive(random, shape):
    return np.abs(random.normal(0, 3, shape)) + 1e-3


def spread(random, shape):
    """Small, common and saturating arguments."""
    return random.normal(0, 1, shape) * 10.0 ** random.integers(-6, 3, shape)


def ints(low: int, high: int):
    return lambda random, shape: random.integers(low, high, shape)


def mask(random, shape):
    """Mostly ones; the first row of a batch of two or more is all zeros."""
    bits = random.random(shape) < 0.8
    bits[:-1][:1] = False
    return bits


# ---- cases -------------------------------------------------------------------

BS = ("B", "S")
UNARY = {
    "neg": normal(),
    "abs": normal(),
    "relu": normal(),
    "sqrt": positive,
    "rsqrt": positive,
    "exp": normal(20),
    "erf": spread,
    "tanh": spread,
    "sigmoid": spread,
    "silu": spread,
    "gelu": spread,
    "gelu_tanh": spread,
}
BINARY = ("add", "sub", "mul", "div", "max", "min")


def elementwise():
    for name, make in UNARY.items():
        of_input = "x" if name.startswith("gelu") else None
        for dtype, width in (("f32", 5), ("f32", 1), ("bf16", 3), ("f16", 3)):
            # e^20 is beyond f16.
            fill = normal() if name == "exp" and dtype == "f16" else make
            x = Operand((*BS, width), fill, dtype)
            yield Case(
                f"{name}_{dtype}_{width}",
                "elementwise",
                f"{name} {{x}} : {{x.type}}",
                {"x": x},
                x.dims,
                ulps(4, of_input),
                dtype,
            )
    for name in BINARY:
        full, vector = (*BS, 5), (5,)
        for suffix, left, right in (
            ("full", full, full),
            ("row", full, vector),
            ("left_row", vector, full),
            ("scalar", full, (1,)),
        ):
            if suffix != "full" and name not in ("sub", "mul"):
                continue
            yield Case(
                f"{name}_{suffix}",
                "elementwise",
                f"{name} {{a}}, {{b}} : {{a.type}}, {{b.type}} -> {{r}}",
                {"a": Operand(left, normal()), "b": Operand(right, positive)},
                full,
                ulps(4),
            )
    numbers = normal(1e4)
    for source in ("f32", "f16", "bf16", "i32"):
        for target in ("f32", "f16", "bf16", "i32"):
            if source == target:
                continue
            make = ints(-(2**31), 2**31) if source == "i32" else numbers
            yield Case(
                f"cast_{source}_{target}",
                "exact",
                "cast {x} : {x.type} -> {r}",
                {"x": Operand((*BS, 3), make, source)},
                (*BS, 3),
                exact,
                target,
            )


def contraction():
    for outer, inner, bias, dtype in (
        (33, 40, False, "f32"),
        (1, 1, True, "f32"),
        (70, 129, True, "f32"),
        (64, 576, False, "f32"),
        (33, 40, True, "bf16"),
        (33, 40, True, "f16"),
    ):
        operands = {
            "x": Operand((*BS, inner), normal(), dtype),
            "w": Operand((outer, inner), normal(), dtype),
        }
        words, types = "{x}, {w}", "{x.type}, {w.type}"
        if bias:
            operands["b"] = Operand((outer,), normal(), dtype)
            words, types = words + " bias {b}", types + ", {b.type}"
        yield Case(
            f"linear_{outer}_{inner}_{dtype}",
            "contraction",
            f"linear {words} : {types} -> {{r}}",
            operands,
            (*BS, outer),
            linear,
            dtype,
        )
    for activation in ("silu", "gelu", "gelu_tanh", "relu"):
        w = Operand((40, 24), normal(0.3))
        yield Case(
            f"gated_{activation}",
            "contraction",
            f"gated {activation} {{x}}, {{g}}, {{u}} "
            ": {x.type}, {g.type}, {u.type} -> {r}",
            {"x": Operand((*BS, 24), normal()), "g": w, "u": w},
            (*BS, 40),
            gated,
        )
    yield Case(
        "matmul",
        "contraction",
        "matmul {a}, {b} : {a.type}, {b.type} -> {r}",
        {"a": Operand((*BS, 19), normal()), "b": Operand(("B", 19, 37), normal())},
        (*BS, 37),
        lambda i, r: product(i["a"], i["b"]),
    )
    yield Case(
        "matmul_transposed",
        "contraction",
        "matmul {a}, {b} transpose_b : {a.type}, {b.type} -> {r}",
        {"a": Operand((*BS, 19), normal()), "b": Operand((*BS, 19), normal())},
        ("B", "S", "S"),
        lambda i, r: product(i["a"], i["b"].swapaxes(-1, -2)),
    )


def attentions():
    for name, heads, groups, depth, value, words in (
        ("plain", 4, 2, 16, 16, "scale 0.25"),
        ("causal", 9, 3, 64, 64, "causal scale 0.125"),
        ("softcap", 2, 2, 8, 8, "causal scale 0.25 softcap 2.0"),
        ("window", 3, 1, 16, 16, "causal scale 0.25 window 7"),
        ("value_width", 2, 1, 16, 24, "scale 0.25"),
        ("masked", 4, 2, 16, 16, "mask {m} scale 0.25"),
        ("masked_causal", 2, 1, 16, 16, "mask {m} causal scale 0.25"),
    ):
        operands = {
            "q": Operand((*BS, heads, depth), normal()),
            "k": Operand((*BS, groups, depth), normal()),
            "v": Operand((*BS, groups, value), normal()),
        }
        types = "{q.type}, {k.type}, {v.type}"
        if "mask" in words:
            operands["m"] = Operand(BS, mask, "i32")
            types += " mask {m.type}"
        scale = 0.125 if depth == 64 else 0.25
        case = Case(
            f"attention_{name}",
            "attention",
            f"attention {{q}}, {{k}}, {{v}} {words} : {types} -> {{r}}",
            operands,
            (*BS, heads, value),
            attention(scale),
        )
        yield case
        if name in ("plain", "causal", "window"):
            # Of bf16, probabilities are bf16 as well; sums are not.
            bound = attention(scale, 2**-8)
            yield dataclasses.replace(narrowed(case, "bf16"), dtype="f32", bound=bound)
    for name, style, theta, dims, axis in (
        ("half", "half", "10000.0", 16, -2),
        ("interleaved", "interleaved", "10000.0", 16, -1),
        ("partial", "half", "100.0", 6, -2),
    ):
        yield Case(
            f"rope_{name}",
            "elementwise",
            f"rope {style} {{x}}, {{p}} theta {theta} dims {dims} "
            ": {x.type}, {p.type} -> {r}",
            {
                "x": Operand((*BS, 3, 16), normal()),
                "p": Operand(BS, ints(0, 8192), "i32"),
            },
            (*BS, 3, 16),
            pair(dims, axis),
        )


def rows():
    for width in (1, 5, 33, 576):
        x, w = Operand((*BS, width), normal(1, 0.5)), Operand((width,), normal(1, 1))
        for name, words, operands in (
            ("rms_norm", "rms_norm {x}, {w} epsilon 1.0e-5", {"x": x, "w": w}),
            (
                "layer_norm",
                "layer_norm {x}, {w}, {b} epsilon 1.0e-12",
                {"x": x, "w": w, "b": w},
            ),
            ("softmax", "softmax {x}", {"x": x}),
            ("normalize", "normalize {x}", {"x": x}),
        ):
            if name == "layer_norm" and width == 1:
                continue  # x - mean is 0 or rounding noise over √epsilon
            types = ", ".join(f"{{{key}.type}}" for key in operands)
            arrow = " -> {r}" if "w" in operands else ""
            yield Case(
                f"{name}_{width}",
                "rows",
                f"{words} : {types}{arrow}",
                operands,
                x.dims,
                row,
            )
    for kind, bound in (("mean", mean), ("max", exact), ("cls", exact)):
        yield Case(
            f"pool_{kind}",
            "exact" if kind != "mean" else "rows",
            f"pool {kind} {{x}}, {{m}} : {{x.type}}, {{m.type}} -> {{r}}",
            {"x": Operand((*BS, 33), normal()), "m": Operand(BS, mask, "i32")},
            ("B", 33),
            bound,
            empty=kind != "cls",
        )


def movement():
    x, four = Operand((*BS, 5), normal()), Operand((*BS, 4, 5), normal())
    n = Operand(("B",), lambda random, shape: np.ones(shape), "i32")
    past = Operand(("B",), ints(0, 100), "i32")
    for name, words, operands, result, dtype in (
        (
            "gather",
            "gather {t}, {i}",
            {"t": Operand((11, 6), normal()), "i": Operand(BS, ints(0, 11), "i32")},
            (*BS, 6),
            "f32",
        ),
        ("last_token", "last_token {x}", {"x": x}, ("B", 5), "f32"),
        (
            "last_token_of",
            "last_token {x} lengths {n}",
            {"x": x, "n": n},
            ("B", 5),
            "f32",
        ),
        ("reshape", "reshape {x} to [0, -1]", {"x": four}, ("B", "rest"), "f32"),
        (
            "reshape_split",
            "reshape {x} to [0, 0, 2, 10]",
            {"x": four},
            (*BS, 2, 10),
            "f32",
        ),
        (
            "transpose",
            "transpose {x} by [0, 2, 1, 3]",
            {"x": four},
            ("B", 4, "S", 5),
            "f32",
        ),
        (
            "transpose_last",
            "transpose {x} by [0, 2, 1]",
            {"x": x},
            ("B", 5, "S"),
            "f32",
        ),
        ("slice", "slice {x} axis 2 start 1 size 2", {"x": four}, (*BS, 2, 5), "f32"),
        ("slice_last", "slice {x} axis 2 start 3 size 2", {"x": x}, (*BS, 2), "f32"),
        ("concat", "concat {x}, {y} axis 2", {"x": x, "y": x}, (*BS, 10), "f32"),
        ("positions", "positions {x}", {"x": x}, BS, "i32"),
        ("positions_after", "positions {x} after {p}", {"x": x, "p": past}, BS, "i32"),
    ):
        types = ", ".join(f"{{{key}.type}}" for key in operands)
        yield Case(
            name,
            "exact",
            f"{words} : {types} -> {{r}}",
            operands,
            result,
            exact,
            dtype,
            empty=not name.startswith("last_token"),
        )


# Half precision: one case of each family that computes; the rest move bytes.
NARROW = (
    "matmul",
    "gated_silu",
    "rope_half",
    "rms_norm_33",
    "layer_norm_33",
    "softmax_33",
    "normalize_33",
    "pool_mean",
    *(f"{name}_full" for name in BINARY),
    "gather",
    "transpose",
    "concat",
    "slice_last",
)


def narrowed(case: Case, dtype: str) -> Case:
    operands = {
        key: dataclasses.replace(x, dtype=dtype) if x.dtype == "f32" else x
        for key, x in case.operands.items()
    }
    name = f"{case.name}_{dtype}"
    return dataclasses.replace(case, name=name, operands=operands, dtype=dtype)


def cases() -> list[Case]:
    families = (elementwise, contraction, attentions, rows, movement)
    all_cases = [case for family in families for case in family()]
    half = [case for case in all_cases if case.name in NARROW]
    return all_cases + [narrowed(c, dtype) for c in half for dtype in ("bf16", "f16")]
