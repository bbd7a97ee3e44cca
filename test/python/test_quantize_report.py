"""`trine quantize-report`: its figures beside NumPy's, and the page.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import re
import unittest

import numpy as np
import support
from trine import fp8, report

LLAMA = support.DATA / "tiny-llama"
RECIPE = """version: 1
schemes:
  w: {elem: e4m3fn, block: [1, 16], scale: ue8m0, rule: rceil}
  x: {elem: e4m3fn, block: [1, 16], scale: ue8m0, rule: floor}
rules:
  - {match: 'lm_head|self_attn', keep: source}
  - {match: 'down_proj', weight: w}
  - {match: '.', weight: w, input: x}
"""


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = support.folder()
        (folder / "r.yaml").write_text(RECIPE)
        tokens = np.arange(1, 121, dtype=np.int32) * 7 % 250
        np.save(folder / "t.npy", tokens.reshape(3, 40))
        np.save(folder / "short.npy", tokens[:15] + 1)
        done = support.run(
            "trine",
            "quantize-report",
            LLAMA,
            f"--quantize={folder / 'r.yaml'}",
            "--tokens",
            folder / "t.npy",
            "--tokens",
            folder / "short.npy",
            "-o",
            folder / "report",
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        cls.report = json.loads((folder / "report" / "report.json").read_text())
        cls.page = (folder / "report" / "index.html").read_text()

    def test_layers(self) -> None:
        layers = {row["name"]: row for row in self.report["layers"]}
        want = {f"layers.{i}.mlp.{p}" for i in (0, 1) for p in ("gate_up", "down_proj")}
        self.assertEqual(layers.keys(), want)
        order = [row["output_sqnr_db"] for row in self.report["layers"]]
        self.assertEqual(order, sorted(order))
        gate, down = layers["layers.0.mlp.gate_up"], layers["layers.0.mlp.down_proj"]
        # floor clips: some inputs saturate; kept inputs have no figure.
        self.assertGreater(gate["saturated"], 0)
        self.assertIn("rceil", gate["advice"])
        self.assertEqual(down["saturated"], 0)
        self.assertIsNone(down["activation_sqnr_db"])
        self.assertNotIn("input", down["scale_histogram"])
        for row in layers.values():
            self.assertTrue(15 < row["output_sqnr_db"] < 45, row)
            self.assertTrue(0.98 < row["cosine"] < 1, row)
        # gate and up: 80 rows of 48 columns in blocks of 16.
        self.assertEqual(sum(gate["scale_histogram"]["weight"].values()), 2 * 80 * 3)
        self.assertEqual(sum(gate["scale_histogram"]["input"].values()), 135 * 3)

    def test_weights_beside_numpy(self) -> None:
        from test_fp8_checkpoint import read

        name = "layers.1.mlp.down_proj"
        w = read(LLAMA)[f"model.{name}.weight"].astype(np.float32)
        codes, scales = fp8.quantize(w, "e4m3fn", (1, 16), "ue8m0", "rceil")
        loss = w - fp8.dequantize(codes, scales, "e4m3fn", (1, 16)).astype(np.float64)
        want = 10 * np.log10((w.astype(np.float64) ** 2).sum() / (loss**2).sum())
        row = next(r for r in self.report["layers"] if r["name"] == name)
        self.assertAlmostEqual(row["weight_sqnr_db"], want, places=4)
        flushed = ((w != 0) & (codes & 0x7F == 0)).mean()
        self.assertAlmostEqual(row["flushed"], flushed, places=9)
        exponents, counts = np.unique(scales.astype(int) - 127, return_counts=True)
        histogram = dict(zip(map(str, exponents), map(int, counts), strict=True))
        self.assertEqual(row["scale_histogram"]["weight"], histogram)

    def test_model(self) -> None:
        """The same from the two packages' logits, by NumPy alone."""
        recipe = str(support.folder() / "r.yaml")
        windows = [*np.load(support.folder() / "t.npy")]
        windows.append(np.load(support.folder() / "short.npy"))
        both = [{"entries": "forward"}, {"entries": "forward", "quantize": recipe}]

        def chances(model, tokens):
            logits = model.run("forward", tokens=tokens[None])["logits"][0, :-1]
            powers = np.exp(logits.astype(np.float64))
            return powers / powers.sum(-1, keepdims=True)

        models = [support.model(LLAMA, **flags) for flags in both]
        parts = [[chances(m, tokens) for tokens in windows] for m in models]
        p, q = (np.concatenate(part) for part in parts)
        targets = np.concatenate([tokens[1:] for tokens in windows])[:, None]
        loss = [-np.log(np.take_along_axis(x, targets, 1))[:, 0] for x in (p, q)]
        # Of a mean over clusters of 39, 39, 39 and 14 tokens.
        off = np.split(loss[1] - loss[1].mean(), [39, 78, 117])
        error = np.sqrt(4 / 3 * sum(x.sum() ** 2 for x in off)) / len(targets)
        got = self.report["model"]
        for key, value in (
            ("perplexity_base", np.exp(loss[0].mean())),
            ("perplexity", np.exp(loss[1].mean())),
            ("perplexity_se", np.exp(loss[1].mean()) * error),
            ("kl_mean", (p * np.log(p / q)).sum(-1).mean()),
            ("kl_p99", np.quantile((p * np.log(p / q)).sum(-1), 0.99)),
            ("top1", (p.argmax(-1) == q.argmax(-1)).mean()),
        ):
            with self.subTest(key):
                self.assertAlmostEqual(got[key] / value, 1, places=3)
        self.assertGreater(got["kl_mean"], 0)
        sizes = [support.package(LLAMA, **flags).stat().st_size for flags in both]
        self.assertEqual([got["bytes_base"], got["bytes"]], sizes)

    def test_a_model_of_nan(self) -> None:
        from test_fp8_checkpoint import model, read

        tensors = read(LLAMA)
        name = "model.layers.1.mlp.down_proj.weight"
        tensors[name] = tensors[name].copy()
        tensors[name][3, 4] = np.nan
        folder = support.folder()
        done = support.run(
            "trine",
            "quantize-report",
            model("nan", tensors, {}),
            "--quantize=W8A16",
            "--tokens",
            folder / "t.npy",
            "-o",
            folder / "nan-report",
        )
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("layers.1.mlp.down_proj: its weight is infinite or", done.stderr)
        self.assertEqual(list((folder / "nan-report").iterdir()), [])

    def test_page_stands_alone(self) -> None:
        self.assertEqual(self.page.count("<svg"), 3)
        self.assertFalse(re.search(r"(src|href)=|@import|url\(", self.page))
        for row in self.report["layers"]:
            self.assertIn(row["advice"], self.page)

    def test_advice_follows_from_figures(self) -> None:
        good = {
            "weight_sqnr_db": 31.5,
            "activation_sqnr_db": 31.5,
            "output_sqnr_db": 28.5,
            "saturated": 0.0,
            "flushed": 0.0,
        }
        for change, what in (
            ({}, "as good as"),
            ({"saturated": 0.01}, "cut off"),
            ({"flushed": 0.1}, "finer blocks"),
            ({"activation_sqnr_db": 25.0}, "the input loses most"),
            ({"weight_sqnr_db": 25.0}, "the weight loses most"),
            ({"output_sqnr_db": 10.0}, "keep: source"),
        ):
            self.assertIn(what, report.advice(good | change))


if __name__ == "__main__":
    unittest.main()
