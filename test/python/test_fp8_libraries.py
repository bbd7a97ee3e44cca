"""trine.fp8 beside torchao, compressed-tensors and ModelOpt on a layer's weight and
input: the same codes and scales, or a difference that its cause reproduces.

test/oracle/fp8_libraries.py wrote the goldens. Part of Trine, under Apache-2.0 WITH
LLVM-exception.
"""

import hashlib
import json
import unittest

import ml_dtypes
import numpy as np
import support
from trine import fp8

FOLDER = support.DATA / "fp8"
E4M3, BF16 = ml_dtypes.float8_e4m3fn, ml_dtypes.bfloat16


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def codes_of(ratio: np.ndarray) -> np.ndarray:
    return np.clip(ratio.astype(np.float32), -448, 448).astype(E4M3).view(np.uint8)


def blocks(x: np.ndarray, arguments: dict) -> tuple[np.ndarray, np.ndarray]:
    """x [M, K] as tiles of one row [M, blocks, columns] and their amax, or as one."""
    rows, columns = arguments["block"]
    width = columns or x.shape[1]
    tiles = x.reshape(x.shape[0], -1, width)
    axes = (0, 1, 2) if rows == 0 else (2,)
    return tiles, np.abs(tiles).max(axis=axes, keepdims=True)


def logarithm_in_f32(x: np.ndarray, arguments: dict):
    """RCEIL as 2^ceil(log2(amax / 448)) with an f32 logarithm, which is a whole
    number for an amax a little above 448 * 2^n: the scale is half of what it
    must be, and the block is clipped."""
    tiles, amax = blocks(x, arguments)
    with np.errstate(divide="ignore"):
        exact = np.log2((amax / np.float32(448)).astype(np.float64))
    power = np.clip(np.ceil(exact.astype(np.float32)), -127, 127)
    codes = codes_of(tiles / np.ldexp(np.float32(1), power.astype(int)))
    return codes, (power + 127).astype(np.uint8)


def zero_point_added(x: np.ndarray, arguments: dict):
    """Adding a zero point of 0 makes -0 a 0."""
    codes, scales = fp8.quantize(x, "e4m3fn", **arguments)
    return np.where(x == 0, np.uint8(0), codes), scales


def scales_of_bf16(x: np.ndarray, arguments: dict):
    """Of a bf16 tensor amax / 448 is rounded to bf16."""
    tiles, amax = blocks(x, arguments)
    scales = (amax / np.float32(448)).astype(BF16).astype(np.float32)
    return codes_of(tiles / scales), scales


def all_in_bf16(x: np.ndarray, arguments: dict):
    """And so is x / scale, before it is rounded to a code."""
    tiles, _ = blocks(x, arguments)
    _, scales = scales_of_bf16(x, arguments)
    return codes_of((tiles / scales).astype(BF16)), scales


# (library, what its call starts with, tensor, read as): the cause.
CAUSES = {
    ("torchao", "to_mx RCEIL", "edges", "float32"): logarithm_in_f32,
    ("nvidia-modelopt", "MXFP8", "edges", "float32"): logarithm_in_f32,
    ("compressed-tensors", "MXFP8", "edges", "float32"): zero_point_added,
    ("torchao", "float8", "input", "bfloat16"): scales_of_bf16,
    ("compressed-tensors", "FP8", "input", "bfloat16"): all_in_bf16,
}


class Libraries(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.cases = json.loads((FOLDER / "libraries.json").read_text())
        with np.load(FOLDER / "layer.npz") as arrays:
            cls.tensors = {
                name: (x.view(BF16) if x.dtype == np.uint16 else x).astype(np.float32)
                for name, x in arrays.items()
            }

    @staticmethod
    def cause(case: dict):
        library = case["library"].split()[0]
        for (name, call, *seen), cause in CAUSES.items():
            same = [name, *seen] == [library, case["tensor"], case["read"]]
            if same and case["call"].startswith(call):
                return cause
        return None

    def test_codes_and_scales(self) -> None:
        self.assertEqual(len(self.cases), 39)
        used = set()
        for case in self.cases:
            with self.subTest(**{k: case[k] for k in ("library", "call", "tensor")}):
                x = self.tensors[case["tensor"]][:, : case["columns"]]
                ours = fp8.quantize(x, "e4m3fn", **case["trine"])
                same = [digest(a) for a in ours] == [case["codes"], case["scales"]]
                cause = self.cause(case)
                self.assertEqual(same, cause is None)
                if cause:
                    used.add(cause)
                    codes, scales = cause(x, case["trine"])
                    self.assertEqual(digest(codes), case["codes"])
                    self.assertEqual(digest(scales), case["scales"])
        self.assertEqual(used, set(CAUSES.values()))


if __name__ == "__main__":
    unittest.main()
