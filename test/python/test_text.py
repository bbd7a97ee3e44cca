"""Sampling, streaming and chat templates: no runtime, no model.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import unittest

import numpy as np
import support
import trine
from trine.sampling import Sampler
from trine.text import Text


def text(**info) -> Text:
    """The tiny Llama's: byte-level, so that any byte is a token."""
    source = support.DATA / "tiny-llama" / "tokenizer.json"
    return Text(source.read_bytes(), info)


class Sampling(unittest.TestCase):
    logits = np.log(np.float32([0.1, 0.4, 0.3, 0.2]))

    def draw(self, count: int = 4000, **options) -> np.ndarray:
        sampler = Sampler(**options)
        drawn = [sampler(self.logits) for _ in range(count)]
        return np.bincount(drawn, minlength=4) / count

    def test_greedy(self):
        self.assertEqual(Sampler()(self.logits), 1)
        self.assertEqual(Sampler()(np.float32([1, 3, 3])), 1)

    def test_distribution(self):
        np.testing.assert_allclose(
            self.draw(temperature=1.0), np.exp(self.logits), atol=0.03
        )

    def test_temperature(self):
        sharp = np.exp(2 * self.logits)
        np.testing.assert_allclose(
            self.draw(temperature=0.5), sharp / sharp.sum(), atol=0.03
        )

    def test_top_k(self):
        np.testing.assert_allclose(
            self.draw(temperature=1.0, top_k=2), [0, 4 / 7, 3 / 7, 0], atol=0.03
        )
        self.assertEqual(self.draw(temperature=1.0, top_k=1)[1], 1)

    def test_top_p(self):
        # 0.4 + 0.3 reaches 0.6; 0.4 alone reaches 0.4.
        frequencies = self.draw(temperature=1.0, top_p=0.6)
        np.testing.assert_allclose(frequencies, [0, 4 / 7, 3 / 7, 0], atol=0.03)
        self.assertEqual(self.draw(temperature=1.0, top_p=0.3)[1], 1)

    def test_seed(self):
        first, second, other = (
            [Sampler(1.0, seed=seed)(self.logits) for _ in range(1)]
            + [Sampler(1.0, seed=seed).random.random()]
            for seed in (5, 5, 6)
        )
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)

    def test_bad_options(self):
        for options in (
            {"temperature": -1},
            {"temperature": float("nan")},
            {"top_k": -1},
            {"top_p": 0},
            {"top_p": 1.5},
            {"seed": -1},
        ):
            with self.subTest(options), self.assertRaises(trine.Error) as raised:
                Sampler(**options)
            self.assertEqual(raised.exception.code, 2)


class Streaming(unittest.TestCase):
    def pieces(self, ids: list[int]) -> list[str]:
        stream = text().stream()
        return [*map(stream.push, ids), stream.finish()]

    def test_characters_come_whole(self):
        words = "the café 🚀 in 東京."
        ids = text().tokenize(words)
        pieces = self.pieces(ids)
        self.assertEqual("".join(pieces), words)
        self.assertIn("🚀", pieces)
        self.assertNotIn("\N{REPLACEMENT CHARACTER}", "".join(pieces))

    def test_an_unfinished_character_comes_last(self):
        pieces = self.pieces(text().tokenize("a🚀")[:-1])
        self.assertEqual(pieces[0], "a")
        self.assertEqual("".join(pieces[1:-1]), "")
        self.assertEqual(pieces[-1].strip("\N{REPLACEMENT CHARACTER}"), "")
        self.assertTrue(pieces[-1])

    def test_text_that_is_none(self):
        with self.assertRaisesRegex(trine.Error, "character 1 is no valid UTF-8"):
            text().tokenize("a\udcffb")
        with self.assertRaisesRegex(trine.Error, "expected a string, got int"):
            text().tokenize(7)

    def test_special_tokens_have_no_text(self):
        ids = text().tokenize("<s>the</s>")
        self.assertEqual(ids, [256, 260, 257])
        self.assertEqual("".join(self.pieces(ids)), "the")
        self.assertEqual(text().detokenize(ids), "<s>the</s>")


class Chat(unittest.TestCase):
    def render(self, template: str, messages="hi") -> str:
        made = text(chat_template=template, bos_token="<s>", eos_token="</s>")
        return made.detokenize(made.chat(messages))

    def test_names_a_template_may_use(self):
        self.assertEqual(
            self.render(
                "{{ bos_token }}{% for m in messages %}\n  {% if loop.index0 > 3 %}"
                "{% break %}{% endif %}{{ m['role'] }}={{ m | tojson }}{% endfor %}"
                "{% if add_generation_prompt %}>{% endif %}"
            ),
            '<s>user={"role": "user", "content": "hi"}>',
        )
        self.assertRegex(self.render("{{ strftime_now('%Y') }}"), r"^\d{4}$")

    def test_a_conversation(self):
        messages = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
        ]
        template = "{% for m in messages %}{{ m.role }}:{{ m.content }} {% endfor %}"
        self.assertEqual(self.render(template, messages), "user:a assistant:b ")

    def test_what_a_template_may_not_do(self):
        for template in (
            "{{ raise_exception('only two roles') }}",
            "{{ ''.__class__.__mro__ }}",
            "{{ messages.append(1) }}",
            "{% if %}",
        ):
            with self.subTest(template), self.assertRaises(trine.Error) as raised:
                self.render(template)
            self.assertEqual(raised.exception.code, 1)

    def test_no_template(self):
        with self.assertRaisesRegex(trine.Error, "no chat template"):
            text().chat("hi")


class Sequences(unittest.TestCase):
    def test_own_special_tokens_and_cut(self):
        self.assertEqual(text().sequences(["the", ""], 8), [[256, 260], [256]])
        self.assertEqual(len(text().sequences(["the " * 20], 8)[0]), 8)

    def test_prompt(self):
        self.assertEqual(text(bos=256, add_bos=True).prompt("the"), [256, 260])
        self.assertEqual(text(bos=256).prompt("the"), [260])


if __name__ == "__main__":
    unittest.main()
