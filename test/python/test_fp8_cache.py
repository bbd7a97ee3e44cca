"""The key/value cache in E4M3: attention on every path of the CPU against the
reference, and through a whole model.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import sys
import unittest

import ml_dtypes
import numpy as np
import support

sys.path.insert(0, str(support.ROOT / "test" / "reference"))
from plugin import Reference

LLAMA = support.DATA / "tiny-llama"
ROWS, NAMES = "tensor<?xi32>", 'graph.dims = ["B", "S"], graph.name ='


def module(query: str) -> str:
    """Attention of 4 heads of 64 on a cache of 2, as a decoder has it."""
    q, new = f"tensor<?x?x4x64x{query}>", "tensor<?x?x2x64xf32>"
    code, out = "tensor<?x?x2x64xf8E4M3FN>", "tensor<?x?x4x64xf32>"
    state = "tensor<?x384x2x64xf8E4M3FN>"
    return f"""
graph.state @k : {state}
graph.state @v : {state}
func.func @attend(%q: {q} {{{NAMES} "q"}}, %k: {new} {{{NAMES} "k"}},
                  %v: {new} {{{NAMES} "v"}}) -> ({out} {{graph.name = "result"}}) {{
  %past = graph.length %q : {q} -> {ROWS}
  %kc = graph.cast %k : {new} -> {code}
  %vc = graph.cast %v : {new} -> {code}
  %k0 = graph.cache @k like %q : {q} -> {state}
  %v0 = graph.cache @v like %q : {q} -> {state}
  %k1 = graph.append %kc to %k0 at %past : {code}, {ROWS} -> {state}
  %v1 = graph.append %vc to %v0 at %past : {code}, {ROWS} -> {state}
  %r = graph.attention %q, %k1, %v1 past %past causal scale 0.125
    : {q}, {state}, {state}, past {ROWS} -> {out}
  return %r : {out}
}}
"""


def steps(query: str):
    """Inputs of a prefill, of one that continues it, and of two decodes."""
    rng = np.random.default_rng(7)
    for length in (150, 67, 1, 1):
        q = rng.standard_normal((2, length, 4, 64)).astype(np.float32)
        k, v = rng.standard_normal((2, 2, length, 2, 64)).astype(np.float32) * 3
        v.reshape(-1)[:3] = 1000, -1000, 1e-4  # saturate, and vanish
        if query == "bf16":
            q = q.astype(ml_dtypes.bfloat16).view(np.uint16)
        yield {"q": q, "k": k, "v": v}


class Attention(unittest.TestCase):
    def differences(self, query: str, cpu: str, spoil=None) -> list[float]:
        source = support.folder() / f"cache-{query}.mlir"
        source.write_text(module(query))
        model = support.model(source, cpu=cpu)
        session, reference = model.session(batch=2), Reference(source)
        found = []
        for inputs in steps(query):
            want = reference.run("attend", inputs)["result"]
            if spoil:
                spoil(inputs)
            got = session.run("attend", **inputs)["result"]
            found.append(support.gap(got, want) / np.abs(want).max())
        return found

    def test_against_the_reference(self) -> None:
        """Of bf16 queries also probabilities are bf16: 2^-8."""
        for query, bound in (("f32", 3e-6), ("bf16", 2**-8)):
            for cpu in ("native", "x86-64-v4", "x86-64-v3"):
                with self.subTest(query=query, cpu=cpu):
                    self.assertLess(max(self.differences(query, cpu)), bound)

    def test_one_wrong_code_is_seen(self) -> None:
        def spoil(inputs: dict) -> None:
            inputs["v"][0, 0] *= 1.125  # another code of each element

        self.assertGreater(max(self.differences("f32", "native", spoil)), 1e-3)


class TinyLlama(unittest.TestCase):
    TOKENS = np.arange(1, 97, dtype=np.int32).reshape(2, 48) * 7 % 250

    def logits(self, model, first: int) -> np.ndarray:
        """Of the last token, after a prefill of `first` and decodes."""
        session = model.session(batch=2)
        got = session.run("prefill", tokens=self.TOKENS[:, :first])
        for i in range(first, self.TOKENS.shape[1]):
            got = session.run("decode", tokens=self.TOKENS[:, i : i + 1])
        return got["logits"]

    def test_model(self) -> None:
        reference = support.model(LLAMA, target="reference", kv="fp8")
        want = self.logits(reference, 48)
        exact = self.logits(support.model(LLAMA), 48)
        self.assertGreater(support.gap(want, exact), 1e-3 * np.abs(exact).max())
        for cpu in ("native", "x86-64-v3"):
            model = support.model(LLAMA, kv="fp8", cpu=cpu)
            for first in (48, 40):
                with self.subTest(cpu=cpu, first=first):
                    got = self.logits(model, first)
                    self.assertLess(support.gap(got, want), 1e-5 * np.abs(want).max())

    def test_the_cache_is_a_quarter(self) -> None:
        states = {
            kv: support.model(LLAMA, kv=kv).manifest["states"] for kv in ("f32", "fp8")
        }
        self.assertEqual({s["dtype"] for s in states["fp8"]}, {"f8e4m3fn"})
        self.assertEqual({s["dtype"] for s in states["f32"]}, {"f32"})


if __name__ == "__main__":
    unittest.main()
