"""Narrow operands and kept codes: how far --compute and --weights may move a
model, against the goldens of the f32 model, and that each says what it costs.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import sys
import unittest

import numpy as np
import support
import trine

GOLDENS = support.DATA / "smollm2"
# Of the logits' norm: the most for one pair of runs, and for the median of ten
# prompts. bf16 rounds operands to 8 bits; int8 activations have 7 and a scale for
# each 32. Two prompts amplify a last bit under int8, so their own distance depends
# on the order of summation (docs/howto/precision.md).
DISTANCE = {"bf16": 0.03, "int8": 0.1}
MEDIAN = {"bf16": 0.012, "int8": 0.03}


def distance(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.linalg.norm(left - right) / np.linalg.norm(right))


@support.needs_models
class SmolLM2(unittest.TestCase):
    def test_logits_of_narrow_operands(self):
        cases = json.loads((GOLDENS / "goldens.json").read_text())
        expected = np.load(GOLDENS / "logits.npy")
        for compute, most in MEDIAN.items():
            model = support.model(support.SMOLLM2, compute=compute)
            same, distances = 0, []
            for case, want in zip(cases, expected, strict=False):
                got = model.session().run("prefill", tokens=[case["prompt"]])["logits"][
                    0
                ]
                distances.append(distance(got, want))
                same += int(got.argmax() == want.argmax())
            self.assertLess(np.median(distances), most, compute)
            self.assertGreater(min(distances), 1e-4, f"is {compute} f32?")
            self.assertGreaterEqual(same, len(expected) - 2, compute)

    def test_prefill_in_pieces_is_near_one_prefill(self):
        ids = list(range(100, 140))
        for compute, most in DISTANCE.items():
            model = support.model(support.SMOLLM2, compute=compute)
            whole = model.session().run("prefill", tokens=[ids])["logits"]
            pieces = model.session()
            for start in range(0, 40, 3):  # few rows: codes stay in registers
                last = pieces.run("prefill", tokens=[ids[start : start + 3]])["logits"]
            self.assertLess(distance(last, whole), most, compute)

    def test_results_do_not_depend_on_the_threads(self):
        for compute in ("f32", "bf16", "int8"):
            logits = []
            for threads in (1, 2, 3):
                package = support.package(support.SMOLLM2, compute=compute)
                session = trine.load(package, threads=threads).session()
                session.run("prefill", tokens=[list(range(7, 30))])
                logits.append(session.run("decode", tokens=[[5]])["logits"])
            for other in logits[1:]:
                np.testing.assert_array_equal(logits[0], other, compute)

    def test_packages_have_the_size_of_their_weights(self):
        stored = support.SMOLLM2.stat().st_size
        kept = support.package(support.SMOLLM2).stat().st_size
        self.assertLess(kept, 1.15 * stored)
        decoded = support.package(support.SMOLLM2, weights="bf16").stat().st_size
        self.assertLess(kept, decoded / 2)
        model = support.model(support.SMOLLM2, weights="bf16")
        exact = support.model(support.SMOLLM2)
        ids = [list(range(50, 60))]
        got = model.run("forward", tokens=ids)["logits"]
        self.assertLess(distance(got, exact.run("forward", tokens=ids)["logits"]), 0.02)


def print_distances() -> None:
    cases = json.loads((GOLDENS / "goldens.json").read_text())
    expected = np.load(GOLDENS / "logits.npy")
    for compute in ("f32", *DISTANCE):
        model = support.model(support.SMOLLM2, compute=compute)
        got = [
            model.session().run("prefill", tokens=[c["prompt"]])["logits"][0]
            for c in cases
        ]
        far = [distance(a, b) for a, b in zip(got, expected, strict=False)]
        same = sum(
            int(a.argmax() == b.argmax()) for a, b in zip(got, expected, strict=False)
        )
        print(
            f"{compute}: median {np.median(far):.2g}, largest {max(far):.2g}, "
            f"same top {same}"
        )


if __name__ == "__main__":
    print_distances() if "--distances" in sys.argv else unittest.main()
