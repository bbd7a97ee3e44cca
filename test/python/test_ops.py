"""Every graph operation on the CPU against float64 NumPy and torch, within each
case's bound (test/oracle/ops.py). test/reference holds lib/Reference to the same.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import unittest

import numpy as np
import support

SOURCE = support.DATA / "ops" / "ops.mlir"


@functools.cache
def cases() -> dict[str, dict[str, np.ndarray]]:
    """Arrays by case and name; results of bf16 stay uint16 codes."""
    result: dict[str, dict[str, np.ndarray]] = {}
    with np.load(SOURCE.with_suffix(".npz")) as arrays:
        for key in arrays.files:
            case, name = key.split("/")
            result.setdefault(case, {})[name] = arrays[key]
    return result


def inputs(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: v for k, v in case.items() if k not in ("result", "bound")}


def mismatch(got: np.ndarray, want: np.ndarray, bound: np.ndarray) -> str | None:
    """Why a result is wrong, or None."""
    if (got.shape, got.dtype) != (want.shape, want.dtype):
        return f"{got.dtype}{list(got.shape)} for {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        bad = got != want
    else:
        error = np.abs(got.astype(np.float64) - want.astype(np.float64))
        # Infinities must be the same ones.
        bad = ~((error <= bound) | (got == want))
    if not bad.any():
        return None
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{bad.sum()} wrong, first {where}: {got[where]} for {want[where]}"


def cpu(name: str, **arrays: np.ndarray) -> np.ndarray:
    return support.model(SOURCE).run(name, **arrays)["result"]


class Operations(unittest.TestCase):
    def test_every_operation(self):
        for name, case in cases().items():
            with self.subTest(name):
                got = cpu(name, **inputs(case))
                self.assertIsNone(mismatch(got, case["result"], case["bound"]))

    def test_corruption_is_seen(self):
        """One weight, one mask bit, one stride: the same check fails."""
        for name, key, change in (
            ("linear", "w", lambda w: w.flat.__setitem__(5, w.flat[5] + 0.01)),
            ("attention_mask", "mask", lambda m: m.__setitem__((0, 4), 0)),
            ("attention_causal", "k", lambda k: k.__setitem__(..., np.roll(k, 1))),
            ("layer_norm", "b", lambda b: b.__setitem__(7, b[7] + 1e-4)),
            ("transpose", "x", lambda x: x.__setitem__(..., x[..., ::-1].copy())),
        ):
            case = cases()[name]
            changed = {k: v.copy() for k, v in inputs(case).items()}
            change(changed[key])
            with self.subTest(name):
                got = cpu(name, **changed)
                wrong = mismatch(got, case["result"], case["bound"])
                self.assertIsNotNone(wrong)


if __name__ == "__main__":
    unittest.main()
