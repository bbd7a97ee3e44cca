"""Tiny random Qwens against transformers and tokenizers (test/oracle/qwen.py),
from Hugging Face's files and as GGUF.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import json
import pathlib
import subprocess
import sys
import unittest

import support
from test_tiny import differences, steps

QWEN2, QWEN3 = support.DATA / "tiny-qwen2", support.DATA / "tiny-qwen3"
FULL = QWEN2 / "full"  # goldens without the window, which GGUF cannot say
CONVERT = support.ROOT / "test" / "import" / "Inputs" / "convert_gguf.py"


@functools.cache
def gguf(source: pathlib.Path) -> pathlib.Path:
    path = support.folder() / f"{source.name}.gguf"
    subprocess.run([sys.executable, CONVERT, source, path], check=True)
    return path


class Qwen(unittest.TestCase):
    def agrees(self, source: pathlib.Path, goldens: pathlib.Path) -> None:
        model = support.model(source)
        self.assertEqual(differences(model, goldens, "forward", "logits"), [])
        for case in ("two", "long"):
            self.assertEqual(steps(model, goldens, case), [])

    def test_folders(self):
        for folder in (QWEN2, QWEN3):
            with self.subTest(folder.name):
                self.agrees(folder, folder)

    def test_gguf(self):
        for folder, goldens in ((QWEN2, FULL), (QWEN3, QWEN3)):
            with self.subTest(folder.name):
                self.agrees(gguf(folder), goldens)

    def test_corrupted_weights_are_seen(self):
        for folder, parts in (
            (QWEN2, ("q_proj.bias", "k_proj.bias", "v_proj.bias")),
            (QWEN3, ("q_norm", "k_norm")),
        ):
            for part in parts:
                with self.subTest(folder=folder.name, part=part):
                    bad = support.corrupted(folder, part)
                    wrong = differences(bad, folder, "forward", "logits")
                    self.assertNotEqual(wrong, [])
                    self.assertNotEqual(steps(bad, folder), [])

    def test_window_is_seen(self):
        """A negative control: the file without the window is another model."""
        model = support.model(gguf(QWEN2))
        self.assertNotEqual(differences(model, QWEN2, "forward", "logits"), [])

    def test_text(self):
        for source in (QWEN2, gguf(QWEN2)):
            model = support.model(source)
            texts = json.loads((QWEN2 / "text.json").read_text())
            for text, ids in texts.items():
                with self.subTest(source=source.name, text=text):
                    self.assertEqual(model.tokenize(text), ids)
                    self.assertEqual(model.encode_prompt(text), ids)
            self.assertEqual(model.eos, {258})

    def test_chat(self):
        model = support.model(QWEN2)
        chat = model.detokenize(model.encode_prompt("hi", chat=True))
        want = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
        self.assertEqual(chat, want)


if __name__ == "__main__":
    unittest.main()
