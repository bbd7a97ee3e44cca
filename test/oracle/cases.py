"""What the goldens of operations are made with: cases, numbers, bounds.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib

import ml_dtypes
import numpy as np
import torch

MLIR = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int32": "i32"}
ULP = 2.0**-24  # half a unit in the last place of 1.0f
random = np.random.default_rng(7)


class Cases:
    """Collects functions and arrays."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.arrays: dict[str, np.ndarray] = {}

    def add(self, name, body, inputs, result, bound, dynamic=0, dtype=np.float32):
        """`body`: the operation, `{x}` an operand, `{x:t}` its type, `{r}` the
        result's; one that starts with `%` names its results itself. The first
        `dynamic` dimensions (batch and length) are `?`; an operand of rank 2 is a
        weight unless it holds integers, and so is one of its own rank and name
        `e...`."""
        exact, result = result, np.asarray(result).astype(dtype)
        operands = {
            key: Operand(
                key, x, 0 if is_weight(x, dynamic) or key[0] == "e" else dynamic
            )
            for key, x in inputs.items()
        }
        whole = result.ndim > 2 or dtype == np.int32
        kind = Operand("r", result, dynamic if whole else min(dynamic, 1))
        signature = ", ".join(operand.declaration() for operand in operands.values())
        body = body if body.startswith("%") else "%r = " + body
        self.functions.append(
            f"func.func @{name}({signature})\n"
            f'    -> ({kind:t} {{graph.name = "result"}}) {{\n'
            f"  {body.format(**operands, r=kind)}\n"
            f"  return %r : {kind:t}\n}}\n"
        )
        if callable(bound):
            bound = bound(np.abs(np.asarray(exact, np.float64)))
        bound = np.broadcast_to(np.asarray(bound, np.float32), result.shape)
        for key, array in {**inputs, "result": result, "bound": bound}.items():
            self.arrays[f"{name}/{key}"] = codes(array)

    def write(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        head = "// Written by test/oracle/ops.py.\n\n"
        (folder / "ops.mlir").write_text(head + "\n".join(self.functions))
        np.savez_compressed(folder / "ops.npz", **self.arrays)


class Operand:
    """Formats as %name, or with `t` as its type."""

    def __init__(self, name: str, array: np.ndarray, dynamic: int) -> None:
        self.name = name
        free, sizes = min(dynamic, array.ndim), array.shape
        dims = ["?" if i < free else str(d) for i, d in enumerate(sizes)]
        self.type = f"tensor<{'x'.join([*dims, MLIR[array.dtype.name]])}>"
        # Lengths that are equal here are equal always.
        self.dims = [f"S{size}" if i else "B" for i, size in enumerate(sizes[:free])]

    def __format__(self, spec: str) -> str:
        return self.type if spec == "t" else "%" + self.name

    def declaration(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.dims)
        dims = f", graph.dims = [{names}]" if names else ""
        return f'%{self.name}: {self.type} {{graph.name = "{self.name}"{dims}}}'


def is_weight(array: np.ndarray, dynamic: int) -> bool:
    rank = array.ndim
    return array.dtype != np.int32 and (rank < 2 or (rank == 2 and dynamic == 2))


def codes(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * random.standard_normal(shape)).astype(np.float32)


def ints(low: int, high: int, *shape: int) -> np.ndarray:
    return random.integers(low, high, shape).astype(np.int32)


def double(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array, np.float64))


def ulps(count: float):
    """`count` units in the last place of the result."""
    return lambda result: count * np.spacing(np.maximum(result, 1e-30, dtype=float))


def spacing(magnitude: np.ndarray, count: float = 4) -> np.ndarray:
    magnitude = np.abs(magnitude).astype(np.float32)
    return count * np.spacing(np.maximum(magnitude, np.float32(1e-30)))


def row_bound(result: np.ndarray) -> np.ndarray:
    """Norms and softmax: 1e-6 of the row's largest magnitude."""
    return 1e-6 * np.abs(result).max(-1, keepdims=True)


def product_bound(x: np.ndarray, w: np.ndarray, bias=0.0) -> np.ndarray:
    """2·√K·2⁻²⁴·Σ|x·w|, the bias one more term."""
    terms = np.abs(x.astype(np.float64)) @ np.abs(w.astype(np.float64))
    return 2 * np.sqrt(x.shape[-1]) * ULP * (terms + np.abs(bias))
