#!/usr/bin/env python3
"""Writes a tiny Llama as GGUF: hidden 32, 2 heads of 16, 1 key/value head.

    make_gguf.py OUT [--set KEY=VALUE] [--drop TENSOR]
                 [--add TENSOR=DIM,DIM] [--type TENSOR=GGML_TYPE_NUMBER]
                 [--llama3]

--llama3 adds rope_freqs.weight as converters write it for Llama 3.1.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import argparse
import math
import struct

parser = argparse.ArgumentParser()
parser.add_argument("out")
for option in ("set", "drop", "add", "type"):
    parser.add_argument("--" + option, action="append", default=[])
parser.add_argument("--llama3", action="store_true")
args = parser.parse_args()

values = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 128,
    "llama.embedding_length": 32,
    "llama.feed_forward_length": 64,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.freq_base": 500000.0,
}
for item in args.set:
    key, value = item.split("=", 1)
    values[key] = int(value) if value.lstrip("-").isdigit() else value

tensors = {"token_embd.weight": (48, 32), "output_norm.weight": (32,)}
for layer in range(2):
    for name, shape in {
        "attn_norm": (32,),
        "attn_q": (32, 32),
        "attn_k": (16, 32),
        "attn_v": (16, 32),
        "attn_output": (32, 32),
        "ffn_norm": (32,),
        "ffn_gate": (64, 32),
        "ffn_up": (64, 32),
        "ffn_down": (32, 64),
    }.items():
        tensors[f"blk.{layer}.{name}.weight"] = shape
for name in args.drop:
    del tensors[name]
for item in args.add:
    name, dims = item.split("=")
    tensors[name] = tuple(map(int, dims.split(",")))
types = {k: int(v) for k, v in (item.split("=") for item in args.type)}


def llama3_divisors():
    for i in range(8):
        wavelength = 2 * math.pi * 500000.0 ** (2 * i / 16)
        if wavelength < 8192 / 4:
            yield 1.0
        elif wavelength > 8192:
            yield 32.0
        else:
            smooth = (8192 / wavelength - 1) / 3
            yield 1 / ((1 - smooth) / 32 + smooth)


payloads = {
    name: struct.pack(
        f"<{math.prod(shape)}f",
        *(math.sin(len(name) + i) / 8 for i in range(math.prod(shape))),
    )
    for name, shape in tensors.items()
}
if args.llama3:
    tensors["rope_freqs.weight"] = (8,)
    payloads["rope_freqs.weight"] = struct.pack("<8f", *llama3_divisors())


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
for key, value in values.items():
    out += text(key)
    if isinstance(value, str):
        out += struct.pack("<I", 8) + text(value)
    elif isinstance(value, int):
        out += struct.pack("<Ii", 5, value)
    else:
        out += struct.pack("<If", 6, value)
data = b""
for name, shape in tensors.items():
    out += text(name) + struct.pack("<I", len(shape))
    out += struct.pack(f"<{len(shape)}Q", *reversed(shape))
    out += struct.pack("<IQ", types.get(name, 0), len(data))
    data += payloads[name] + bytes(-len(payloads[name]) % 32)
with open(args.out, "wb") as file:
    file.write(out + bytes(-len(out) % 32) + data)
