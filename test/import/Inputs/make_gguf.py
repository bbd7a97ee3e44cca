#!/usr/bin/env python3
"""Writes a tiny Llama as GGUF: hidden 32, 2 heads of 16, 1 key/value head.

    make_gguf.py OUT [--set KEY=VALUE] [--drop TENSOR]
                 [--add TENSOR=DIM,DIM] [--type TENSOR=GGML_TYPE_NUMBER]
                 [--architecture NAME] [--llama3]

--architecture changes the metadata's names only; --llama3 adds rope_freqs.weight as
converters write it for Llama 3.1.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import argparse
import math
import struct

import gguf_file

parser = argparse.ArgumentParser()
parser.add_argument("out")
for option in ("set", "drop", "add", "type"):
    parser.add_argument("--" + option, action="append", default=[])
parser.add_argument("--architecture", default="llama")
parser.add_argument("--llama3", action="store_true")
args = parser.parse_args()

values = {
    "general.architecture": args.architecture,
    f"{args.architecture}.block_count": 2,
    f"{args.architecture}.context_length": 128,
    f"{args.architecture}.embedding_length": 32,
    f"{args.architecture}.feed_forward_length": 64,
    f"{args.architecture}.attention.head_count": 2,
    f"{args.architecture}.attention.head_count_kv": 1,
    f"{args.architecture}.attention.layer_norm_rms_epsilon": 1e-5,
    f"{args.architecture}.rope.freq_base": 500000.0,
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

stored = {
    name: (shape, types.get(name, gguf_file.F32), payloads[name])
    for name, shape in tensors.items()
}
gguf_file.write(args.out, values, stored)
