"""Where the tools and libtrine_rt.so are, without environment variables: in the
build folder of the checkout, or the installed tree, that holds this file or the
Python running it; else on PATH.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import functools
import pathlib
import shutil
import sys

from .errors import ENVIRONMENT, Error

MISSING = "not found; run tools/dev/build, or put Trine's bin/ on PATH"


@functools.cache
def tree() -> pathlib.Path | None:
    """The folder with bin/ and lib/, or None."""
    for start in (pathlib.Path(__file__).resolve(), pathlib.Path(sys.prefix)):
        for parent in start.parents:
            for candidate in (parent / "build", parent):
                if (candidate / "lib" / "libtrine_rt.so").exists():
                    return candidate
    return None


def tool(name: str) -> pathlib.Path:
    """An executable such as `trine-compile`. Error 5 when it is not there."""
    root = tree()
    if root is not None and (root / "bin" / name).exists():
        return root / "bin" / name
    found = shutil.which(name)
    if found is None:
        raise Error(f"{name}: {MISSING}", ENVIRONMENT)
    return pathlib.Path(found)


def library() -> pathlib.Path:
    """libtrine_rt.so. Error 5 when it is not there."""
    root = tree()
    if root is None:
        runner = shutil.which("trine-run")
        root = pathlib.Path(runner).resolve().parents[1] if runner else None
    path = root / "lib" / "libtrine_rt.so" if root else None
    if path is None or not path.exists():
        raise Error(f"libtrine_rt.so: {MISSING}", ENVIRONMENT)
    return path
