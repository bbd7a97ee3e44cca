"""Every graph operation, reference against NumPy and torch in float64
(test/oracle/ops.py): within one unit in the last place, shapes and types equal.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from plugin import ROOT, Reference, Refused

DATA = ROOT / "test" / "data"


def difference(result: np.ndarray, golden: np.ndarray) -> str:
    """What is wrong, "" if nothing. Both have rounded float64 values once."""
    if (result.shape, result.dtype) != (golden.shape, golden.dtype):
        return (
            f"expected {golden.dtype}{golden.shape}, got {result.dtype}{result.shape}"
        )
    if result.dtype.kind != "f":
        wrong = result != golden
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(result.astype(np.float64) - golden.astype(np.float64))
            wrong = ~((error <= np.spacing(np.abs(golden))) | (result == golden))
        wrong &= ~(np.isnan(result) & np.isnan(golden))
    if not wrong.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{wrong.sum()} wrong, first at {at}: {result[at]}, expected {golden[at]}"


class Goldens(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.reference = Reference(DATA / "ops" / "ops.mlir")
        cls.cases: dict[str, dict] = {}
        with np.load(DATA / "ops" / "ops.npz") as arrays:
            for key, array in arrays.items():
                name, _, tensor = key.partition("/")
                cls.cases.setdefault(name, {})[tensor] = array

    def run_case(self, name: str, **changed) -> str:
        inputs = {**self.cases[name], **changed}
        golden = inputs.pop("result")
        del inputs["bound"]
        return difference(self.reference.run(name, inputs)["result"], golden)

    def test_every_operation(self) -> None:
        self.assertGreater(len(self.cases), 80)
        for name in self.cases:
            with self.subTest(name):
                self.assertEqual(self.run_case(name), "")

    def test_one_changed_value_is_seen(self) -> None:
        """Negative control: one input element moves by 2^-10."""
        for name, tensor in (
            ("linear", "w"),
            ("attention_causal", "k"),
            ("rope_half", "x"),
            ("layer_norm", "x"),
            ("tanh", "x"),
            ("gather", "t"),
        ):
            with self.subTest(name):
                array = self.cases[name][tensor].copy()
                # tanh is flat where x is large.
                pick = np.argmin if name == "tanh" else np.argmax
                array.flat[pick(np.abs(array))] += 2.0**-10
                self.assertNotEqual(self.run_case(name, **{tensor: array}), "")

    def test_one_changed_mask_bit_is_seen(self) -> None:
        mask = self.cases["attention_mask"]["mask"].copy()
        mask[0, 4] = 0
        self.assertNotEqual(self.run_case("attention_mask", mask=mask), "")


class Models(unittest.TestCase):
    """Tiny random checkpoints, against transformers in f32."""

    def check(self, result: np.ndarray, golden: np.ndarray) -> None:
        self.assertEqual(result.shape, golden.shape)
        error = np.abs(result - golden).max()
        self.assertLessEqual(error, 1e-5 * np.abs(golden).max())

    def open(self, name: str) -> Reference:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        module = pathlib.Path(folder) / "graph.mlir"
        tool = ROOT / "build" / "bin" / "trine-compile"
        subprocess.run([tool, DATA / name, "--emit=graph", "-o", module], check=True)
        self.goldens = np.load(DATA / name / "goldens.npz")
        return Reference(module, DATA / name)

    def test_llama(self) -> None:
        reference = self.open("tiny-llama")
        for name in ("one", "two", "long"):
            tokens = self.goldens[f"{name}.tokens"]
            result = reference.run("forward", {"tokens": tokens})["logits"]
            self.check(result, self.goldens[f"{name}.logits"])

    def test_llama_in_pieces(self) -> None:
        reference = self.open("tiny-llama")
        tokens, logits = self.goldens["two.tokens"], self.goldens["two.logits"]
        first = {"tokens": tokens[:, :4], "lengths": np.int32([4, 2])}
        result = reference.run("prefill", first)["logits"]
        self.check(result, np.stack([logits[0, 3], logits[1, 1]]))
        second = np.stack([tokens[0, 4:6], tokens[1, 2:4]])
        result = reference.run("prefill", {"tokens": second})["logits"]
        self.check(result, np.stack([logits[0, 5], logits[1, 3]]))
        third = np.stack([tokens[0, 6:7], tokens[1, 4:5]])
        result = reference.run("decode", {"tokens": third})["logits"]
        self.check(result, np.stack([logits[0, 6], logits[1, 4]]))

    def test_bert(self) -> None:
        reference = self.open("tiny-bert")
        for name in ("one", "three", "long"):
            inputs = {k: self.goldens[f"{name}.{k}"] for k in ("tokens", "mask")}
            real = inputs["mask"][..., None]
            hidden = reference.run("encode", inputs)["hidden"]
            self.check(hidden * real, self.goldens[f"{name}.hidden"] * real)
            embedding = reference.run("embed", inputs)["embedding"]
            self.check(embedding, self.goldens[f"{name}.embedding"])

    def test_refusals(self) -> None:
        reference = self.open("tiny-llama")
        good = np.zeros((1, 1), np.int32)
        for inputs, message in (
            ({"tokens": good + 288}, "'tokens': element 0: expected 0 to 287, got 288"),
            ({"tokens": good - 1}, "'tokens': element 0: expected 0 to 287, got -1"),
            ({"tokens": np.float32([[0]])}, "expected i32[B,1], got f32[1,1]"),
            (
                {"tokens": np.zeros((17, 1), np.int32)},
                "expected B of at most 16, got 17",
            ),
            ({}, "input 'tokens' is missing"),
            ({"tokens": good, "x": good}, "expected one of the inputs tokens, got 'x'"),
        ):
            with self.subTest(message):
                with self.assertRaises(Refused) as refused:
                    reference.run("decode", inputs)
                self.assertIn(message, str(refused.exception))
                self.assertEqual(refused.exception.code, 1)
        with self.assertRaisesRegex(Refused, "expected one of the entries forward, "):
            reference.run("nothing", {})
        with self.assertRaisesRegex(Refused, "expected S of at most 256, got 257"):
            reference.run("prefill", {"tokens": np.zeros((1, 257), np.int32)})
        ragged = {"tokens": good, "lengths": np.int32([2])}
        with self.assertRaisesRegex(
            Refused, "'lengths': row 0: expected 1 to 1, got 2"
        ):
            reference.run("prefill", ragged)
        # No refused call has fixed the session's batch.
        reference.run("prefill", {"tokens": np.zeros((2, 250), np.int32)})
        with self.assertRaisesRegex(Refused, "at most 256 tokens, got 7 after 250"):
            reference.run("prefill", {"tokens": np.zeros((2, 7), np.int32)})


if __name__ == "__main__":
    unittest.main()
