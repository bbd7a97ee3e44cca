"""include/trine/Runtime/trine.h through ctypes: C functions in, NumPy arrays and
trine.Error out.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import ctypes
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from . import locate
from .errors import ENVIRONMENT, INPUT, Error

MAX_RANK = 8
# trine_dtype in order; bf16 travels as its uint16 code, 8-bit floats as bytes.
DTYPES = ("f32", "f16", "bf16", "i32", "f8e4m3fn", "f8e5m2", "u8")
NUMPY = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),
    "i32": np.dtype(np.int32),
    "f8e4m3fn": np.dtype(np.uint8),
    "f8e5m2": np.dtype(np.uint8),
    "u8": np.dtype(np.uint8),
}


class Tensor(ctypes.Structure):
    """trine_tensor."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int64 * MAX_RANK),
        ("data", ctypes.c_void_p),
    )


class LoadOptions(ctypes.Structure):
    """trine_load_options."""

    _fields_ = (("device", ctypes.c_char_p), ("threads", ctypes.c_int32))


@functools.cache
def library() -> ctypes.CDLL:
    """libtrine_rt.so with the types of its functions declared."""
    path = locate.library()
    try:
        lib = ctypes.CDLL(str(path))
    except OSError as error:
        raise Error(f"{path}: cannot be loaded: {error}", ENVIRONMENT) from None
    handle, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    pointer, status = ctypes.POINTER, ctypes.c_int
    tensors = pointer(Tensor)
    for name, result, arguments in (
        ("trine_error", text, []),
        ("trine_version", text, []),
        ("trine_load", status, [text, pointer(LoadOptions), pointer(handle)]),
        ("trine_unload", None, [handle]),
        ("trine_manifest", text, [handle]),
        ("trine_section", status, [handle, text, pointer(handle), pointer(size)]),
        ("trine_session_create", status, [handle, ctypes.c_int32, pointer(handle)]),
        ("trine_session_destroy", None, [handle]),
        ("trine_run", status, [handle, text, tensors, size, tensors, size]),
        ("trine_session_length", ctypes.c_int64, [handle, ctypes.c_int32]),
        ("trine_session_truncate", status, [handle, ctypes.c_int64]),
        ("trine_session_reset", None, [handle]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def check(status: int) -> None:
    """Raises the calling thread's last failure when `status` is not 0."""
    if status:
        message = library().trine_error() or b"unknown failure"
        raise Error(message.decode(errors="replace"), status)


def load(path: str, device: str, threads: int) -> int:
    options = LoadOptions(device.encode(), threads)
    program = ctypes.c_void_p()
    check(
        library().trine_load(
            path.encode(), ctypes.byref(options), ctypes.byref(program)
        )
    )
    return program.value


def create_session(program: int, batch: int) -> int:
    session = ctypes.c_void_p()
    check(library().trine_session_create(program, batch, ctypes.byref(session)))
    return session.value


def section(program: int, name: str) -> bytes | None:
    """The bytes of a section; None where the package has none of that name."""
    data, size = ctypes.c_void_p(), ctypes.c_size_t()
    status = library().trine_section(
        program, name.encode(), ctypes.byref(data), ctypes.byref(size)
    )
    if status == INPUT:
        return None
    check(status)
    return ctypes.string_at(data, size.value)


def run(
    session: int,
    entry: str,
    inputs: Mapping[str, tuple[str, np.ndarray]],
    outputs: Sequence[str],
) -> dict[str, np.ndarray]:
    """Runs an entry. `inputs`: name -> (dtype, contiguous array of its NumPy
    type). The results are copies."""
    sent = (Tensor * max(len(inputs), 1))()
    for slot, (name, (dtype, array)) in zip(sent, inputs.items(), strict=False):
        if array.ndim > MAX_RANK:
            raise Error(f"{name}: expected rank at most {MAX_RANK}, got {array.ndim}")
        slot.name, slot.dtype = name.encode(), DTYPES.index(dtype)
        slot.rank, slot.data = array.ndim, array.ctypes.data
        slot.shape[: array.ndim] = array.shape
    got = (Tensor * max(len(outputs), 1))()
    for slot, name in zip(got, outputs, strict=False):
        slot.name = name.encode()
    check(
        library().trine_run(
            session, entry.encode(), sent, len(inputs), got, len(outputs)
        )
    )
    return {name: _copy(slot) for name, slot in zip(outputs, got, strict=False)}


def _copy(tensor: Tensor) -> np.ndarray:
    shape = tuple(tensor.shape[: tensor.rank])
    result = np.empty(shape, NUMPY[DTYPES[tensor.dtype]])
    if result.nbytes:
        ctypes.memmove(result.ctypes.data, tensor.data, result.nbytes)
    return result
