"""Small floats and block scales on NumPy arrays, by the rules of the compiler.

Formats: `e4m3fn`, `e5m2`, `e2m1` (a code in the low 4 bits of a byte) and `ue8m0`,
the power-of-two scale (byte b is 2^(b-127), 0xFF is NaN). Values are read as
float32: a float64 is rounded to it first. Formats and rules with their sources:
docs/design/fp8.md.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import ctypes
from collections.abc import Sequence

import numpy as np

from . import capi
from .errors import USAGE, Error

__all__ = ["decode", "dequantize", "encode", "quantize"]


class _Blocks(ctypes.Structure):
    """trine_fp8_blocks."""

    _fields_ = (
        ("format", ctypes.c_char_p),
        ("scale", ctypes.c_char_p),
        ("rule", ctypes.c_char_p),
        ("block_rows", ctypes.c_int64),
        ("block_columns", ctypes.c_int64),
        ("amax_floor", ctypes.c_float),
        ("scale_rcp", ctypes.c_int32),
        ("element_rcp", ctypes.c_int32),
        ("saturate", ctypes.c_int32),
    )


def encode(x, fmt: str, saturate: bool = True) -> np.ndarray:
    """uint8 codes of the values, each rounded once to nearest, ties to even
    (`ue8m0`: ties upwards). What is beyond the largest value becomes it with
    `saturate`, infinity too; else NaN or, of e5m2, infinity. Of `ue8m0` without
    `saturate` 0 is NaN, with it 2^-127; negative values are NaN."""
    x = _floats(x)
    codes = np.empty(x.shape, np.uint8)
    _call("encode", fmt.encode(), int(saturate), x, x.size, codes)
    return codes


def decode(codes, fmt: str) -> np.ndarray:
    """The float32 value of each code, exactly."""
    codes = _codes(codes, "codes")
    values = np.empty(codes.shape, np.float32)
    _call("decode", fmt.encode(), codes, codes.size, values)
    return values


def quantize(
    x,
    fmt: str,
    block: Sequence[int] = (1, 128),
    scale: str = "f32",
    rule: str | None = None,
    *,
    amax_floor: float = 0.0,
    scale_rcp: bool = False,
    element_rcp: bool = False,
    saturate: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """x [.., M, K] -> uint8 codes [.., M, K] and scales [.., ceil(M / block[0]),
    ceil(K / block[1])], float32 or, with `scale="ue8m0"`, bytes. A block size of
    0 is the whole dimension; x of one dimension has M = 1 and no M in the scales.
    x is about decode(code) * scale.

    `rule` (default `amax` for f32, `rceil` for ue8m0): `amax` is amax / largest
    value; `rceil` the least power of two that clips nothing; `floor` OCP MX's;
    `even`, `ceil`, `ct_even` (compressed-tensors), `neuron`. `amax_floor` is the
    least amax; `scale_rcp` makes `amax` amax * (1 / largest), `element_rcp`
    multiplies by 1 / scale instead of dividing. A block with NaN or infinity is
    all NaN."""
    x = _floats(x)
    rule = rule or ("amax" if scale == "f32" else "rceil")
    blocks = _blocks(fmt, block, scale, rule)
    blocks.amax_floor, blocks.saturate = amax_floor, saturate
    blocks.scale_rcp, blocks.element_rcp = scale_rcp, element_rcp
    count, rows, columns = _matrices(x)
    codes = np.empty(x.shape, np.uint8)
    kind = np.float32 if scale == "f32" else np.uint8
    scales = np.empty(_scale_shape(x.shape, block), kind)
    reference = ctypes.byref(blocks)
    _call("quantize", reference, x, count, rows, columns, codes, scales)
    return codes, scales


def dequantize(codes, scales, fmt: str, block: Sequence[int] = (1, 128)) -> np.ndarray:
    """decode(code) * scale of its block, rounded once to float32. Scales of dtype
    uint8 are ue8m0, of floating types values."""
    codes = _codes(codes, "codes")
    scales = np.asarray(scales)
    exact = scales.dtype == np.uint8
    scales = _codes(scales, "scales") if exact else _floats(scales)
    expected = _scale_shape(codes.shape, block)
    if scales.shape != expected:
        raise Error(
            f"scales: expected shape {list(expected)} for codes "
            f"{list(codes.shape)} in blocks {list(block)}, got {list(scales.shape)}"
        )
    blocks = _blocks(fmt, block, "ue8m0" if exact else "f32", "rceil")
    count, rows, columns = _matrices(codes)
    values = np.empty(codes.shape, np.float32)
    reference = ctypes.byref(blocks)
    _call("dequantize", reference, codes, scales, count, rows, columns, values)
    return values


def _floats(x) -> np.ndarray:
    try:
        return np.ascontiguousarray(x, np.float32).reshape(np.shape(x))
    except (TypeError, ValueError) as error:
        raise Error(f"x: expected numbers: {error}") from None


def _codes(x, name: str) -> np.ndarray:
    x = np.asarray(x)
    if x.dtype != np.uint8:
        raise Error(f"{name}: expected uint8, got {x.dtype}")
    return np.ascontiguousarray(x).reshape(x.shape)


def _blocks(fmt: str, block: Sequence[int], scale: str, rule: str) -> _Blocks:
    if len(block) != 2:
        raise Error(f"block: expected (rows, columns), got {block}", USAGE)
    return _Blocks(fmt.encode(), scale.encode(), rule.encode(), *block)


def _matrices(x: np.ndarray) -> tuple[int, int, int]:
    """(count, rows, columns) of x as matrices."""
    if x.ndim == 0:
        raise Error("expected one dimension or more, got a scalar")
    rows = x.shape[-2] if x.ndim > 1 else 1
    matrix = rows * x.shape[-1]
    return (x.size // matrix if matrix else 0), rows, x.shape[-1]


def _scale_shape(shape: tuple[int, ...], block: Sequence[int]) -> tuple[int, ...]:
    """The last two dimensions (of a vector the last) in blocks."""
    tail = min(len(shape), 2)
    parts = zip(shape[-tail:], block[-tail:], strict=True)
    return shape[:-tail] + tuple(
        -(-size // part) if part > 0 else min(size, 1) for size, part in parts
    )


def _call(name: str, *arguments) -> None:
    def passed(value):
        if isinstance(value, np.ndarray):
            return ctypes.c_void_p(value.ctypes.data)
        return ctypes.c_int64(value) if isinstance(value, int) else value

    function = getattr(capi.library(), f"trine_fp8_{name}")
    capi.check(function(*map(passed, arguments)))
