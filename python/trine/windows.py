"""A text cut into windows of tokens, which a model sees one by one.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from . import files
from .errors import USAGE, Error
from .model import Model

T = TypeVar("T")
LENGTH = 512


def read(
    model: Model,
    texts: Sequence[str],
    tokens: Sequence[str],
    samples: int = 0,
    seed: int = 0,
    length: int = LENGTH,
) -> list[np.ndarray]:
    """i32 [n] each. Files of text are cut every `length` tokens (the model's
    longest sequence, where that is shorter), a rest of one token left out; of
    files of tokens [n] likewise, of [w, n] each row is a window. `samples` of
    them, in order, are drawn by `seed`; 0 is all. A model that starts with a BOS
    token gets one in each window made of text."""
    limit = model.manifest["max_sequence"]
    length = min(length, limit)
    windows = []
    for path in texts:
        ids = np.array(model.tokenize(files.read_text(path)), np.int32)
        windows += _cut(ids, length, _prefix(model))
    for path in tokens:
        array = _tokens(path)
        if array.ndim == 1:
            windows += _cut(array, length, [])
        elif array.shape[1] > limit:
            raise Error(
                f"{path}: expected at most {limit} tokens a row, got {array.shape[1]}"
            )
        else:
            windows += list(array)
    if not windows:
        raise Error("no tokens: expected two or more in --text or --tokens")
    if samples < 0 or samples > len(windows):
        raise Error(
            f"--samples: expected at most the {len(windows)} windows there are, "
            f"got {samples}",
            USAGE,
        )
    if samples:
        chosen = np.random.default_rng(seed).permutation(len(windows))[:samples]
        windows = [windows[index] for index in sorted(chosen)]
    return windows


def _prefix(model: Model) -> list[int]:
    bos = model.text_info.get("bos")
    return [bos] if model.text_info.get("add_bos") and bos is not None else []


def _cut(ids: np.ndarray, length: int, prefix: list[int]) -> list[np.ndarray]:
    step = length - len(prefix)
    pieces = (ids[start : start + step] for start in range(0, len(ids), step))
    head = np.array(prefix, np.int32)
    return [np.concatenate([head, piece]) for piece in pieces if len(piece) > 1]


def _tokens(path: str) -> np.ndarray:
    array = files.read_array(path)
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2) or not array.size:
        raise Error(
            f"{path}: expected whole numbers [n] or [w, n], got {array.dtype} "
            f"{list(array.shape)}"
        )
    tokens = array.astype(np.int32)
    if (tokens != array).any() or (array.ndim == 2 and array.shape[1] < 2):
        raise Error(f"{path}: expected token ids, two or more a row")
    return tokens


def progress(items: Iterable[T], what: str, total: int, quiet: bool) -> Iterator[T]:
    """The items; on a terminal, stderr says how many are done."""
    shown = not quiet and sys.stderr.isatty()
    start = time.monotonic()
    for index, item in enumerate(items):
        if shown:
            spent = time.monotonic() - start
            left = f", {spent / index * (total - index):.0f} s left" if index else ""
            text = f"{what}: {index} of {total}{left}"
            print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)
        yield item
    if shown:
        print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)
