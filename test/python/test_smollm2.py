"""SmolLM2-135M-Instruct against transformers on the same dequantized weights
(goldens: test/oracle/smollm2.py), and against itself in other pieces.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import unittest

import numpy as np
import support
import trine

LOGITS = 5e-4  # largest error: f32 in another order of summation
TIE = 1e-3  # the only excuse for another token
GOLDENS = support.DATA / "smollm2"


def goldens() -> list[dict]:
    return json.loads((GOLDENS / "goldens.json").read_text())


def greedy_differences(model: trine.Model, cases: list[dict]) -> list[str]:
    """Prompts whose greedy tokens differ; a near tie is printed instead."""
    found = []
    for index, case in enumerate(cases):
        want = case["tokens"]
        got = model.generate_tokens(case["prompt"], max_tokens=64)
        step = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), None)  # noqa: B905
        if step is None and len(got) == len(want):
            continue
        if step is not None and case["top2_gaps"][step] < TIE:
            close = case["top2_gaps"][step]
            print(f"prompt {index} step {step}: excused, top-2 gap {close:.2e}")
        else:
            found.append(f"prompt {index} step {step}")
    return found


def logit_differences(model: trine.Model, cases: list[dict]) -> list[str]:
    expected = np.load(GOLDENS / "logits.npy")
    found = []
    for index, (case, want) in enumerate(zip(cases, expected, strict=False)):
        got = model.session().run("prefill", tokens=[case["prompt"]])["logits"]
        if (error := support.gap(got[0], want)) > LOGITS:
            found.append(f"prompt {index}: {error:.2e}")
    return found


def changed(ids: list[int], at: int) -> list[int]:
    ids = list(ids)
    ids[at] += 1
    return ids


@support.needs_models
class SmolLM2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.model(support.SMOLLM2)
        cls.cases = goldens()
        cls.ids = cls.cases[8]["prompt"]

    def prefill(self, *pieces, entry="prefill") -> np.ndarray:
        session = self.model.session()
        for piece in pieces:
            result = session.run(entry, tokens=[piece])
        self.assertEqual(session.length, sum(map(len, pieces)))
        return result["logits"]

    def test_tokenizer_agrees(self):
        for case in self.cases:
            self.assertEqual(self.model.tokenize(case["text"]), case["prompt"])
            self.assertEqual(self.model.detokenize(case["prompt"]), case["text"])

    def test_chat_template_agrees(self):
        text = self.model.detokenize(self.model.encode_prompt("What is gravity?", True))
        self.assertEqual(text, self.cases[7]["text"])

    def test_greedy_tokens(self):
        self.assertEqual(greedy_differences(self.model, self.cases), [])

    def test_logits(self):
        self.assertEqual(logit_differences(self.model, self.cases), [])

    def test_one_corrupted_weight_is_seen(self):
        bad = support.corrupted(support.SMOLLM2, "norm")
        self.assertNotEqual(logit_differences(bad, self.cases[:3]), [])
        self.assertNotEqual(greedy_differences(bad, self.cases[:3]), [])

    def test_prefill_in_pieces(self):
        whole = self.prefill(self.ids)
        for cut in (1, 7, len(self.ids) // 2, len(self.ids) - 1):
            with self.subTest(cut=cut):
                pieces = self.prefill(self.ids[:cut], self.ids[cut:])
                self.assertLessEqual(support.gap(pieces, whole), LOGITS)
        skipped = self.prefill(self.ids[:7], self.ids[8:])
        self.assertGreater(support.gap(skipped, whole), LOGITS)

    def decoded(self, ids: list[int], past: int = 3) -> float:
        """Gap of the last three tokens decoded one by one, at `past` tokens before
        the end, to the prefill of all."""
        session = self.model.session()
        session.run("prefill", tokens=[ids[:-3]])
        session.truncate(len(ids) - past)
        for token in ids[-3:]:
            last = session.run("decode", tokens=[[token]])["logits"]
        return support.gap(last, self.prefill(self.ids))

    def test_prefill_then_decode(self):
        self.assertLessEqual(self.decoded(self.ids), LOGITS)

    def test_wrong_token_or_past_of_a_decode_is_seen(self):
        self.assertGreater(self.decoded(self.ids, past=4), LOGITS)
        for at in (0, -2):
            with self.subTest(at=at):
                self.assertGreater(self.decoded(changed(self.ids, at)), LOGITS)

    def forward(self, ids: list[int]) -> list[float]:
        """Gaps of logits of some tokens to prefills that end there."""
        logits = self.model.run("forward", tokens=[ids])["logits"]
        self.assertEqual(logits.shape, (1, len(ids), 49152))
        counts = (1, 9, len(self.ids))
        return [
            support.gap(logits[:, n - 1], self.prefill(self.ids[:n])) for n in counts
        ]

    def test_forward_agrees(self):
        self.assertLessEqual(max(self.forward(self.ids)), LOGITS)

    def test_wrong_token_of_a_forward_is_seen(self):
        """By what comes after it alone."""
        first, *later = self.forward(changed(self.ids, 3))
        self.assertLessEqual(first, LOGITS)
        self.assertGreater(min(later), LOGITS)

    def ragged(self, shift: int = 0) -> float:
        """Worst difference of ragged rows, and of a decode step after them,
        from each row alone; `shift` corrupts the lengths."""
        rows = [case["prompt"] for case in self.cases[:4]]
        tokens, lengths = support.padded(rows)
        session = self.model.session(batch=len(rows))
        lengths = np.maximum(lengths - shift, 1)
        got = [session.run("prefill", tokens=tokens, lengths=lengths)["logits"]]
        self.assertEqual(session.length, lengths.tolist())
        steps = np.full((len(rows), 1), 42)
        got.append(session.run("decode", tokens=steps)["logits"])
        worst = 0.0
        for index, row in enumerate(rows):
            for step, want in enumerate(
                [self.prefill(row), self.prefill(row, [42], entry="prefill")]
            ):
                error = support.gap(got[step][index], want[0])
                worst = max(worst, error)
        return worst

    def test_ragged_batch(self):
        self.assertLessEqual(self.ragged(), LOGITS)

    def test_ragged_batch_with_wrong_lengths_is_seen(self):
        self.assertGreater(self.ragged(shift=1), LOGITS)

    def test_truncate_and_reset(self):
        session = self.model.session()
        session.run("prefill", tokens=[self.ids])
        session.truncate(5)
        self.assertEqual(session.length, 5)
        again = session.run("prefill", tokens=[self.ids[5:]])["logits"]
        self.assertLessEqual(support.gap(again, self.prefill(self.ids)), LOGITS)
        session.reset()
        self.assertEqual(session.length, 0)
        fresh = session.run("prefill", tokens=[self.ids])["logits"]
        np.testing.assert_array_equal(fresh, self.prefill(self.ids))

    def test_threads_change_no_bit(self):
        single = support.model(support.SMOLLM2, threads=1).session()
        for ids in (self.ids, self.ids[:1]):
            single.reset()
            got = single.run("prefill", tokens=[ids])["logits"]
            np.testing.assert_array_equal(got, self.prefill(ids))

    def test_stream_is_the_text(self):
        case = self.cases[5]  # ends in the middle of an emoji
        pieces = list(self.model.generate(case["text"], max_tokens=64))
        text = self.model.text.decode(case["tokens"], special=False)
        self.assertEqual("".join(pieces), text)
        for piece in pieces[:-1]:
            self.assertNotIn("\N{REPLACEMENT CHARACTER}", piece)

    def test_sampling_repeats_by_seed(self):
        def sample(seed):
            options = {"temperature": 0.9, "top_k": 50, "top_p": 0.95, "seed": seed}
            return self.model.generate_tokens(self.ids[:4], 12, **options)

        self.assertEqual(sample(3), sample(3))
        self.assertNotEqual(sample(3), sample(4))


if __name__ == "__main__":
    unittest.main()
