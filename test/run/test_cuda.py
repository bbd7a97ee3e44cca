"""The CUDA kernels in the PTX simulator: every graph operation against the
reference, products and attention with NumPy. Models: test/python/test_cuda_models.py.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import pathlib
import re
import tempfile
import unittest

import numpy as np
import op_cases
import trine
from op_cases import decode, encode
from test_ops import difference, reference, source

DEVICE = "cuda:sim-sm_80"
SIZES = {"max_sequence": 150, "max_batch": 4}


@functools.cache
def folder() -> pathlib.Path:
    keep = tempfile.TemporaryDirectory(prefix="trine-cuda-")
    folder.keep = keep  # removed when the process ends
    return pathlib.Path(keep.name)


def compiled(source, name: str, target: str = "cuda", **options) -> trine.Model:
    package = folder() / f"{name}.{target}.trine"
    trine.compile(source, package, target=target, **{**SIZES, **options})
    return trine.load(package, device=DEVICE if target == "cuda" else "cpu")


def module(name: str, text: str, **options) -> trine.Model:
    path = folder() / f"{name}.mlir"
    limits = "graph.max_sequence = 1024 : i64, graph.max_batch = 512 : i64"
    path.write_text(f"module attributes {{{limits}}} {{\n{text}\n}}\n")
    return compiled(path, name, **options)


@functools.cache
def operations() -> trine.Model:
    return compiled(source(), "ops")


class Operations(unittest.TestCase):
    def test_against_the_reference(self) -> None:
        for case in op_cases.cases():
            for batch, length in ((1, 1), (2, 33)):
                inputs = case.inputs(batch, length)
                with self.subTest(case.name, length=length):
                    want = reference().run(case.name, inputs)["result"]
                    got = operations().run(case.name, **inputs)["result"]
                    self.assertEqual(difference(case, got, want, inputs), "")

    def test_corruption_is_seen(self) -> None:
        for name, key in (("matmul", "b"), ("attention_causal_bf16", "v")):
            case = next(c for c in op_cases.cases() if c.name == name)
            inputs = case.inputs(2, 33)
            want = reference().run(name, inputs)["result"]
            changed = {k: x.copy() for k, x in inputs.items()}
            changed[key].flat[5] = changed[key].flat[5] * 0 + 0x4123
            got = operations().run(name, **changed)["result"]
            self.assertNotEqual(difference(case, got, want, inputs), "")


def product(name, columns, depth, dtype, gated=False) -> str:
    x, w = f"tensor<?x{depth}x{dtype}>", f"tensor<{columns}x{depth}x{dtype}>"
    y = f"tensor<?x{columns}xf32>"
    body = f"linear %x, %w : {x}, {w} -> {y}"
    if gated:
        body = f"gated silu %x, %w, %w : {x}, {w}, {w} -> {y}"
    return (
        f'func.func @{name}(%x: {x} {{graph.name = "x", graph.dims = ["B"]}},\n'
        f'  %w: {w} {{graph.name = "w"}}, %r: {y} {{graph.name = "r",\n'
        f'  graph.dims = ["B"]}}) -> ({y} {{graph.name = "y"}}) {{\n'
        f"  %0 = graph.{body}\n  %1 = graph.add %r, %0 : {y}, {y} -> {y}\n"
        f"  return %1 : {y}\n}}\n"
    )


class Products(unittest.TestCase):
    """Every kernel of a contraction: few rows, blocks of 64 and of 128, ragged
    rows, columns and depths."""

    CASES = (
        ("wide", 16384, 40, "bf16", False, (130,)),
        ("gated", 16384, 32, "f16", True, (129,)),
        ("ragged", 300, 136, "bf16", False, (1, 3, 17, 100)),
        ("odd", 131, 64, "f16", False, (1, 16, 40)),
        ("gated_odd", 132, 72, "bf16", True, (2, 70)),
    )

    def test_products(self) -> None:
        text = "\n".join(product(*case[:5]) for case in self.CASES)
        model = module("products", text)
        random = np.random.default_rng(0)
        for name, columns, depth, dtype, gated, sizes in self.CASES:
            for rows in sizes:
                x = encode(random.normal(size=(rows, depth)), dtype)
                w = encode(random.normal(size=(columns, depth)), dtype)
                r = random.normal(size=(rows, columns)).astype(np.float32)
                got = model.run(name, x=x, w=w, r=r)["y"]
                left, right = decode(x, dtype), decode(w, dtype).T
                value, size = left @ right, np.abs(left) @ np.abs(right)
                if gated:
                    value, size = value / (1 + np.exp(-value)) * value, size**2
                bound = 4 * np.sqrt(depth) * 2**-24 * (size + np.abs(r))
                with self.subTest(name, rows=rows):
                    self.assertTrue((np.abs(got - value - r) <= bound).all())


def attention(heads, groups, depth, value, dtype, words) -> str:
    names = 'graph.dims = ["B", "S"], graph.name ='
    q, k, v = (
        f"tensor<?x?x{n}x{d}x{dtype}>"
        for n, d in ((heads, depth), (groups, depth), (groups, value))
    )
    sk, sv = k.replace("?x?", "?x640", 1), v.replace("?x?", "?x640", 1)
    rows, out = "tensor<?xi32>", f"tensor<?x?x{heads}x{value}xf32>"
    return f"""
