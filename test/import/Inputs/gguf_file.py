"""Metadata and tensors -> a GGUF file, for the scripts beside this one.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import os
import struct

F32, BF16 = 0, 30


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value: str | float | bool | list) -> tuple[int, bytes]:
    """GGUF's number of the value's type, and its bytes."""
    if isinstance(value, list):
        items = [typed(item) for item in value]
        head = struct.pack("<IQ", items[0][0], len(items))
        return 9, head + b"".join(data for _, data in items)
    if isinstance(value, str):
        return 8, text(value)
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 5, struct.pack("<i", value)
    return 6, struct.pack("<f", value)


def write(
    path: os.PathLike, values: dict, tensors: dict[str, tuple[tuple, int, bytes]]
) -> None:
    """Tensors by name: shape, rows first; ggml's number of the type; bytes."""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, value in values.items():
        number, encoded = typed(value)
        out += text(key) + struct.pack("<I", number) + encoded
    data = b""
    for name, (shape, number, payload) in tensors.items():
        out += text(name) + struct.pack("<I", len(shape))
        out += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        out += struct.pack("<IQ", number, len(data))
        data += payload + bytes(-len(payload) % 32)
    with open(path, "wb") as file:
        file.write(out + bytes(-len(out) % 32) + data)
