"""Prints what the steps of a package's manifest cost: "entry node flops bytes".

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import sys


def polynomial(size, symbols: list[str]) -> str:
    if isinstance(size, int):
        return str(size)
    return " + ".join(
        "*".join([str(factor), *(symbols[i] for i in factors)])
        for factor, *factors in size["terms"]
    )


manifest = json.loads(pathlib.Path(sys.argv[1]).read_text())
for entry in manifest["entries"]:
    symbols = [*entry["symbols"], "past"]
    for step in entry["steps"]:
        if "kernel" not in step:
            continue
        flops, size = (polynomial(step[key], symbols) for key in ("flops", "bytes"))
        compute = manifest["kernels"][step["kernel"]].get("compute", "-")
        print(f"{entry['name']} {step['node']} {compute}: {flops} flops, {size} bytes")
