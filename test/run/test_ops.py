"""Every graph operation, CPU against the reference: dtypes, ragged widths, and
lengths around every vector and block size, up to the longest and one beyond.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import pathlib
import sys
import tempfile
import unittest

import numpy as np
import op_cases

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))
import trine
from plugin import Reference, Refused

LONGEST = 150
LENGTHS = (0, 1, 2, 7, 8, 9, 31, 32, 33, 127, 128, 129, LONGEST)
BATCHES = (1, 2, 0)
CAPACITY = 192

# The cache as a decoder uses it: append, then attend what is there.
ROWS, NAMES = "tensor<?xi32>", 'graph.dims = ["B", "S"], graph.name ='
OUT = "tensor<?x?x4x16xf32>"


def cache(name: str, dtype: str) -> str:
    query, new = f"tensor<?x?x4x16x{dtype}>", f"tensor<?x?x2x16x{dtype}>"
    state = f"tensor<?x{CAPACITY}x2x16x{dtype}>"
    return f"""
graph.state @{name}_k : {state}
graph.state @{name}_v : {state}
func.func @{name}(%q: {query} {{{NAMES} "q"}}, %k: {new} {{{NAMES} "k"}},
                 %v: {new} {{{NAMES} "v"}}) -> ({OUT} {{graph.name = "result"}}) {{
  %past = graph.length %q : {query} -> {ROWS}
  %k0 = graph.cache @{name}_k like %q : {query} -> {state}
  %v0 = graph.cache @{name}_v like %q : {query} -> {state}
  %k1 = graph.append %k to %k0 at %past : {new}, {ROWS} -> {state}
  %v1 = graph.append %v to %v0 at %past : {new}, {ROWS} -> {state}
  %r = graph.attention %q, %k1, %v1 past %past causal scale 0.25
    : {query}, {state}, {state}, past {ROWS} -> {OUT}
  return %r : {OUT}
}}
"""


def difference(case: op_cases.Case, got, want, inputs) -> str:
    """Why a result is wrong, "" if it is not."""
    if (got.shape, got.dtype) != (want.shape, want.dtype):
        return f"{got.dtype}{got.shape} for {want.dtype}{want.shape}"
    allowed = case.allowed(inputs, want)
    left, right = (op_cases.decode(x, case.dtype) for x in (got, want))
    with np.errstate(invalid="ignore"):
        good = (np.abs(left - right) <= allowed) | (left == right)
    good |= np.isnan(left) & np.isnan(right)
    if good.all():
        return ""
    at = tuple(int(i) for i in np.argwhere(~good)[0])
    return (
        f"{(~good).sum()} of {good.size} wrong, first {at}: {left[at]} for "
        f"{right[at]}, allowed {np.broadcast_to(allowed, good.shape)[at]}"
    )


@functools.cache
def folder() -> pathlib.Path:
    keep = tempfile.TemporaryDirectory(prefix="trine-ops-")
    folder.keep = keep  # removed when the process ends
    return pathlib.Path(keep.name)


@functools.cache
def source(word: str = "") -> pathlib.Path:
    """Of the cases whose names have `word`."""
    path = folder() / f"ops{word}.mlir"
    chosen = (case for case in op_cases.cases() if word in case.name)
    functions = "\n".join(case.function() for case in chosen)
    limits = f"graph.max_sequence = {LONGEST} : i64, graph.max_batch = 4 : i64"
    path.write_text(f"module attributes {{{limits}}} {{\n{functions}")
    with path.open("a") as file:
        file.write(cache("cache", "f32") + cache("cache_bf16", "bf16") + "}\n")
    return path


@functools.cache
def reference() -> Reference:
    return Reference(source())


# The two levels every package is for, and one with dot products of bf16:
# tools/dev/test --require's name of each, and what of it a machine may lack.
AVX512 = "avx512f avx512bw avx512dq avx512vl avx512cd"
LEVELS = {
    "x86-64-v4": ("avx512", AVX512),
    "x86-64-v3": ("avx2", "avx2 fma f16c bmi2"),
    "cooperlake": ("avx512bf16", AVX512 + " avx512_bf16"),
}
FLAGS = set(pathlib.Path("/proc/cpuinfo").read_text().split())
BEST = next((k for k, (_, flags) in LEVELS.items() if set(flags.split()) <= FLAGS), "")


def needs(cpu: str = "x86-64-v3"):
    feature, flags = LEVELS[cpu]
    lacking = " ".join(sorted(set(flags.split()) - FLAGS))
    return unittest.skipIf(lacking, f"requires {feature}: {cpu} without {lacking}")


@functools.cache
def model(cpu: str) -> trine.Model:
    package = folder() / f"{cpu}.trine"
    word = "bf16" if cpu == "cooperlake" else ""
    trine.compile(source(word), package, cpu=cpu, max_sequence=LONGEST, max_batch=4)
    return trine.load(package, threads=2)


class Operations(unittest.TestCase):
    def compare(self, cpu: str, case: op_cases.Case, batch: int, length: int) -> None:
        inputs = case.inputs(batch, length)
        want = reference().run(case.name, inputs)["result"]
        got = model(cpu).run(case.name, **inputs)["result"]
        where = f"{cpu}, B={batch}, S={length}"
        self.assertEqual(difference(case, got, want, inputs), "", where)

    def all_cases(self, cpu: str, word: str = "") -> None:
        for case in op_cases.cases():
            if word not in case.name:
                continue
            with self.subTest(case.name):
                for at, length in enumerate(LENGTHS):
                    if length or case.empty:
                        batch = BATCHES[at % len(BATCHES)]
                        self.compare(cpu, case, batch, length)

    @needs("x86-64-v3")
    def test_v3(self) -> None:
        self.all_cases("x86-64-v3")

    @needs("x86-64-v4")
    def test_v4(self) -> None:
        self.all_cases("x86-64-v4")

    @needs("cooperlake")
    def test_bf16_dots(self) -> None:
        self.all_cases("cooperlake", "bf16")

    @needs()
    def test_one_token_beyond_is_refused(self) -> None:
        for case in op_cases.cases():
            if not any("S" in x.dims for x in case.operands.values()):
                continue
            inputs = case.inputs(1, LONGEST + 1)
            with self.subTest(case.name):
                with self.assertRaises(Refused):
                    reference().run(case.name, inputs)
                with self.assertRaises(trine.Error) as refused:
                    model(BEST).run(case.name, **inputs)
                self.assertEqual(refused.exception.code, 1)

    @needs()
    def test_corruption_is_seen(self) -> None:
        """Negative control of every kind of comparison: one input element of the
        CPU's is another."""
        for name, key, move in (
            ("linear_33_40_f32", "w", 1e-3),
            ("matmul", "b", 1e-3),
            ("attention_causal", "v", 1e-3),
            ("attention_masked", "m", -1),
            ("tanh_f32_5", "x", None),
            ("rope_half", "p", 1),
            ("layer_norm_33", "b", 1e-4),
            ("softmax_33", "x", 1e-3),
            ("transpose", "x", 1e-3),
            ("cast_i32_f32", "x", 4096),
        ):
            case = next(c for c in op_cases.cases() if c.name == name)
            inputs = case.inputs(2, 9)
            want = reference().run(name, inputs)["result"]
            changed = {k: x.copy() for k, x in inputs.items()}
            at = np.abs(changed[key]).argmax()  # a mask bit that is set
            if move is None:
                at, move = np.abs(changed[key]).argmin(), 1e-3
            changed[key].flat[at] += move
            with self.subTest(name):
                got = model(BEST).run(name, **changed)["result"]
                self.assertNotEqual(difference(case, got, want, inputs), "")

    def cache(self, cpu: str, dtype: str = "f32", spoiled: int = -1) -> list[str]:
        """What is wrong at lengths 1, 2 … capacity in one session; one more token
        is refused. One key of piece `spoiled` is another on the CPU."""
        end = "" if dtype == "f32" else "_" + dtype
        bound = next(c for c in op_cases.cases() if c.name == "attention_plain" + end)
        random = np.random.default_rng(3)
        session, other = model(cpu).session(batch=2), Reference(source())
        empty = op_cases.encode(np.zeros((2, 0, 2, 16)), dtype)
        held = {key: empty for key in "kv"}
        wrong = []
        for at, tokens in enumerate((1, 1, 5, 1, 1, 22, 1, 1, 94, 1, 1, 1, 20)):
            inputs = {
                key: op_cases.encode(random.normal(size=(2, tokens, heads, 16)), dtype)
                for key, heads in {"q": 4, "k": 2, "v": 2}.items()
            }
            given = {key: x.copy() for key, x in inputs.items()}
            given["k"][0, 0, 0, 0] += at == spoiled
            want = other.run("cache" + end, inputs)["result"]
            got = session.run("cache" + end, **given)["result"]
            for key, past in held.items():
                held[key] = np.concatenate([past, inputs[key]], axis=1)
            if text := difference(bound, got, want, {**inputs, **held}):
                wrong.append(f"{held['k'].shape[1]} tokens: {text}")
        self.assertEqual(held["k"].shape[1], LONGEST)
        one = {key: x[:, :1] for key, x in inputs.items()}
        with self.assertRaises(Refused):
            other.run("cache" + end, one)
        with self.assertRaises(trine.Error) as refused:
            session.run("cache" + end, **one)
        self.assertEqual(refused.exception.code, 1)
        return wrong

    @needs("x86-64-v3")
    def test_cache_v3(self) -> None:
        self.assertEqual(self.cache("x86-64-v3"), [])
        self.assertEqual(self.cache("x86-64-v3", "bf16"), [])

    @needs("x86-64-v4")
    def test_cache_v4(self) -> None:
        self.assertEqual(self.cache("x86-64-v4"), [])
        self.assertEqual(self.cache("x86-64-v4", "bf16"), [])

    @needs("cooperlake")
    def test_cache_bf16_dots(self) -> None:
        self.assertEqual(self.cache("cooperlake", "bf16"), [])

    @needs()
    def test_corrupted_past_is_seen(self) -> None:
        """Also by the single tokens that come after."""
        self.assertGreater(len(self.cache(BEST, spoiled=2)), 5)


if __name__ == "__main__":
    unittest.main()
