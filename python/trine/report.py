"""What quantization costs, layer by layer and for the model as a whole.

Layers are judged alone: each gets what it gets in the baseline, and its output is
compared with what it would be without rounding. The model's figures are those of
the quantized package beside the baseline's, on the same windows of text.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import math
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import files, report_page, windows
from .compiler import compile
from .errors import USAGE, Error
from .model import Model, load

SCHEMA = "trine.quantize-report/1"
Sums = dict[str, np.ndarray]


def run(options) -> int:
    """`trine quantize-report`."""
    if not options.text and not options.tokens:
        raise Error("expected --text or --tokens", USAGE)
    flags = {"quantize": options.quantize, "calibration": options.calibration}
    try:
        os.makedirs(options.output, exist_ok=True)
    except OSError as error:
        raise Error(f"{options.output}: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix="trine-") as folder:
        base = _build(options, folder, "base")
        chosen = windows.read(
            base, options.text, options.tokens, options.samples, options.seed
        )

        def shown(what: str) -> Iterable[np.ndarray]:
            return windows.progress(chosen, what, len(chosen), options.quiet)

        # One of the two judges layers, and is gone before the other comes.
        judge = _build(options, folder, "error", observe="error", **flags)
        layers = layers_of(sums_of(judge, shown("layers")))
        del judge
        quantized = _build(options, folder, "quantized", **flags)
        figures = compare(base, quantized, shown("model"))
        figures["bytes"] = _bytes(folder, "quantized")
        figures["bytes_base"] = _bytes(folder, "base")
    report = {
        "schema": SCHEMA,
        "source": base.manifest["source"],
        "quantize": os.path.basename(options.quantize),
        "tokens": int(sum(window.size for window in chosen)),
        "windows": len(chosen),
        "layers": layers,
        "model": figures,
    }
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    files.write(os.path.join(options.output, "report.json"), text.encode())
    page = report_page.page(report)
    files.write(os.path.join(options.output, "index.html"), page.encode())
    return 0


def _build(options, folder: str, name: str, **flags) -> Model:
    path = os.path.join(folder, f"{name}.trine")
    compile(options.source, path, entries="forward", **flags)
    return load(path, threads=options.threads)


def _bytes(folder: str, name: str) -> int:
    return os.path.getsize(os.path.join(folder, f"{name}.trine"))


# Layers


def sums_of(judge: Model, chosen: Iterable[np.ndarray]) -> Sums:
    """Results by name, added up over the windows; weights' from their entry."""
    sums: Sums = {}
    if "weights" in judge.entries:
        sums = {k: v.astype(np.float64) for k, v in judge.run("weights").items()}
    for window in chosen:
        for name, value in judge.run("forward", tokens=window[None]).items():
            if name != "logits":
                sums[name] = sums.get(name, 0.0) + value.astype(np.float64)
    return sums


def layers_of(sums: Sums) -> list[dict[str, Any]]:
    """The layers, worst output first."""
    names = dict.fromkeys(name.split(".", 2)[2] for name in sums)
    rows = [_layer(name, sums) for name in names if f"compare.output.{name}" in sums]

    def rank(row: dict[str, Any]) -> float:
        value = row["output_sqnr_db"]
        return math.inf if value is None else value

    return sorted(rows, key=rank)


def _layer(name: str, sums: Sums) -> dict[str, Any]:
    def total(figure: str, parts: Sequence[str]) -> np.ndarray | None:
        found = [sums[k] for p in parts if (k := f"{figure}.{p}.{name}") in sums]
        return np.sum(found, axis=0) if found else None

    weights = ("weight", "gate", "up")
    output = sums[f"compare.output.{name}"]
    for part in ("input", *weights, "output"):
        if not np.isfinite(sums.get(f"compare.{part}.{name}", 0)).all():
            raise Error(f"{name}: its {part} is infinite or NaN somewhere")
    census = {
        "weight": total("census", weights),
        "input": total("census", ["input"]),
    }
    # What inputs lose depends on the text; weights speak where inputs are kept.
    counts = census["weight"] if census["input"] is None else census["input"]
    if counts is None:
        raise Error(f"{name}: nothing of this layer is quantized")
    norm = math.sqrt(output[0] * output[3])
    row = {
        "name": name,
        "weight_sqnr_db": sqnr(total("compare", weights)),
        "activation_sqnr_db": sqnr(total("compare", ["input"])),
        "output_sqnr_db": sqnr(output),
        "cosine": output[2] / norm if norm else None,
        "saturated": counts[1] / counts[0],
        "flushed": counts[2] / counts[0],
        "scale_histogram": {
            part: {str(b - 127): int(n) for b, n in enumerate(seen[3:]) if n}
            for part, seen in census.items()
            if seen is not None
        },
    }
    return row | {"advice": advice(row)}