graph.state @k : {sk}
graph.state @v : {sv}
func.func @f(%q: {q} {{{names} "q"}}, %k: {k} {{{names} "k"}},
             %v: {v} {{{names} "v"}}) -> ({out} {{graph.name = "y"}}) {{
  %past = graph.length %q : {q} -> {rows}
  %k0 = graph.cache @k like %q : {q} -> {sk}
  %v0 = graph.cache @v like %q : {q} -> {sv}
  %k1 = graph.append %k to %k0 at %past : {k}, {rows} -> {sk}
  %v1 = graph.append %v to %v0 at %past : {v}, {rows} -> {sv}
  %r = graph.attention %q, %k1, %v1 past %past {words}
    : {q}, {sk}, {sv}, past {rows} -> {out}
  return %r : {out}
}}"""


class Attention(unittest.TestCase):
    """A session: many queries, few by parts of the keys, across tiles."""

    def check(self, shape, dtype, words, steps) -> None:
        heads, groups, depth, value = shape
        model = module("attention", attention(*shape, dtype, words), max_sequence=640)
        session, random = model.session(batch=2), np.random.default_rng(0)
        held = {
            "k": np.zeros((2, 0, groups, depth)),
            "v": np.zeros((2, 0, groups, value)),
        }
        window = int((re.search(r"window (\d+)", words) or [0, 1 << 20])[1])
        for tokens in steps:
            past = held["k"].shape[1]
            sizes = {"q": (heads, depth), "k": (groups, depth), "v": (groups, value)}
            given = {
                name: encode(random.normal(size=(2, tokens, *size)), dtype)
                for name, size in sizes.items()
            }
            for name in held:
                new = decode(given[name], dtype)
                held[name] = np.concatenate([held[name], new], axis=1)
            k, v = (held[name].repeat(heads // groups, 2) for name in "kv")
            x = 0.125 * np.einsum("bshd,bthd->bhst", decode(given["q"], dtype), k)
            distance = past + np.arange(tokens)[:, None] - np.arange(k.shape[1])
            x = np.where((distance >= 0) & (distance < window), x, -np.inf)
            x = np.exp(x - x.max(-1, keepdims=True))
            want = np.einsum("bhst,bthd->bshd", x / x.sum(-1, keepdims=True), v)
            got = session.run("f", **given)["y"]
            with self.subTest(words, past=past, tokens=tokens):
                self.assertLess(np.abs(got - want).max(), 2**-9 * np.abs(v).max())

    def test_grouped(self) -> None:
        steps = (300, 1, 1, 5, 70, 4, 3)
        self.check((8, 2, 64, 64), "bf16", "causal scale 0.125", steps)

    def test_window(self) -> None:
        words = "causal scale 0.125 window 37"
        self.check((6, 2, 32, 48), "f16", words, (290, 1, 2, 33, 1))

    def test_latent(self) -> None:
        self.check((2, 1, 192, 128), "bf16", "causal scale 0.125", (70, 1, 3))


if __name__ == "__main__":
    unittest.main()
