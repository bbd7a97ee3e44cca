"""Goldens of every graph operation, computed in float64 by NumPy and torch: what
lib/Reference and the targets are compared with.

ops.mlir holds one public function a case. ops.npz holds `case/input`, `case/result`
and `case/bound`, the error each element of the result may have on a target (the
reference itself must be within one unit in the last place). bf16 is uint16 codes.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import sys

import experts
import ml_dtypes
import numpy as np
import ropes
import torch
import torch.nn.functional as F
from cases import (
    ULP,
    Cases,
    double,
    ints,
    normal,
    product_bound,
    row_bound,
    spacing,
)


def contractions(cases: Cases) -> None:
    for name, rows, inner, columns, dynamic in (
        ("linear", (2, 3), 40, 33, 2),
        ("linear_wide", (1, 1), 129, 70, 2),
        ("linear_flat", (9,), 17, 5, 1),
    ):
        x, w, b = normal(*rows, inner), normal(columns, inner), normal(columns)
        exact = F.linear(double(x), double(w)).numpy()
        inputs = {"x": x, "w": w}
        cases.add(
            name,
            "graph.linear {x}, {w} : {x:t}, {w:t} -> {r:t}",
            inputs,
            exact,
            product_bound(x, w.T),
            dynamic * (len(rows) > 1),
        )
        cases.add(
            name + "_bias",
            "graph.linear {x}, {w} bias {b} : {x:t}, {w:t}, {b:t} -> {r:t}",
            {**inputs, "b": b},
            exact + b,
            product_bound(x, w.T, b),
            dynamic * (len(rows) > 1),
        )
    x, g, u = normal(2, 5, 24), normal(40, 24, scale=0.3), normal(40, 24, scale=0.3)
    for kind, function in (
        ("silu", F.silu),
        ("gelu", F.gelu),
        ("gelu_tanh", lambda y: F.gelu(y, approximate="tanh")),
        ("relu", F.relu),
    ):
        gate, up = (F.linear(double(x), double(w)) for w in (g, u))
        active = function(gate)
        # The slope of every activation is below 1.13; 4 ulp of its own.
        gate_bound = 1.13 * product_bound(x, g.T) + spacing(gate.numpy())
        bound = gate_bound * up.abs().numpy()
        bound += active.abs().numpy() * product_bound(x, u.T)
        cases.add(
            f"gated_{kind}",
            f"graph.gated {kind} {{x}}, {{g}}, {{u}} : {{x:t}}, {{g:t}}, {{u:t}}"
            " -> {r:t}",
            {"x": x, "g": g, "u": u},
            (active * up).numpy(),
            bound + spacing((active * up).numpy()),
            2,
        )
    a, b = normal(2, 3, 5, 19), normal(2, 3, 19, 7)
    exact, bound = double(a) @ double(b), product_bound(a, b)
    body = "graph.matmul {a}, {b} : {a:t}, {b:t} -> {r:t}"
    cases.add("matmul", body, {"a": a, "b": b}, exact.numpy(), bound)
    body = "graph.matmul {a}, {b} transpose_b : {a:t}, {b:t} -> {r:t}"
    turned = np.ascontiguousarray(b.swapaxes(-1, -2))
    cases.add("matmul_t", body, {"a": a, "b": turned}, exact.numpy(), bound)


def attend(q, k, v, scale, past=None, mask=None, causal=False, cap=None, window=None):
    """float64 attention and the bound of its error on a target: the logits' error
    moves a probability p by p·(e^2δ - 1), the weighted sum adds its own."""
    batch, length, heads, width = q.shape
    group, keys = heads // k.shape[2], k.shape[1]
    q, k, v = (double(x).numpy().transpose(0, 2, 1, 3) for x in (q, k, v))
    k, v = (x.repeat(group, axis=1) for x in (k, v))
    logits = scale * q @ k.swapaxes(-1, -2)
    slip = 2 * np.sqrt(width) * ULP * scale * (np.abs(q) @ np.abs(k).swapaxes(-1, -2))
    if cap is not None:
        logits = cap * np.tanh(logits / cap)
    start = np.zeros(batch, int) if past is None else past
    place = start[:, None, None] + np.arange(length)[None, :, None]
    column = np.arange(keys)[None, None, :]
    limit = keys if past is None else (start + length)[:, None, None]
    allowed = np.broadcast_to(column < limit, (batch, length, keys)).copy()
    if causal:
        allowed &= column <= place
    if window is not None:
        allowed &= place - column < window
    if mask is not None:
        allowed &= mask[:, None, :] != 0
    allowed = np.broadcast_to(allowed[:, None], logits.shape)
    top = np.where(allowed, logits, -np.inf).max(-1, keepdims=True)
    weight = np.where(allowed, np.exp(logits - np.where(top > -np.inf, top, 0)), 0)
    total = weight.sum(-1, keepdims=True)
    share = weight / np.where(total > 0, total, 1)
    slip = np.where(allowed, slip, 0).max(-1, keepdims=True)
    spread = share @ np.abs(v)
    bound = (np.expm1(2 * slip) + 1e-6 + 2 * np.sqrt(keys) * ULP) * spread
    return (share @ v).transpose(0, 2, 1, 3), bound.transpose(0, 2, 1, 3)


def attentions(cases: Cases) -> None:
    def case(name, q, k, v, dynamic=2, **options):
        scale = options.pop("scale", 0.25)
        exact, bound = attend(q, k, v, scale, **options)
        inputs = {"q": q, "k": k, "v": v}
        words = types = ""
        for key, comma in (("past", ","), ("mask", "")):
            if options.get(key) is not None:
                inputs[key] = options[key].astype(np.int32)
                words += f" {key} {{{key}}}"
                types += f"{comma} {key} {{{key}:t}}"
        words += " causal" * bool(options.get("causal")) + f" scale {scale}"
        for key, word in (("cap", "softcap"), ("window", "window")):
            if options.get(key) is not None:
                words += f" {word} {options[key]}"
        body = (
            f"graph.attention {{q}}, {{k}}, {{v}}{words} "
            f": {{q:t}}, {{k:t}}, {{v:t}}{types} -> {{r:t}}"
        )
        cases.add(f"attention_{name}", body, inputs, exact, bound, dynamic)

    q, k, v = normal(2, 9, 4, 16), normal(2, 9, 2, 16), normal(2, 9, 2, 16)
    mask = np.ones((2, 9), np.int32)
    mask[0, 5:] = 0
    case("plain", q, k, v)
    case("causal", q, k, v, causal=True)
    case("mask", q, k, v, mask=mask)
    blind = mask.copy()
    blind[1] = 0
    case("mask_none", q, k, v, mask=blind)
    case("softcap", q, k, v, causal=True, cap=0.75)
    case("window", q, k, v, causal=True, window=3)
    case("scale", 3 * q, k, v, scale=0.4)
    case("one_head", normal(1, 5, 3, 8), normal(1, 5, 1, 8), normal(1, 5, 1, 8))
    case("value_width", q, k, normal(2, 9, 2, 24), causal=True)
    case("long", normal(1, 33, 2, 32), normal(1, 130, 2, 32), normal(1, 130, 2, 32))
    case(
        "past",
        normal(2, 3, 4, 16),
        normal(2, 40, 2, 16),
        normal(2, 40, 2, 16),
        past=np.array([0, 35]),
        causal=True,
    )
    case(
        "past_window",
        normal(2, 1, 4, 16),
        normal(2, 40, 2, 16),
        normal(2, 40, 2, 16),
        past=np.array([30, 4]),
        causal=True,
        window=7,
    )


def rope(cases: Cases) -> None:
    x, positions = normal(2, 5, 3, 16), ints(0, 90, 2, 5)
    for name, style, dims, theta, scaling in (
        ("half", "half", 16, 10000.0, None),
        ("interleaved", "interleaved", 16, 10000.0, None),
        ("partial", "half", 8, 100.0, None),
        ("linear", "half", 16, 10000.0, ropes.Scaling("linear", 4.0)),
        ("llama3", "half", 16, 5000.0, ropes.Scaling("llama3", 8.0, 1.0, 4.0, 32)),
        ("yarn", "half", 16, 10000.0, ropes.Scaling("yarn", 4.0, 1.0, 32.0, 64)),
    ):
        frequencies, attention = ropes.frequencies(theta, dims, scaling)
        exact = ropes.rotate(x, positions, frequencies, attention, style)
        suffix = f" scaling {scaling.mlir(attention)}" if scaling else ""
        cases.add(
            f"rope_{name}",
            f"graph.rope {style} {{x}}, {{p}} theta {theta} dims {dims}{suffix} "
            ": {x:t}, {p:t} -> {r:t}",
            {"x": x, "p": positions},
            exact,
            # Two products of magnitude |pair|; sin and cos good to 1 ulp.
            8 * ULP * np.abs(x).max(-1, keepdims=True) * attention,
            2,
        )


def normalizations(cases: Cases) -> None:
    x, w, b = normal(2, 4, 33), 1 + normal(33, scale=0.1), normal(33)
    x += 0.5
    dx, dw, db = double(x), double(w), double(b)
    for name, epsilon, offset in (("", 1e-5, 0.0), ("_offset", 1e-6, 1.0)):
        scaled = dx / torch.sqrt((dx * dx).mean(-1, keepdim=True) + epsilon)
        exact = (scaled * (dw + offset)).numpy()
        extra = f" {{{{offset = {offset} : f64}}}}" if offset else ""
        cases.add(
            "rms_norm" + name,
            f"graph.rms_norm {{x}}, {{w}} epsilon {epsilon:e}{extra}"
            " : {x:t}, {w:t} -> {r:t}",
            {"x": x, "w": w},
            exact,
            row_bound(exact),
            2,
        )
    exact = F.layer_norm(dx, (33,), dw, db, 1e-12).numpy()
    cases.add(
        "layer_norm",
        "graph.layer_norm {x}, {w}, {b} epsilon 1.0e-12 : {x:t}, {w:t}, {b:t} -> {r:t}",
        {"x": x, "w": w, "b": b},
        exact,
        row_bound(exact),
        2,
    )
    steep = 5 * x
    exact = torch.softmax(double(steep), -1).numpy()
    body = "graph.softmax {x} : {x:t}"
    cases.add("softmax", body, {"x": steep}, exact, row_bound(exact), 2)
    exact = F.normalize(dx, dim=-1).numpy()
    body = "graph.normalize {x} : {x:t}"
    cases.add("normalize", body, {"x": x}, exact, row_bound(exact), 2)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], np.int32)
    weight = double(mask)[..., None]
    means = ((dx * weight).sum(1) / weight.sum(1)).numpy()
    largest = np.where(mask[..., None] != 0, x, -np.inf).max(1)
    for kind, exact, bound in (
        ("mean", means, 4 * ULP * (np.abs(x) * mask[..., None]).sum(1)),
        ("max", largest, 0),
        ("cls", x[:, 0], 0),
    ):
        body = f"graph.pool {kind} {{x}}, {{m}} : {{x:t}}, {{m:t}} -> {{r:t}}"
        cases.add(f"pool_{kind}", body, {"x": x, "m": mask}, exact, bound, 2)


def elementwise(cases: Cases) -> None:
    x = np.concatenate([normal(2, 60, scale=3), np.float32([[0.0], [-0.0]])], axis=1)
    positive = np.abs(x) + np.float32(1e-3)
    for name, function, values, of_input in (
        ("neg", torch.neg, x, False),
        ("abs", torch.abs, x, False),
        ("sqrt", torch.sqrt, positive, False),
        ("rsqrt", torch.rsqrt, positive, False),
        ("exp", torch.exp, x, False),
        ("erf", torch.erf, x, False),
        ("tanh", torch.tanh, x, False),
        ("sigmoid", torch.sigmoid, x, False),
        ("silu", F.silu, x, False),
        ("relu", F.relu, x, False),
        # F.gelu's 1 + erf cancels even in float64.
        ("gelu", lambda v: 0.5 * v * torch.erfc(-v / 2**0.5), x, True),
        ("gelu_tanh", lambda v: F.gelu(v, approximate="tanh"), x, True),
    ):
        exact = function(double(values)).numpy()
        bound = spacing(values if of_input else exact)
        body = f"graph.{name} {{x}} : {{x:t}}"
        cases.add(name, body, {"x": values}, exact, bound, 1)
    functions = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "div": np.divide,
        "max": np.maximum,
        "min": np.minimum,
    }
    for name, function in functions.items():
        for suffix, left, right, dynamic in (
            ("", (2, 3, 9), (2, 3, 9), 2),
            ("_row", (2, 3, 9), (9,), 2),
            ("_column", (2, 3, 1), (1, 3, 9), 0),
        ):
            a, b = normal(*left), normal(*right)
            exact = function(a.astype(np.float64), b.astype(np.float64))
            body = f"graph.{name} {{a}}, {{b}} : {{a:t}}, {{b:t}} -> {{r:t}}"
            bound = spacing(exact, 1)
            cases.add(name + suffix, body, {"a": a, "b": b}, exact, bound, dynamic)


def casts(cases: Cases) -> None:
    bf16 = ml_dtypes.bfloat16
    edges = [0.0, -0.0, 1.0, 1.00390625, 1.01171875, -2.5, 3.4e38, 65519.0, 65520.0]
    edges += [6e-8, 1e-40, np.inf, -np.inf]
    x = np.concatenate([np.float32(edges), normal(51, scale=100)]).reshape(4, 16)
    numbers = np.float32([[0.9, -0.9, 2.5, -3.5, 3e9, -3e9, np.nan, 16777217.0]])
    whole = np.nan_to_num(np.trunc(numbers.astype(np.float64)), nan=0.0)
    whole = np.clip(whole, -(2**31), 2**31 - 1)
    integers = np.array([[0, -1, 16777217, 2**31 - 1, -(2**31), 16777219]], np.int32)
    with np.errstate(over="ignore"):
        half, short = x.astype(np.float16), x.astype(bf16)
    for name, source, exact, dtype in (
        ("f32_bf16", x, short, bf16),
        ("f32_f16", x, half, np.float16),
        ("bf16_f32", short, short.astype(np.float32), np.float32),
        ("f16_f32", half, half.astype(np.float32), np.float32),
        ("f32_i32", numbers, whole, np.int32),
        ("i32_f32", integers, integers.astype(np.float32), np.float32),
    ):
        body = "graph.cast {x} : {x:t} -> {r:t}"
        cases.add(f"cast_{name}", body, {"x": source}, exact, 0, dtype=dtype)


def movements(cases: Cases) -> None:
    table, indices = normal(11, 6), ints(0, 11, 2, 4)
    body = "graph.gather {t}, {i} : {t:t}, {i:t} -> {r:t}"
    cases.add("gather", body, {"t": table, "i": indices}, table[indices], 0)
    x, y = normal(2, 3, 4, 5), normal(2, 3, 2, 5)
    for name, text, exact in (
        ("transpose", "{x} by [0, 2, 1, 3]", x.swapaxes(1, 2)),
        ("slice", "{x} axis 2 start 1 size 2", x[:, :, 1:3]),
        ("reshape", "{x} to [0, -1, 10]", x.reshape(2, 6, 10)),
    ):
        body = f"graph.{name} {text} : {{x:t}} -> {{r:t}}"
        cases.add(name, body, {"x": x}, exact, 0)
    body = "graph.concat {x}, {y} axis 2 : {x:t}, {y:t} -> {r:t}"
    joined = np.concatenate([x, y], axis=2)
    cases.add("concat", body, {"x": x, "y": y}, joined, 0)
    rows, lengths = normal(3, 4, 6), np.array([1, 4, 2], np.int32)
    body = "graph.last_token {x} : {x:t} -> {r:t}"
    cases.add("last_token", body, {"x": rows}, rows[:, -1], 0, 2)
    body = "graph.last_token {x} lengths {n} : {x:t}, {n:t} -> {r:t}"
    last = rows[np.arange(3), lengths - 1]
    cases.add("last_token_lengths", body, {"x": rows, "n": lengths}, last, 0, 2)
    past = np.array([0, 7, 2], np.int32)
    places = (past[:, None] + np.arange(4)).astype(np.int32)
    body = "graph.positions {x} after {p} : {x:t}, {p:t} -> {r:t}"
    inputs = {"x": rows, "p": past}
    cases.add("positions", body, inputs, places, 0, 2, np.int32)


def main(folder: pathlib.Path) -> None:
    cases = Cases()
    for family in (
        contractions,
        attentions,
        rope,
        normalizations,
        elementwise,
        casts,
        movements,
        experts.routes,
        experts.experts,
        experts.groups,
    ):
        family(cases)
    cases.write(folder)
    print(len(cases.functions), "cases")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
