#!/usr/bin/env python3
"""Copies a Hugging Face directory and changes it, to make models at fault.

    edit_model.py FROM TO [--set KEY=JSON] [--unset KEY]
                  [--rename TENSOR=NAME] [--retype TENSOR=DTYPE]

Tensors are changed in the header of the safetensors file that has them.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import argparse
import json
import pathlib
import shutil
import struct

parser = argparse.ArgumentParser()
parser.add_argument("source", type=pathlib.Path)
parser.add_argument("target", type=pathlib.Path)
for option in ("set", "unset", "rename", "retype"):
    parser.add_argument("--" + option, action="append", default=[])
args = parser.parse_args()

shutil.rmtree(args.target, ignore_errors=True)
shutil.copytree(args.source, args.target)

path = args.target / "config.json"
config = json.loads(path.read_text())
for item in args.set:
    key, value = item.split("=", 1)
    config[key] = json.loads(value)
for key in args.unset:
    del config[key]
path.write_text(json.dumps(config))

renamed = dict(item.split("=", 1) for item in args.rename)
retyped = dict(item.split("=", 1) for item in args.retype)
for path in args.target.glob("*.safetensors"):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, value in header.items():
        if name in retyped:
            value["dtype"] = retyped[name]
        tensors[renamed.get(name, name)] = value
    text = json.dumps(tensors).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
