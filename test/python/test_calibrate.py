"""`trine calibrate` and static scales: measured once, merged to the byte, refused
where they are another model's.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import unittest

import numpy as np
import support
import trine
from trine import calibrate, windows

LLAMA = support.DATA / "tiny-llama"
TOKENS = np.arange(1, 241, dtype=np.int32) * 7 % 250
HIGH = np.arange(0, 90, dtype=np.int32) * 3 % 280


def path(name: str) -> pathlib.Path:
    return support.folder() / name


def measured(name: str, *tokens: pathlib.Path, threads=2, **draw) -> pathlib.Path:
    """As the command does it, with the model compiled once."""
    model = support.model(LLAMA, threads=threads, entries="forward", observe="absmax")
    chosen = windows.read(model, [], tokens, **draw)
    calibrate.write(path(name), calibrate.calibrate(model, chosen))
    return path(name)


def command(name: str, *arguments: str | pathlib.Path) -> pathlib.Path:
    done = support.run("trine", "calibrate", *arguments, "-o", path(name))
    assert done.returncode == 0, done.stderr
    return path(name)


class Calibration(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        np.save(path("a.npy"), TOKENS.reshape(4, 60))
        np.save(path("b.npy"), HIGH)
        cls.a = measured("a.json", path("a.npy"))
        cls.b = measured("b.json", path("b.npy"))

    def test_two_merged_are_one_over_both(self) -> None:
        tokens = ("--tokens", path("a.npy"), "--tokens", path("b.npy"))
        both = command("both.json", LLAMA, *tokens)
        merged = command("merged.json", "--merge", self.a, self.b)
        self.assertEqual(both.read_bytes(), merged.read_bytes())
        self.assertNotEqual(self.a.read_bytes(), merged.read_bytes())
        other_way = command("other.json", "--merge", self.b, self.a)
        self.assertEqual(other_way.read_bytes(), merged.read_bytes())
        self.assertEqual(json.loads(merged.read_text())["tokens"], 240 + 90)

    def test_runs_repeat(self) -> None:
        tokens = path("a.npy")
        first = measured("1.json", tokens, samples=2, seed=3, threads=1)
        again = measured("2.json", tokens, samples=2, seed=3)
        other = measured("3.json", tokens, samples=2, seed=4)
        self.assertEqual(first.read_bytes(), again.read_bytes())
        self.assertNotEqual(first.read_bytes(), other.read_bytes())
        self.assertEqual(json.loads(first.read_text())["tokens"], 120)

    def test_magnitudes(self) -> None:
        """Of windows one by one; layers of one input have seen the same."""
        nodes = json.loads(self.a.read_text())["nodes"]
        model = support.model(LLAMA, entries="forward", observe="absmax")
        one_by_one = [
            calibrate.calibrate(model, [row])["nodes"] for row in TOKENS.reshape(4, 60)
        ]
        for node, seen in nodes.items():
            each = [row[node]["amax"] for row in one_by_one]
            self.assertEqual(seen["amax"], max(each))
            self.assertGreater(min(each), 0)
        q, k = (nodes[f"layers.0.self_attn.{x}_proj"] for x in "qk")
        self.assertEqual(q, k)

    def test_what_does_not_fit_is_refused(self) -> None:
        good = json.loads(self.a.read_text())

        def change(**values) -> dict:
            return good | values

        node = "layers.0.mlp.gate_up"
        rest = {n: v for n, v in good["nodes"].items() if n != node}
        lost = change(extra=1)
        for data, what in (
            (lost, "unknown key 'extra'"),
            ({k: v for k, v in good.items() if k != "tokens"}, "tokens"),
            (change(schema="trine.calibration/2"), "schema trine.calibration/1"),
            (change(observer="entropy"), "unknown observer"),
            (change(model="0" * 64), "calibrate this model"),
            (change(nodes=rest), f"no node '{node}'"),
            (change(nodes=good["nodes"] | {"no.such": {"amax": 1.0}}), "'no.such'"),
            (change(nodes=rest | {node: {"amax": -1.0}}), "finite amax"),
            (change(nodes=rest | {node: {"amax": 1e39}}), "finite amax"),
            (change(nodes=rest | {node: {"amax": 1.0, "p": 2}}), "unknown key 'p'"),
            (change(nodes=[]), "expected an object"),
        ):
            with self.subTest(what=what):
                file = path("bad.json")
                file.write_text(json.dumps(data))
                done = support.run(
                    "trine-compile",
                    LLAMA,
                    "--quantize=FP8",
                    f"--calibration={file}",
                    "-o",
                    path("bad.trine"),
                )
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(what, done.stderr)
                self.assertFalse(path("bad.trine").exists())
                self.assertEqual(done.stderr.count("error:"), done.stderr.count(what))

    def test_merging_what_does_not_belong_together(self) -> None:
        good = json.loads(self.a.read_text())
        other = path("other-model.json")
        for change, what in (
            ({"model": "0" * 64}, "expected model"),
            ({"nodes": {}}, "is in one of it and"),
            ({"tokens": 0}, "'tokens': expected a count"),
            ({"schema": "x"}, "expected schema"),
        ):
            other.write_text(json.dumps(good | change))
            done = support.run(
                "trine", "calibrate", "--merge", self.a, other, "-o", path("x.json")
            )
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(what, done.stderr)

    def test_commands_that_say_too_little_or_too_much(self) -> None:
        for arguments, what in (
            ([LLAMA], "--text or --tokens"),
            ([LLAMA, "--merge", self.a], "no model or text"),
            ([LLAMA, "--tokens", path("a.npy"), "--samples=5"], "4 windows there are"),
        ):
            done = support.run("trine", "calibrate", *arguments, "-o", path("x.json"))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(what, done.stderr)

    def test_static_scales(self) -> None:
        """As good as dynamic ones on the text they were measured on; those of
        another text are others; without any it is refused."""
        exact = support.model(LLAMA).run("forward", tokens=TOKENS[None, :60])["logits"]

        def noise(**flags) -> float:
            model = support.model(LLAMA, target="reference", **flags)
            got = model.run("forward", tokens=TOKENS[None, :60])["logits"]
            return float(np.sqrt(((got - exact) ** 2).mean()))

        dynamic = noise(quantize="FP8_DYNAMIC")
        of_a = noise(quantize="FP8", calibration=str(self.a))
        self.assertLess(of_a, 1.2 * dynamic)
        self.assertGreater(of_a, 0.8 * dynamic)
        self.assertNotEqual(of_a, noise(quantize="FP8", calibration=str(self.b)))
        with self.assertRaises(trine.Error) as caught:
            trine.compile(LLAMA, path("x.trine"), quantize="FP8")
        self.assertEqual(caught.exception.code, 1)
        self.assertIn("trine calibrate", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
