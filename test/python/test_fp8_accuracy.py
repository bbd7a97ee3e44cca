"""Accuracy of quantized SmolLM2-135M-Instruct on Python's language reference: the
negative log-likelihood beside that of transformers with the same rounding
(test/oracle/fp8_model.py, which shares no code with Trine), and perplexity beside
the baseline's.

Rounded weights alone give the oracle's figures but for the order of sums. Rounded
inputs do not: a sum that differs in its last bit now and then becomes another code,
so that two exact implementations differ by noise of 0.5 % a window. With --full
all windows, else four.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import json
import os
import unittest

import numpy as np
import support
from trine import calibrate, report

FULL = os.getenv("TRINE_TEST_LEVEL") == "full"
FOLDER = support.DATA / "fp8"
GOLDENS = json.loads((FOLDER / "nll.json").read_text())
TOKENS = np.load(FOLDER / "tokens.npy").astype(np.int32)
WINDOWS = 98 if FULL else 4
UE8M0 = """version: 1
schemes:
  w: {elem: e4m3fn, block: [128, 128], scale: ue8m0, rule: rceil}
rules:
  - {match: 'lm_head', keep: source}
  - {match: '.', weight: w}
"""
FLOOR = """version: 1
schemes:
  mx: {elem: e4m3fn, block: [1, 32], scale: ue8m0, rule: floor}
rules:
  - {match: 'lm_head', keep: source}
  - {match: '.', weight: mx, input: mx}
"""


def flags(recipe: str) -> dict[str, str]:
    folder = support.folder()
    if recipe == "baseline":
        return {}
    if recipe == "FP8":
        observing = support.model(support.SMOLLM2, entries="forward", observe="absmax")
        seen = calibrate.calibrate(observing, list(TOKENS[98:]))
        calibrate.write(folder / "c.json", seen)
        return {"quantize": "FP8", "calibration": str(folder / "c.json")}
    written = {"W8A16_UE8M0": UE8M0, "MXFP8_FLOOR": FLOOR}
    if recipe in written:
        (folder / f"{recipe}.yaml").write_text(written[recipe])
        return {"quantize": str(folder / f"{recipe}.yaml")}
    return {"quantize": recipe}


@functools.cache
def nll(recipe: str) -> np.ndarray:
    """Of each window."""
    path = support.package(support.SMOLLM2, entries="forward", **flags(recipe))
    model = support.trine.load(path, threads=support.THREADS)
    losses = []
    for window in TOKENS[:WINDOWS]:
        logits = model.run("forward", tokens=window[None])["logits"][0, :-1]
        logs = report.log_softmax(logits)
        losses.append(-logs[np.arange(len(logs)), window[1:]].mean())
    return np.array(losses)


def rise(recipe: str) -> tuple[float, float]:
    """Of the perplexity over the baseline's, and its standard error."""
    difference = nll(recipe) - nll("baseline")
    ratio = float(np.exp(difference.mean()))
    error = difference.std(ddof=1) / len(difference) ** 0.5
    return ratio - 1, float(ratio * error)


@support.needs_models
class Accuracy(unittest.TestCase):
    def beside_oracle(self, recipe: str, bound: float) -> None:
        want = np.array(GOLDENS[recipe])
        count = min(len(want), WINDOWS)
        got = nll(recipe)[:count].mean()
        self.assertLess(abs(got / want[:count].mean() - 1), bound, recipe)

    def test_rounded_weights(self) -> None:
        """Nothing is left to chance."""
        for recipe in ("baseline", "W8A16", *(["W8A16_UE8M0"] if FULL else [])):
            with self.subTest(recipe):
                self.beside_oracle(recipe, 1e-5)
        # Rounding is seen at all.
        gap = nll("W8A16") - nll("baseline")
        self.assertGreater(np.abs(gap).min(), 1e-4)

    @unittest.skipUnless(FULL, "50 thousand tokens a recipe: only with --full")
    def test_rounded_inputs(self) -> None:
        for recipe in GOLDENS:
            with self.subTest(recipe):
                self.beside_oracle(recipe, 3e-3)

    @unittest.skipUnless(FULL, "50 thousand tokens a recipe: only with --full")
    def test_perplexity(self) -> None:
        rises = {recipe: rise(recipe) for recipe in GOLDENS}
        for recipe, (value, error) in rises.items():
            print(f"{recipe}: {100 * value:+.2f} % (standard error {100 * error:.2f})")
        for recipe in set(GOLDENS) - {"MXFP8_FLOOR"}:
            with self.subTest(recipe):
                self.assertLess(rises[recipe][0], 0.04)
        # Of `floor` 8 % were expected; the oracle has 8.9 (docs/design/fp8.md).
        with self.subTest("floor"):
            self.assertLess(rises["MXFP8"][0], rises["MXFP8_FLOOR"][0])


if __name__ == "__main__":
    unittest.main()
