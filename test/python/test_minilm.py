"""all-MiniLM-L6-v2 against transformers (goldens: test/oracle/minilm.py).

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import unittest

import numpy as np
import support

COSINE = 0.999999


def distant(vectors: np.ndarray, golden: np.ndarray) -> list[str]:
    """Rows that are not the golden's, or not of length 1."""
    found = []
    rows = zip(vectors.astype(np.float64), golden.astype(np.float64), strict=True)
    for index, (got, want) in enumerate(rows):
        norm = np.linalg.norm(got)
        cosine = got @ want / norm / np.linalg.norm(want)
        if not (cosine >= COSINE and abs(norm - 1) < 1e-5):
            found.append(f"sentence {index}: cosine {cosine:.8f}, norm {norm:.6f}")
    return found


@support.needs_models
class MiniLM(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.model(support.MINILM)
        folder = support.DATA / "minilm"
        rows = json.loads((folder / "sentences.json").read_text())
        cls.texts = [row["text"] for row in rows]
        cls.tokens = [row["tokens"] for row in rows]
        cls.golden = np.load(folder / "embeddings.npy")

    def test_tokens(self):
        self.assertEqual(self.model.text.sequences(self.texts, 256), self.tokens)

    def test_batch(self):
        self.assertEqual(distant(self.model.embed(self.texts), self.golden), [])

    def test_single(self):
        vectors = [self.model.embed([text])[0] for text in self.texts]
        self.assertEqual(distant(np.stack(vectors), self.golden), [])

    def test_one_mask_bit_is_seen(self):
        chosen = [2, 6, 13]
        tokens, lengths = support.padded([self.tokens[i] for i in chosen])
        mask = (np.arange(tokens.shape[1]) < lengths[:, None]).astype(np.int32)
        got = self.model.run("embed", tokens=tokens, mask=mask)["embedding"]
        self.assertEqual(distant(got, self.golden[chosen]), [])
        mask[1, 3] = 0
        got = self.model.run("embed", tokens=tokens, mask=mask)["embedding"]
        self.assertEqual(len(distant(got, self.golden[chosen])), 1)

    def test_one_corrupted_weight_is_seen(self):
        bad = support.corrupted(support.MINILM, "orm")
        self.assertNotEqual(distant(bad.embed(self.texts), self.golden), [])

    def test_no_text(self):
        self.assertEqual(self.model.embed([]).shape, (0, 384))

    def test_hidden_pools_to_the_embedding(self):
        ids = self.tokens[2]
        hidden = self.model.run("encode", tokens=[ids], mask=[[1] * len(ids)])
        mean = hidden["hidden"][0].mean(0)
        self.assertEqual(
            distant((mean / np.linalg.norm(mean))[None], self.golden[2:3]), []
        )


if __name__ == "__main__":
    unittest.main()
