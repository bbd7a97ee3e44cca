"""What the tests share: models, packages compiled once, corrupted copies.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import atexit
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import numpy as np
import trine
from trine import locate

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "test" / "data"
MODELS = ROOT / "models"
SMOLLM2 = MODELS / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = MODELS / "minilm"
THREADS = 2

needs_models = unittest.skipUnless(
    SMOLLM2.exists() and MINILM.exists() and os.getenv("TRINE_TEST_LEVEL") != "quick",
    "requires models: run tools/dev/models, and not with --quick",
)


@functools.cache
def folder() -> pathlib.Path:
    """Removed when the tests end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="trine-test-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def package(source: pathlib.Path, **flags) -> pathlib.Path:
    name = f"{source.stem}-{len(list(folder().glob('*.trine')))}.trine"
    trine.compile(source, folder() / name, **flags)
    return folder() / name


@functools.cache
def model(source: pathlib.Path, threads: int = THREADS, **flags) -> trine.Model:
    return trine.load(package(source, **flags), threads=threads)


def run(*command: str | os.PathLike) -> subprocess.CompletedProcess:
    """A tool of the build by name, with its arguments."""
    tool, *arguments = command
    return subprocess.run(
        [locate.tool(tool), *map(os.fspath, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def corrupted(source: pathlib.Path, parameter: str) -> trine.Model:
    """The package with element 0 of the first parameter whose name contains
    `parameter` changed: loading checks all but the weights' bytes."""
    original = package(source)
    copy = folder() / f"corrupted-{source.stem}.trine"
    shutil.copyfile(original, copy)
    report = json.loads(run("trine-inspect", original, "--json").stdout)
    weights = next(s for s in report["sections"] if s["name"] == "weights")
    found = next(
        p for p in model(source).manifest["parameters"] if parameter in p["name"]
    )
    nine = {"f32": np.float32(9), "bf16": np.uint16(0x4110), "f16": np.float16(9)}
    with open(copy, "r+b") as file:
        file.seek(weights["offset"] + found["offset"])
        file.write(nine[found["dtype"]].tobytes())
    return trine.load(copy, threads=THREADS)


def padded(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Right-padded tokens and the rows' lengths."""
    lengths = np.array([len(row) for row in rows], np.int32)
    tokens = np.zeros((len(rows), lengths.max()), np.int32)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = row
    return tokens, lengths


def gap(left: np.ndarray, right: np.ndarray) -> float:
    """Largest difference; infinite where shapes differ or a NaN is left."""
    if left.shape != right.shape:
        return float("inf")
    worst = np.abs(left.astype(np.float64) - right).max(initial=0)
    return float("inf") if np.isnan(worst) else float(worst)
