"""The command `trine`: output, JSON, exit codes.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import subprocess
import sys
import unittest

import numpy as np
import support
import trine

LLAMA, BERT = support.DATA / "tiny-llama", support.DATA / "tiny-bert"


class Command(unittest.TestCase):
    def trine(self, *arguments, code: int = 0):
        done = support.run("trine", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertIn("error: ", done.stderr)
            self.assertEqual(done.stdout, "")
        return done

    def test_generate(self):
        package = support.package(LLAMA)
        options = ["--prompt", "the cat", "--max-tokens=9"]
        plain = self.trine("generate", package, *options).stdout
        report = json.loads(self.trine("generate", package, *options, "--json").stdout)
        self.assertEqual(report["schema"], "trine.generate/1")
        self.assertEqual(plain, report["text"] + "\n")
        model = support.model(LLAMA)
        ids = model.encode_prompt("the cat")
        self.assertEqual(report["prompt_tokens"], len(ids))
        self.assertEqual(report["tokens"], model.generate_tokens(ids, max_tokens=9))
        self.assertGreater(report["prefill_seconds"], 0)
        self.assertGreater(report["decode_tokens_per_second"], 0)

    def test_generate_from_tokens(self):
        file = support.folder() / "ids.npy"
        np.save(file, np.array([[1, 2, 3]]))
        package = support.package(LLAMA)
        done = self.trine("generate", package, "--tokens", file, "--json")
        self.assertEqual(json.loads(done.stdout)["prompt_tokens"], 3)

    def test_embed(self):
        output = support.folder() / "vectors.npy"
        texts = ["the cat sat", "a red dog"]
        self.trine("embed", support.package(BERT), "--text", *texts, "-o", output)
        want = support.model(BERT).embed(texts)
        np.testing.assert_array_equal(np.load(output), want)

    def test_pass_through(self):
        done = self.trine("inspect", support.package(BERT), "--json")
        self.assertIn("format_version", json.loads(done.stdout))
        self.trine("run", support.folder() / "missing.trine", code=1)

    def test_exit_codes(self):
        package, missing = support.package(LLAMA), support.folder() / "missing"
        self.trine("generate", missing, "--prompt", "a", code=1)
        self.trine("generate", package, code=2)
        self.trine("generate", package, "--prompt", "a", "--top-p=2", code=2)
        self.trine("generate", package, "--tokens", missing, code=1)
        self.trine("generate", package, "--prompt", "a", "--device=nosuch", code=1)
        nowhere = missing / "vectors.npy"
        bert = support.package(BERT)
        self.trine("embed", bert, "--text", "a", "-o", nowhere, code=1)
        self.trine("embed", package, "--text", "a", "-o", nowhere, code=1)

    def test_missing_modules(self):
        path = str(pathlib.Path(trine.__file__).parents[1])
        for module in ("numpy", "tokenizers", "jinja2"):
            hidden = f"import sys, runpy; sys.modules[{module!r}] = None\n"
            hidden += f"sys.path.insert(0, {path!r})\n"
            hidden += "runpy.run_module('trine', run_name='__main__', alter_sys=True)"
            command = [sys.executable, "-c", hidden]
            arguments = ["embed", "m.trine", "--text=a", "-o", "v.npy"]
            done = subprocess.run(
                [*command, *arguments], capture_output=True, text=True
            )
            self.assertEqual(done.returncode, 5, done.stderr)
            want = f"the Python module '{module}' is missing; pip install numpy"
            self.assertIn(want, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            # What needs no arrays still works.
            version = [*command, "inspect", "--version"]
            done = subprocess.run(version, capture_output=True)
            self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
