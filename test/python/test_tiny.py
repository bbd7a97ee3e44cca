"""Tiny random checkpoints against transformers (goldens: test/oracle/tiny.py):
every part of the two architectures that the real models lack.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import concurrent.futures
import json
import pathlib
import shutil
import unittest

import numpy as np
import support
import trine

LLAMA, BERT = support.DATA / "tiny-llama", support.DATA / "tiny-bert"
RELATIVE = 1e-4  # of the largest magnitude


def differences(
    model, folder: pathlib.Path, entry: str, output: str, spoil=None
) -> list[str]:
    """Goldens of `output` that `entry` does not reproduce; `spoil` changes the
    inputs first."""
    arrays = np.load(folder / "goldens.npz")
    found = []
    for key in arrays.files:
        case, name = key.split(".")
        if name != output:
            continue
        inputs = {
            tensor.name: arrays[f"{case}.{tensor.name}"]
            for tensor in model.entries[entry].inputs
        }
        if spoil:
            spoil(inputs)
        got, want = model.run(entry, **inputs)[output], arrays[key]
        if (error := support.gap(got, want)) > RELATIVE * np.abs(want).max():
            found.append(f"{case}: {error:.2e} of {np.abs(want).max():.2e}")
    assert arrays.files
    return found


def steps(
    model, folder: pathlib.Path, case="two", wrong_token=None, wrong_past=None
) -> list[int]:
    """Tokens whose logits differ in a prefill of three and decodes; one token of the
    first row, or the past of one decode, can be another."""
    arrays = np.load(folder / "goldens.npz")
    tokens, want = arrays[f"{case}.tokens"].copy(), arrays[f"{case}.logits"]
    if wrong_token is not None:
        tokens[0, wrong_token] ^= 1
    session, found = model.session(batch=len(tokens)), []
    for step in range(2, tokens.shape[1]):
        if step == wrong_past:
            session.truncate(step - 1)
        entry, start = ("decode", step) if step > 2 else ("prefill", 0)
        got = session.run(entry, tokens=tokens[:, start : step + 1])["logits"]
        if support.gap(got, want[:, step]) > RELATIVE * np.abs(want).max():
            found.append(step)
    return found


class TinyLlama(unittest.TestCase):
    def test_forward(self):
        model = support.model(LLAMA)
        self.assertEqual(differences(model, LLAMA, "forward", "logits"), [])

    def test_decode(self):
        self.assertEqual(steps(support.model(LLAMA), LLAMA), [])

    def test_corrupted_decode_is_seen(self):
        model = support.model(LLAMA)
        self.assertIn(4, steps(model, LLAMA, wrong_token=4))
        self.assertIn(4, steps(model, LLAMA, wrong_past=4))
        self.assertNotEqual(steps(support.corrupted(LLAMA, "norm"), LLAMA), [])

    def test_corrupted_weights_are_seen(self):
        for part in ("norm", "q", "down"):
            with self.subTest(part=part):
                bad = support.corrupted(LLAMA, part)
                self.assertNotEqual(differences(bad, LLAMA, "forward", "logits"), [])

    def test_older_configuration(self):
        """rope_theta and rope_scaling, torch_dtype: what transformers 4 wrote."""
        copy = support.folder() / "older-llama"
        shutil.copytree(LLAMA, copy)
        config = json.loads((copy / "config.json").read_text())
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = rope
        config["torch_dtype"] = config.pop("dtype")
        (copy / "config.json").write_text(json.dumps(config))
        model = support.model(copy)
        self.assertEqual(differences(model, LLAMA, "forward", "logits"), [])
        rope["factor"] = 4.0
        (copy / "config.json").write_text(json.dumps(config))
        trine.compile(copy, copy / "m.trine")
        changed = trine.load(copy / "m.trine")
        self.assertNotEqual(differences(changed, LLAMA, "forward", "logits"), [])

    def test_text(self):
        model = support.model(LLAMA)
        self.assertEqual(model.tokenize("<s>the"), [256, 260])
        self.assertEqual(model.detokenize([256, 260]), "<s>the")
        self.assertEqual(model.encode_prompt("the"), [256, 260])
        chat = model.detokenize(model.encode_prompt("hi", chat=True))
        self.assertEqual(chat, "<s>user: hi</s><s>assistant: ")

    def test_generation_ends_where_the_sequence_is_full(self):
        model = support.model(LLAMA, max_sequence=16)
        ids = [1, 2, 3, 4]
        tokens = model.generate_tokens(ids, max_tokens=100)
        full = len(tokens) == 16 - len(ids) + 1
        self.assertTrue(full or tokens[-1] in model.eos)
        with self.assertRaises(trine.Error) as raised:
            model.generate_tokens([1] * 17, max_tokens=1)
        self.assertEqual(raised.exception.code, 1)

    def test_threads_share_a_model(self):
        model = support.model(LLAMA)

        def work(seed: int) -> tuple[list[int], bytes]:
            ids = [seed, 2, 3]
            tokens = model.generate_tokens(ids, 12)
            return tokens, model.run("forward", tokens=[ids])["logits"].tobytes()

        alone = [work(seed) for seed in range(8)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual(list(pool.map(work, range(8))), alone)


class TinyBert(unittest.TestCase):
    def test_hidden(self):
        model = support.model(BERT)
        self.assertEqual(differences(model, BERT, "encode", "hidden"), [])

    def test_cls_pooling(self):
        model = support.model(BERT)
        self.assertEqual(differences(model, BERT, "embed", "embedding"), [])

    def test_corrupted_weight_is_seen(self):
        bad = support.corrupted(BERT, "orm")
        self.assertNotEqual(differences(bad, BERT, "encode", "hidden"), [])
        self.assertNotEqual(differences(bad, BERT, "embed", "embedding"), [])

    def test_corrupted_token_or_mask_is_seen(self):
        def token(inputs):
            inputs["tokens"][0, 0] ^= 1

        def bit(inputs):
            inputs["mask"][0, -1] ^= 1

        model = support.model(BERT)
        for spoil in (token, bit):
            for entry, output in (("encode", "hidden"), ("embed", "embedding")):
                with self.subTest(spoil.__name__, entry=entry):
                    wrong = differences(model, BERT, entry, output, spoil)
                    self.assertNotEqual(wrong, [])

    def test_long_text_is_cut(self):
        model = support.model(BERT)
        got = model.embed(["the cat " * 40, "the cat " * 7])
        np.testing.assert_array_equal(got[0], got[1])


class BadInput(unittest.TestCase):
    """Each is refused with a message that names the thing, and changes nothing."""

    def refused(self, code: int, words: str, call, *arguments, **options):
        with self.assertRaises(trine.Error) as raised:
            call(*arguments, **options)
        self.assertIn(words, str(raised.exception))
        self.assertEqual(raised.exception.code, code)

    def test_inputs(self):
        model = support.model(LLAMA)
        session = model.session()
        session.run("prefill", tokens=[[1, 2]])
        for words, entry, inputs in (
            ("no such entry", "prefil", {"tokens": [[1]]}),
            ("no input token", "prefill", {"token": [[1]]}),
            ("tokens", "prefill", {}),
            ("float64", "prefill", {"tokens": [[1.5]]}),
            ("i32", "prefill", {"tokens": [[2**31]]}),
            ("tokens", "prefill", {"tokens": [1, 2]}),
            ("tokens", "prefill", {"tokens": [[288]]}),
            ("tokens", "prefill", {"tokens": [[-1]]}),
            ("batch", "prefill", {"tokens": [[1], [2]]}),
            ("256", "prefill", {"tokens": [[1] * 255]}),
        ):
            with self.subTest(words=words, inputs=str(inputs)[:40]):
                self.refused(1, words, session.run, entry, **inputs)
                self.assertEqual(session.length, 2)

    def test_usage(self):
        model = support.model(LLAMA)
        self.refused(2, "session", model.run, "prefill", tokens=[[1]])
        self.refused(2, "temperature", model.generate, "a", temperature=-1)
        self.refused(2, "top_p", model.generate, "a", top_p=0)
        self.refused(2, "texts", model.embed, "one text")
        self.refused(2, "os.PathLike", trine.load, b"m.trine")
        self.refused(1, "none", model.generate_tokens, [])
        self.refused(1, "token", model.detokenize, [100000])

    def test_packages(self):
        missing = support.folder() / "missing.trine"
        self.refused(1, "missing.trine", trine.load, missing)
        damaged = support.folder() / "damaged.trine"
        whole = support.package(LLAMA).read_bytes()
        for name, content in (
            ("empty", b""),
            ("cut", whole[: len(whole) // 2]),
            ("changed", whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]),
        ):
            with self.subTest(name):
                damaged.write_bytes(content)
                self.refused(1, "damaged.trine", trine.load, damaged)
        good = support.package(LLAMA)
        self.refused(1, "nosuch", trine.load, good, device="nosuch")

    def test_compile(self):
        output = support.folder() / "never.trine"
        for source, code in ((support.folder() / "nothing", 1), (LLAMA, 2)):
            flags = {"no_such_flag": True} if code == 2 else {}
            self.refused(code, "", trine.compile, source, output, **flags)
            self.assertFalse(output.exists())


if __name__ == "__main__":
    unittest.main()
