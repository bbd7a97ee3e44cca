"""libtrine_reference.so from Python: include/trine/Reference/PlugIn.h by ctypes.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import ctypes
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "build" / "lib" / "libtrine_reference.so"
# trine_dtype in order; bf16 travels as its codes.
DTYPES = [np.dtype(t) for t in (np.float32, np.float16, np.uint16, np.int32)]


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int64 * 8),
        ("data", ctypes.c_void_p),
    )


class Refused(Exception):
    """What the plug-in said; `code` as a tool's exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Reference:
    """A module or package and one session."""

    def __init__(self, file, weights_from=None) -> None:
        self.library = ctypes.CDLL(str(LIBRARY))
        self.handle = ctypes.c_void_p()
        weights = str(weights_from).encode() if weights_from else None
        self._call("open", str(file).encode(), weights, ctypes.byref(self.handle))

    def __del__(self) -> None:
        self.library.trine_reference_close(self.handle)

    def run(self, entry: str, inputs: dict, outputs=(None,)) -> dict:
        """`outputs`: names, None for the one at that position."""
        arrays = {k: np.ascontiguousarray(a) for k, a in inputs.items()}
        given, wanted = (_Tensor * len(arrays))(), (_Tensor * len(outputs))()
        for slot, (name, array) in zip(given, arrays.items(), strict=True):
            slot.name, slot.data = name.encode(), array.ctypes.data
            slot.dtype, slot.rank = DTYPES.index(array.dtype), array.ndim
            slot.shape[: array.ndim] = array.shape
        for slot, name in zip(wanted, outputs, strict=True):
            slot.name = name.encode() if name else None
        counts = len(given), len(wanted)
        self._call(
            "call", self.handle, entry.encode(), given, counts[0], wanted, counts[1]
        )
        results = {slot.name.decode(): _array(slot) for slot in wanted}
        self.library.trine_reference_free(wanted, counts[1])
        return results

    def _call(self, name: str, *arguments) -> None:
        error = ctypes.c_char_p()
        function = getattr(self.library, f"trine_reference_{name}")
        if code := function(*arguments, ctypes.byref(error)):
            raise Refused(code, error.value.decode())


def _array(slot: _Tensor) -> np.ndarray:
    shape, dtype = slot.shape[: slot.rank], DTYPES[slot.dtype]
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(ctypes.string_at(slot.data, size), dtype).reshape(shape)