def sqnr(sums: np.ndarray | None) -> float | None:
    """10 log10(signal / noise) in dB; None where there is no noise."""
    if sums is None or not sums[0] or not sums[1]:
        return None
    return 10 * math.log10(sums[0] / sums[1])


def advice(row: dict[str, Any]) -> str:
    """What the layer's figures suggest. E4M3 alone gives about 31.5 dB an operand
    and 28.5 dB an output of two (docs/design/fp8.md)."""
    weight, inputs = row["weight_sqnr_db"], row["activation_sqnr_db"]
    if row["saturated"] > 1e-4:
        return (
            "values beyond the largest code are cut off: take rule rceil, or "
            "calibrate on more text"
        )
    if row["flushed"] > 0.01:
        return (
            "small values become 0 beside outliers: take finer blocks, [1, 128] or "
            "[1, 32]"
        )
    if inputs is not None and inputs < min(weight or 31, 31) - 1:
        return "the input loses most: take finer input blocks, or keep it (W8A16)"
    if weight is not None and weight < 30.5:
        return "the weight loses most: take finer weight blocks, or rule rceil"
    output = row["output_sqnr_db"]
    if output is not None and output < 24:
        return (
            "terms cancel, so that ordinary rounding weighs more: keep the layer "
            "(keep: source) if the model's figures are not good enough"
        )
    return "as good as the format allows"


# The model


def compare(
    base: Model, quantized: Model, chosen: Iterable[np.ndarray]
) -> dict[str, Any]:
    """Perplexity, divergence of the next token's distribution (nats, baseline
    first), and speed (the windows' median: the first is slow), over the windows."""
    losses, counts, divergences, same = [], [], [], []
    speeds: tuple[list[float], list[float]] = ([], [])
    for window in chosen:
        logs = []
        for index, model in enumerate((base, quantized)):
            start = time.perf_counter()
            logits = model.run("forward", tokens=window[None])["logits"][0, :-1]
            speeds[index].append(window.size / (time.perf_counter() - start))
            if not np.isfinite(logits).all():
                which = ("baseline", "quantized model")[index]
                raise Error(f"logits of the {which} are infinite or NaN")
            logs.append(log_softmax(logits))
        targets = window[1:, None]
        counts.append(len(targets))
        losses.append([-np.take_along_axis(x, targets, 1).mean() for x in logs])
        divergences.append((np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1))
        same.append(logs[0].argmax(-1) == logs[1].argmax(-1))
    loss, weights = np.array(losses), np.array(counts)
    kl = np.concatenate(divergences)
    mean = np.average(loss, 0, weights)
    error, difference = (
        _standard_error(x, weights) for x in (loss[:, 1], loss[:, 1] - loss[:, 0])
    )
    perplexity, ratio = np.exp(mean[1]), np.exp(mean[1] - mean[0])
    return {
        "perplexity_base": float(np.exp(mean[0])),
        "perplexity": float(perplexity),
        "perplexity_se": None if error is None else float(perplexity * error),
        "ratio_se": None if difference is None else float(ratio * difference),
        "kl_mean": float(kl.mean()),
        "kl_p99": float(np.quantile(kl, 0.99)),
        "top1": float(np.concatenate(same).mean()),
        "tokens_per_second_base": float(np.median(speeds[0])),
        "tokens_per_second": float(np.median(speeds[1])),
    }


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def _standard_error(samples: np.ndarray, weights: np.ndarray) -> float | None:
    """Of the weighted mean over windows; None of one."""
    count = len(samples)
    if count < 2:
        return None
    off = weights * (samples - np.average(samples, weights=weights))
    return float(math.sqrt(count / (count - 1) * (off**2).sum()) / weights.sum())
