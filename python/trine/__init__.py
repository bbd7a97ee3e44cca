"""Trine: transformers compiled ahead of time. `compile` a model into a package,
`load` it, run its entries on NumPy arrays, generate text or embed it.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .compiler import compile
from .errors import Error

if TYPE_CHECKING:
    from .model import Entry, Model, Session, load
    from .sampling import Sampler

__version__ = "0.1.0"
__all__ = ["Entry", "Error", "Model", "Sampler", "Session", "compile", "load"]


def __getattr__(name: str) -> Any:
    """What needs NumPy is imported when first used: the command `trine` can then
    say what is missing, and compiles without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    source = ".sampling" if name == "Sampler" else ".model"
    return getattr(importlib.import_module(source, __name__), name)
