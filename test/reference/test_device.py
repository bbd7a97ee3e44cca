"""The device `reference`: alone, and beside the CPU with attention placed on it;
and the reference on packages, whose weights lie in the CPU's layouts.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import trine
from plugin import ROOT, Reference

LLAMA = ROOT / "test" / "data" / "tiny-llama"
BERT = ROOT / "test" / "data" / "tiny-bert"
BLOCKS = ROOT / "test" / "data" / "ggml" / "blocks.gguf"
FORMATS = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_k", "q5_k", "q6_k")


class Device(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.packages: dict[tuple, pathlib.Path] = {}
        for model in (LLAMA, BERT):
            for at, flags in enumerate(
                (
                    {"target": "reference"},
                    {"place": "graph.attention=reference"},
                    {"target": "cpu"},
                )
            ):
                path = pathlib.Path(folder) / f"{model.name}-{at}.trine"
                trine.compile(model, path, **flags)
                cls.packages[model, at] = path

    def check(self, result: np.ndarray, golden: np.ndarray) -> None:
        self.assertEqual(result.shape, golden.shape)
        error = np.abs(result - golden).max()
        self.assertLessEqual(error, 1e-4 * np.abs(golden).max())

    def check_llama(self, at: int, token: int = 0, past: int = 0) -> None:
        """`token` is taken from a token, `past` from a length: for negative
        controls."""
        model = trine.load(self.packages[LLAMA, at], threads=2)
        goldens = np.load(LLAMA / "goldens.npz")
        for name in ("one", "two", "long"):
            inputs = goldens[f"{name}.tokens"].copy()
            inputs[-1, -1] -= token
            result = model.run("forward", tokens=inputs)["logits"]
            self.check(result, goldens[f"{name}.logits"])
        tokens, logits = goldens["two.tokens"], goldens["two.logits"]
        session = model.session(batch=2)
        first = session.run("prefill", tokens=tokens[:, :4], lengths=[4, 2])["logits"]
        self.check(first, np.stack([logits[0, 3], logits[1, 1]]))
        session.truncate(4 - past)
        next_tokens = np.stack([tokens[0, 4:5], tokens[1, 2:3]])
        second = session.run("decode", tokens=next_tokens)["logits"]
        self.check(second, np.stack([logits[0, 4], logits[1, 2]]))

    def check_bert(self, at: int, bit: int = 0) -> None:
        """`bit` is turned in a mask: for negative controls."""
        model = trine.load(self.packages[BERT, at], threads=2)
        goldens = np.load(BERT / "goldens.npz")
        for name in ("one", "three", "long"):
            inputs = {key: goldens[f"{name}.{key}"] for key in ("tokens", "mask")}
            inputs["mask"][0, -1] ^= bit
            result = model.run("embed", **inputs)["embedding"]
            self.check(result, goldens[f"{name}.embedding"])

    def devices(self, path: pathlib.Path) -> tuple[set[str], set[tuple]]:
        tool = ROOT / "build" / "bin" / "trine-inspect"
        done = subprocess.run([tool, path, "--json"], check=True, capture_output=True)
        report = json.loads(done.stdout)
        copies = {
            (copy["from"], copy["to"])
            for entry in report["entries"]
            for copy in entry["copies"]
        }
        return {kernel["target"] for kernel in report["kernels"]}, copies

    def test_alone(self) -> None:
        self.check_llama(0)
        self.check_bert(0)
        kernels, copies = self.devices(self.packages[LLAMA, 0])
        self.assertEqual(kernels, {"reference"})
        self.assertEqual(copies, {("cpu", "reference"), ("reference", "cpu")})

    def test_attention_placed(self) -> None:
        self.check_llama(1)
        self.check_bert(1)
        kernels, copies = self.devices(self.packages[LLAMA, 1])
        self.assertEqual(kernels, {"cpu", "reference"})
        self.assertEqual(copies, {("cpu", "reference"), ("reference", "cpu")})

    def test_corruption_is_seen(self) -> None:
        for at in range(3):
            for check, spoiled in (
                (self.check_llama, {"token": 1}),
                (self.check_llama, {"past": 1}),
                (self.check_bert, {"bit": 1}),
            ):
                with self.subTest(at=at, **spoiled):
                    check(at)
                    with self.assertRaises(self.failureException):
                        check(at, **spoiled)

    def test_package_interpreted(self) -> None:
        """Layouts undone: every kind of package holds the same values."""
        tokens = np.load(LLAMA / "goldens.npz")["two.tokens"]
        results = [
            Reference(self.packages[LLAMA, at]).run("forward", {"tokens": tokens})
            for at in range(3)
        ]
        for result in results[1:]:
            np.testing.assert_array_equal(result["logits"], results[0]["logits"])
        golden = np.load(LLAMA / "goldens.npz")["two.logits"]
        self.check(results[0]["logits"], golden)


def kept_module(formats: tuple[str, ...]) -> str:
    """A layer and a gather for each stored format of BLOCKS."""
    lines = []
    for name in formats:
        table = "tensor<2x512xf32>"
        lines.append(
            f"""graph.parameter @{name} : {table} storage "{name}" from ["{name}"]
            func.func @linear_{name}(%x: tensor<?x512xf32>) -> tensor<?x2xf32> {{
              %w = graph.weight @{name} : {table}
              %y = graph.linear %x, %w : tensor<?x512xf32>, {table} -> tensor<?x2xf32>
              return %y : tensor<?x2xf32>
            }}
            func.func @gather_{name}(%i: tensor<?xi32>) -> tensor<?x512xf32> {{
              %w = graph.weight @{name} : {table}
              %y = graph.gather %w, %i : {table}, tensor<?xi32> -> tensor<?x512xf32>
              return %y : tensor<?x512xf32>
            }}"""
        )
    return "\n".join(lines)


class KeptCodes(unittest.TestCase):
    """The CPU's kernels over stored codes, and the package's codes undone."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        source = folder / "kept.mlir"
        source.write_text(kept_module(FORMATS))
        cls.packages = {}
        for compute in ("f32", "bf16", "int8"):
            cls.packages[compute] = folder / f"{compute}.trine"
            trine.compile(
                source, cls.packages[compute], weights_from=BLOCKS, compute=compute
            )

    def results(self, compute: str, rows: int) -> dict[str, tuple[np.ndarray, ...]]:
        """By format: the CPU's, the reference's, and what a sum's parts add up to."""
        model = trine.load(self.packages[compute], threads=2)
        reference = Reference(self.packages[compute])
        x = np.random.default_rng(rows).standard_normal((rows, 512))
        inputs = {"arg0": x.astype(np.float32)}
        found = {}
        for name in FORMATS:
            weights = reference.run(
                f"gather_{name}", {"arg0": np.arange(2, dtype=np.int32)}
            )
            [table] = weights.values()
            [want] = reference.run(f"linear_{name}", inputs).values()
            got = model.run(f"linear_{name}", **inputs)["result0"]
            with np.errstate(invalid="ignore"):
                size = np.abs(x) @ np.abs(table.T.astype(np.float64))
            found[name] = got, want, size
        return found

    def test_layers(self) -> None:
        # Few rows, whose codes stay in registers, and more, for which bf16 rounds
        # the weights, too.
        for compute in self.packages:
            for rows in (1, 2, 9):
                share = 2.0**-8 if compute == "bf16" and rows > 4 else 1e-6
                for name, (got, want, size) in self.results(compute, rows).items():
                    with self.subTest(compute=compute, rows=rows, format=name):
                        # Some scales are infinite: no code is their 0.
                        known = np.isfinite(want)
                        np.testing.assert_array_equal(np.isfinite(got), known)
                        error = np.abs(got[known] - want[known])
                        self.assertTrue((error <= share * size[known]).all())

    def test_int8_is_seen(self) -> None:
        exact = self.results("f32", 1)
        for name, (_, want, size) in self.results("int8", 1).items():
            exact_want = exact[name][1]
            known = np.isfinite(exact_want)
            if known.any():
                error = np.abs(want[known] - exact_want[known]) / size[known]
                self.assertGreater(error.max(), 1e-5, name)

    def test_gathers_are_exact(self) -> None:
        rows = np.array([1, 0, 1], np.int32)
        model = trine.load(self.packages["f32"], threads=2)
        reference = Reference(self.packages["f32"])
        for name in FORMATS:
            [want] = reference.run(f"gather_{name}", {"arg0": rows}).values()
            got = model.run(f"gather_{name}", arg0=rows)["result0"]
            np.testing.assert_array_equal(got, want, name)


if __name__ == "__main__":
    unittest.main()
