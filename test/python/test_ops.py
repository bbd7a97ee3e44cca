"""Every graph operation against float64 NumPy and torch (test/oracle/ops.py): the
reference within one unit in the last place, the CPU within the case's bound.

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


def reference(name: str, **arrays: np.ndarray) -> np.ndarray:
    arguments, output = [], support.folder() / "result.npy"
    for key, array in arrays.items():
        file = support.folder() / f"{key}.npy"
        np.save(file, array)
        arguments += ["--input", f"{key}={file}"]
    done = support.run(
        "trine-run",
        SOURCE,
        "--reference",
        f"--entry={name}",
        *arguments,
        "--output",
        f"result={output}",
    )
    assert done.returncode == 0, done.stderr
    return np.load(output)


class Operations(unittest.TestCase):
    def test_reference(self):
        for name, case in cases().items():
            with self.subTest(name):
                want = case["result"]
                exact = np.zeros_like(case["bound"])
                if want.dtype.kind == "f":
                    exact = np.spacing(np.abs(np.nan_to_num(want)))
                got = reference(name, **inputs(case))
                self.assertIsNone(mismatch(got, want, exact))

    def test_cpu(self):
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
            for run in (cpu, reference):
                with self.subTest(name, run=run.__name__):
                    got = run(name, **changed)
                    wrong = mismatch(got, case["result"], case["bound"])
                    self.assertIsNotNone(wrong)


if __name__ == "__main__":
    unittest.main()
