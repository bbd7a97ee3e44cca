"""Trine: transformers compiled ahead of time. `compile` a model into a package,
`load` it, run its entries on NumPy arrays, generate text or embed it.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

from .compiler import compile
from .errors import Error
from .model import Entry, Model, Session, load
from .sampling import Sampler

__version__ = "0.1.0"
__all__ = ["Entry", "Error", "Model", "Sampler", "Session", "compile", "load"]
