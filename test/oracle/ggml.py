"""Goldens of ggml's block formats: random blocks and what the gguf package decodes.

OUT/blocks.gguf holds a tensor for each type, `q4_k`, and beside it `q4_k.f32`.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

ROWS, COLUMNS = 2, 512
# Byte offsets of the f16 numbers in a block.
HALVES = {
    Type.Q4_0: (0,),
    Type.Q4_1: (0, 2),
    Type.Q5_0: (0,),
    Type.Q5_1: (0, 2),
    Type.Q8_0: (0,),
    Type.Q4_K: (0, 2),
    Type.Q5_K: (0, 2),
    Type.Q6_K: (208,),
}
# Zeros, the smallest and largest subnormal and normal, one, infinity.
EXTREMES = [0, 0x8000, 1, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00, 0x7C00]
random = np.random.default_rng(11)


def half() -> np.uint16:
    """A finite f16's bits, or an extreme one."""
    if random.random() < 0.4:
        return np.uint16(random.choice(EXTREMES))
    return np.uint16(random.integers(0x7C00) | random.integers(2) << 15)


def blocks(kind: Type) -> np.ndarray:
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = random.integers(256, size=(ROWS * COLUMNS // elements, size), dtype=np.uint8)
    data[0, :] = 255  # the largest codes and scales
    data[1, :] = 128  # the most negative int8
    for block in data:
        for at in HALVES[kind]:
            block[at : at + 2] = np.array([half()], "<u2").view(np.uint8)
    return data.reshape(ROWS, -1)


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(folder / "blocks.gguf", "blocks")
    for kind in HALVES:
        data = blocks(kind)
        with np.errstate(invalid="ignore", over="ignore"):
            values = gguf.dequantize(data, kind).astype(np.float32)
        name = kind.name.lower()
        writer.add_tensor(name, data, raw_dtype=kind)
        writer.add_tensor(name + ".f32", values.reshape(ROWS, COLUMNS))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
