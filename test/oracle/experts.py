"""Goldens of the operations on experts and groups, for ops.py.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy as np
import torch
import torch.nn.functional as F
from cases import ULP, Cases, double, ints, normal, spacing


def routes(cases: Cases) -> None:
    def chosen(scores, bias, top, groups, limit):
        choice = scores + bias
        if groups > 1:
            parts = choice.reshape(*choice.shape[:-1], groups, -1)
            best = parts.topk(2).values.sum(-1).topk(limit).indices
            closed = torch.ones(parts.shape[:-1], dtype=torch.bool)
            closed = closed.scatter(-1, best, False)
            choice = parts.masked_fill(closed[..., None], -torch.inf)
            choice = choice.reshape(scores.shape)
        return choice.topk(top).indices

    for name, scoring, experts, top, groups, limit, biased, normalized, scale in (
        ("route_softmax", "softmax", 8, 2, 1, 1, False, True, 1.0),
        ("route_plain", "softmax", 11, 3, 1, 1, False, False, 0.5),
        ("route_groups", "sigmoid", 24, 4, 4, 2, True, True, 2.5),
    ):
        x, b = normal(2, 5, experts), normal(experts, scale=0.5 * biased)
        scores = double(x)
        scores = scores.softmax(-1) if scoring == "softmax" else scores.sigmoid()
        indices = chosen(scores, double(b), top, groups, limit)
        weights = scores.gather(-1, indices)
        if normalized:
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        weights = (weights * scale).numpy()
        inputs = {"x": x, "b": b} if biased else {"x": x}
        words = "bias {b} " if biased else ""
        words += f"top {top} "
        words += f"groups {groups} limit {limit} " if groups > 1 else ""
        words += "normalize " if normalized else ""
        words += f"{{{{scale = {scale}}}}} : {{x:t}}"
        words += ", {b:t}" if biased else ""
        kinds = f"tensor<?x?x{top}xi32>, tensor<?x?x{top}xf32>"
        body = f"graph.route {scoring} {{x}} {words} -> {kinds}"
        cases.add(
            name + "_indices",
            "%r, %w = " + body,
            inputs,
            indices.numpy(),
            0,
            2,
            np.int32,
        )
        bound = 4e-6 * weights.max(-1, keepdims=True)
        cases.add(name, "%i, %r = " + body, inputs, weights, bound, 2)


def experts(cases: Cases) -> None:
    """Expert 3 is chosen by nobody; 0 by each."""
    count, inner, columns = 5, 24, 20
    i = np.stack([np.zeros((2, 3)), ints(1, 3, 2, 3), np.full((2, 3), 4)], -1)
    i = i.astype(np.int32)
    x = normal(2, 3, inner)
    g, u = (normal(count, columns, inner, scale=0.3) for _ in range(2))
    gate, up = (np.einsum("bsk,bsjnk->bsjn", x, w[i], dtype=float) for w in (g, u))
    sizes = [
        np.einsum("bsk,bsjnk->bsjn", np.abs(x), np.abs(w[i]), dtype=float)
        for w in (g, u)
    ]
    slips = [2 * np.sqrt(inner) * ULP * size for size in sizes]
    active = F.silu(double(gate)).numpy()
    bound = (1.13 * slips[0] + spacing(gate)) * np.abs(up)
    bound += np.abs(active) * slips[1] + spacing(active * up)
    cases.add(
        "expert_gated",
        "graph.expert_gated silu {x}, {i}, {eg}, {eu} : {x:t}, {i:t}, {eg:t}, {eu:t}"
        " -> {r:t}",
        {"x": x, "i": i, "eg": g, "eu": u},
        active * up,
        bound,
        2,
    )
    x, f, w = normal(2, 3, 3, columns), normal(2, 3, 3), normal(count, 17, columns)
    each = np.einsum("bsjk,bsjnk->bsjn", x, w[i], dtype=float)
    size = np.einsum("bsjk,bsjnk->bsjn", np.abs(x), np.abs(w[i]), dtype=float)
    slip = 2 * np.sqrt(columns) * ULP * size + 4 * ULP * np.abs(each)
    cases.add(
        "expert_linear",
        "graph.expert_linear {x}, {i}, {f}, {ew} : {x:t}, {i:t}, {f:t}, {ew:t}"
        " -> {r:t}",
        {"x": x, "i": i, "f": f, "ew": w},
        (each * f[..., None].astype(float)).sum(-2),
        (slip * np.abs(f[..., None])).sum(-2) + 1e-30,
        2,
    )


def groups(cases: Cases) -> None:
    x, w = normal(2, 3, 4, 24), normal(4, 70, 24)
    product = np.einsum("bsgk,gnk->bsgn", x, w, dtype=float)
    size = np.einsum("bsgk,gnk->bsgn", np.abs(x), np.abs(w), dtype=float)
    bound = 2 * np.sqrt(24) * ULP * size
    body = "graph.grouped_linear {x}, {ew} : {x:t}, {ew:t} -> {r:t}"
    cases.add("grouped_linear", body, {"x": x, "ew": w}, product, bound, 2)
    turned = np.ascontiguousarray(w.swapaxes(1, 2))
    body = "graph.grouped_linear {x}, {ew} transposed : {x:t}, {ew:t} -> {r:t}"
    cases.add("grouped_linear_t", body, {"x": x, "ew": turned}, product, bound, 2)
