"""The benchmark's machinery, without its times: the page, a worker, the bars.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import trine

BENCHMARK = pathlib.Path(__file__).resolve().parents[1] / "benchmark"
sys.path.insert(0, str(BENCHMARK))

import bars  # noqa: E402
import page  # noqa: E402
import tiny  # noqa: E402
import works  # noqa: E402

WORK = works.encoders(False)[0]


def row(system, seconds, **more):
    times = {"best_seconds": seconds, "median_seconds": 2 * seconds}
    facts = {"version": "1", "threads": 1, "compute": "f32", "group": "encoders"}
    counts = {"flops": WORK.flops(), "bytes": WORK.bytes()}
    return {"work": WORK.name, "system": system} | facts | times | counts | more


class Recorder:
    """The part of a Run that bars speak to."""

    def __init__(self, ports):
        self.machine, self.bars = {"ports": ports}, []

    def bar(self, name, value, bar, **facts):
        line = {"name": name, "value": value, "bar": bar, "pass": value >= bar}
        self.bars.append(line | facts)


class Bars(unittest.TestCase):
    def test_class_of_the_machine_chooses_the_bar(self):
        for ports, expected in ((1, True), (2, False)):
            run = Recorder(ports)
            run.folder = pathlib.Path(tempfile.gettempdir())
            run.explain = lambda bar, arguments: bar.update(profile=[])
            rows = [
                row("trine", 1.0, package="p"),
                row("jax", 1.2),
                row("openvino", 1.1),
            ]
            bars.versus(run, WORK, 1, rows)
            self.assertAlmostEqual(run.bars[0]["value"], 1.1)
            self.assertEqual(run.bars[0]["rival"], "openvino")
            self.assertEqual(run.bars[0]["pass"], expected)
            self.assertEqual("profile" in run.bars[0], not expected)

    def test_a_precision_trine_lacks_is_a_missed_bar(self):
        run = Recorder(2)
        bars.versus(run, WORK, 1, [row("openvino", 1.0)])
        self.assertEqual([bar["pass"] for bar in run.bars], [False])

    def test_no_rival_no_bar(self):
        run = Recorder(2)
        bars.versus(run, WORK, 1, [row("trine", 1.0)])
        self.assertEqual(run.bars, [])


class Page(unittest.TestCase):
    def setUp(self):
        limits = {"f32_gflops": 240.0, "bf16_gflops": None, "stream_gbs": 30.0}
        refused = {"refused": "not <today>"}
        bar = {"name": "a / b", "value": 0.9, "bar": 1.2, "pass": False}
        kernels = [{"name": "k0", "family": "contraction", "seconds": 2e-3}]
        self.result = {
            "machine": {
                "model": "A",
                "class": "two-FMA AVX-512",
                "calibration": {1: limits},
            },
            "rows": [row("trine", 0.010), row("jax", 0.015), row("iree", 1) | refused],
            "bars": [bar | {"profile": kernels}],
        }

    def test_page_has_bars_ratios_roofline_and_refusals(self):
        html = page.html(self.result)
        for text in (
            "two-FMA AVX-512",
            "missed by 25 %",
            "1.50 × jax",
            "stream 30.0 GB/s",
            "not &lt;today&gt;",
            "2.00 ms",
        ):
            self.assertIn(text, html)
        self.assertEqual(html.count("<svg"), 2)
        self.assertNotIn("http", html)

    def test_table_says_by_how_much(self):
        text = page.text(self.result)
        self.assertIn("MISS a / b: 0.9 (bar 1.2, missed by 25 %)", text)
        self.assertIn("not <today>", text)


class Worker(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        model = tiny.llama(pathlib.Path(self.folder) / "llama", layers=1)
        self.package = os.path.join(self.folder, "llama.trine")
        trine.compile(str(model), self.package, quiet=True)

    def ask(self, *lines, **more):
        work = {
            "kind": "decode",
            "package": self.package,
            "threads": 1,
            "tokens": [[3, 1, 4, 1, 5]],
            "output": os.path.join(self.folder, "out.npy"),
        }
        done = subprocess.run(
            [sys.executable, BENCHMARK / "rivals" / "worker.py", "trine_cpu"],
            input="\n".join([json.dumps(work | more), *lines]),
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_first_output_then_as_many_times_as_asked(self):
        facts, three, one = self.ask("3", "1")
        self.assertGreater(facts["peak_bytes"], 0)
        self.assertEqual((len(three["seconds"]), len(one["seconds"])), (3, 1))
        got = numpy.load(os.path.join(self.folder, "out.npy"))
        model = trine.load(self.package, device="cpu")
        tokens = numpy.array([[3, 1, 4, 1, 5]], numpy.int32)
        expected = model.run("forward", tokens=tokens)["logits"][:, -1]
        numpy.testing.assert_allclose(got, expected, atol=1e-4)

    def test_what_it_cannot_do_is_an_answer(self):
        (answer,) = self.ask(package=os.path.join(self.folder, "none.trine"))
        self.assertIn("none.trine", answer["refused"])


if __name__ == "__main__":
    unittest.main()
