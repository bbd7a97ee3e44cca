"""Files that appear complete or not at all, and those that are read.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import os
import tempfile
from typing import Any

from .errors import Error


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Written beside, then renamed."""
    path = os.fspath(path)
    beside = None
    try:
        folder = os.path.dirname(path) or "."
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".trine-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)
        os.replace(beside, path)
    except OSError as error:
        if beside is not None and os.path.exists(beside):
            os.unlink(beside)
        raise Error(f"{path}: cannot be written: {error.strerror}") from None


def read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise Error(f"{path}: cannot be read: {error}") from None


def read_json(path: str) -> Any:
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Error(f"{path}: no JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key twice")
    return result


def read_array(path: str) -> Any:
    """A .npy file as a NumPy array."""
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Error(f"{path}: cannot be read: {error}") from None
