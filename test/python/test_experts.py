"""Tiny mixtures of experts against transformers (goldens: test/oracle/tiny.py).

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import shutil
import unittest

import numpy as np
import support
from test_tiny import RELATIVE, differences

MIXTRAL = support.DATA / "tiny-mixtral"
DEEPSEEK = support.DATA / "tiny-deepseek"
PLAIN = support.DATA / "tiny-deepseek-plain"


def steps(model, folder: pathlib.Path) -> list[int]:
    """Tokens whose logits differ in a prefill of three tokens and decodes."""
    arrays = np.load(folder / "goldens.npz")
    tokens, want = arrays["two.tokens"], arrays["two.logits"]
    session, found = model.session(batch=len(tokens)), []
    for step in range(2, tokens.shape[1]):
        entry, start = ("decode", step) if step > 2 else ("prefill", 0)
        got = session.run(entry, tokens=tokens[:, start : step + 1])["logits"]
        if support.gap(got, want[:, step]) > RELATIVE * np.abs(want).max():
            found.append(step)
    return found


class Mixtral(unittest.TestCase):
    def test_forward(self):
        model = support.model(MIXTRAL)
        self.assertEqual(differences(model, MIXTRAL, "forward", "logits"), [])

    def test_decode(self):
        self.assertEqual(steps(support.model(MIXTRAL), MIXTRAL), [])

    def test_corrupted_weights_are_seen(self):
        for part in ("gate.weight", "w1", "w2", "w3"):
            with self.subTest(part=part):
                bad = support.corrupted(MIXTRAL, part)
                self.assertNotEqual(differences(bad, MIXTRAL, "forward", "logits"), [])


class Deepseek(unittest.TestCase):
    def test_forward(self):
        for folder in (DEEPSEEK, PLAIN):
            with self.subTest(folder.name):
                model = support.model(folder)
                self.assertEqual(differences(model, folder, "forward", "logits"), [])

    def test_decode(self):
        for folder in (DEEPSEEK, PLAIN):
            with self.subTest(folder.name):
                self.assertEqual(steps(support.model(folder), folder), [])

    def test_corrupted_weights_are_seen(self):
        for part in (
            "e_score_correction_bias",
            "kv_b_proj.weight.key",
            "kv_b_proj.weight.value",
            "kv_a_layernorm",
            "experts.up_proj",
            "shared_experts.down_proj",
        ):
            with self.subTest(part=part):
                bad = support.corrupted(DEEPSEEK, part)
                wrong = differences(bad, DEEPSEEK, "forward", "logits")
                self.assertNotEqual(wrong, [])

    def test_every_number_of_the_config_counts(self):
        for key, value in (
            ("mscale_all_dim", 1.0),
            ("mscale", 0.5),
            ("routed_scaling_factor", 1.0),
            ("norm_topk_prob", False),
            ("topk_group", 3),
            ("rope_interleave", False),
        ):
            with self.subTest(key):
                copy = support.folder() / f"deepseek-{key}"
                shutil.copytree(DEEPSEEK, copy)
                config = json.loads((copy / "config.json").read_text())
                (config if key in config else config["rope_parameters"])[key] = value
                (copy / "config.json").write_text(json.dumps(config))
                model = support.model(copy, entries="forward")
                wrong = differences(model, DEEPSEEK, "forward", "logits")
                self.assertNotEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
