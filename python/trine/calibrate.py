"""What a model's layers see on a text, for static scales of their inputs.

A calibration is a JSON object: `schema` "trine.calibration/1", `model` the
source's SHA-256, `observer` "absmax", `tokens` seen, and `nodes`: for each layer
{"amax": the largest magnitude of its input}. Two merged are one over both texts,
byte for byte.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import math
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import files
from .compiler import compile
from .errors import Error
from .model import Model, load

SCHEMA, OBSERVERS = "trine.calibration/1", ("absmax",)
KEYS = {"schema", "model", "observer", "tokens", "nodes"}


def observing(source: str, folder: str, threads: int, observer: str) -> Model:
    """The model compiled so that `forward` returns what its layers see."""
    path = os.path.join(folder, "observe.trine")
    compile(source, path, entries="forward", observe=observer)
    return load(path, threads=threads)


def calibrate(model: Model, windows: Sequence[np.ndarray]) -> dict[str, Any]:
    """A calibration of the windows, each a sequence of its own."""
    amax: dict[str, np.float32] = {}
    tokens = 0
    for window in windows:
        for name, value in model.run("forward", tokens=window[None]).items():
            kind, _, node = name.partition(".")
            if kind != "observe":
                continue
            if not np.isfinite(value[0]):
                raise Error(f"{node}: the input of this layer becomes {value[0]}")
            amax[node] = max(amax.get(node, np.float32(0)), value[0])
        tokens += window.size
    nodes = {node: {"amax": float(value)} for node, value in amax.items()}
    return _made(model.manifest["source"]["sha256"], "absmax", tokens, nodes)


def merge(parts: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """One calibration over what each part has seen. `names` are for messages."""
    first = parts[0]
    nodes = {node: dict(seen) for node, seen in first["nodes"].items()}
    for part, name in zip(parts[1:], names[1:], strict=True):
        for key in ("model", "observer"):
            if part[key] != first[key]:
                raise Error(
                    f"{name}: expected {key} {first[key]} as {names[0]} has, "
                    f"got {part[key]}"
                )
        if part["nodes"].keys() != nodes.keys():
            odd = sorted(part["nodes"].keys() ^ nodes.keys())[0]
            raise Error(f"{name}: node {odd!r} is in one of it and {names[0]} only")
        for node, seen in part["nodes"].items():
            nodes[node]["amax"] = max(nodes[node]["amax"], seen["amax"])
    tokens = sum(part["tokens"] for part in parts)
    return _made(first["model"], first["observer"], tokens, nodes)


def read(path: str) -> dict[str, Any]:
    """A calibration file. Raises Error where it is none."""
    data = files.read_json(path)
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise Error(f"{path}: expected schema {SCHEMA}, got {schema!r}")
    for key in sorted(data.keys() ^ KEYS):
        what = "unknown" if key in data else "missing"
        known = ", ".join(sorted(KEYS))
        raise Error(f"{path}: {what} key {key!r}; expected {known}")
    if data["observer"] not in OBSERVERS:
        known = ", ".join(OBSERVERS)
        raise Error(f"{path}: unknown observer {data['observer']!r}; expected {known}")
    tokens = data["tokens"]
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
        raise Error(f"{path}: 'tokens': expected a count, got {tokens!r}")
    if not isinstance(data["nodes"], dict):
        raise Error(f"{path}: 'nodes': expected an object, got {data['nodes']!r}")
    for node, seen in data["nodes"].items():
        amax = seen.get("amax") if isinstance(seen, dict) else None
        good = isinstance(amax, float | int) and math.isfinite(amax) and amax >= 0
        if not good or len(seen) != 1:
            raise Error(
                f'{path}: node {node!r}: expected {{"amax": 0 or more}}, got {seen!r}'
            )
    return data


def write(path: str | os.PathLike[str], calibration: dict[str, Any]) -> None:
    text = json.dumps(calibration, indent=1, sort_keys=True) + "\n"
    files.write(path, text.encode())


def _made(model: str, observer: str, tokens: int, nodes: dict) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "model": model,
        "observer": observer,
        "tokens": tokens,
        "nodes": nodes,
    }


def command(options) -> int:
    """`trine calibrate`."""
    from . import windows
    from .errors import USAGE

    measured = bool(options.text or options.tokens)
    if options.merge:
        if options.source or measured:
            raise Error("--merge: takes calibrations alone, no model or text", USAGE)
        write(options.output, merge([read(f) for f in options.merge], options.merge))
        return 0
    if not options.source or not measured:
        raise Error("expected a model and --text or --tokens, or --merge", USAGE)
    with tempfile.TemporaryDirectory(prefix="trine-") as folder:
        model = observing(options.source, folder, options.threads, options.observer)
        chosen = windows.read(
            model, options.text, options.tokens, options.samples, options.seed
        )
        shown = windows.progress(chosen, "calibrate", len(chosen), options.quiet)
        write(options.output, calibrate(model, shown))
    return 0
