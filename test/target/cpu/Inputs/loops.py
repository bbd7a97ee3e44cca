"""The innermost loops of an x86 assembly file.

Usage: loops.py KERNEL.s [MNEMONIC]. Alone, a line for each loop in order: its
multiply-adds, dot products of bf16 or bytes, prefetches, and operands on the
stack. With a mnemonic, how often each instruction occurs in the loop that has
most of it, and "stack" for operands on the stack.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import collections
import re
import sys

LABEL = re.compile(r"(\.LBB\w+):")
INSTRUCTION = re.compile(r"\t([a-z]\w*)([^#]*)")


def loops(path: str):
    """Instructions, with their operands, up to a jump to the label before them."""
    label, body = "", []
    with open(path) as file:
        for line in file:
            if found := LABEL.match(line):
                label, body = found[1], []
            elif found := INSTRUCTION.match(line):
                body.append((found[1], found[2]))
                if found[1].startswith("j") and found[2].strip() == label:
                    yield body
                    label, body = "", []


def summary(body) -> str:
    def count(*names: str) -> int:
        return sum(any(part in name for part in names) for name, _ in body)

    stack = sum("%rsp" in operands for _, operands in body)
    return (
        f"loop: {count('vfmadd')} multiply-adds, "
        f"{count('vdpbf16ps', 'vpdpbusd')} dots, "
        f"{count('prefetch')} prefetches, {stack} on the stack"
    )


def histogram(bodies, mnemonic: str):
    hottest = max(bodies, key=lambda body: sum(name == mnemonic for name, _ in body))
    counts = collections.Counter(name for name, _ in hottest)
    counts["stack"] = sum("%rsp" in operands for _, operands in hottest)
    for name, count in sorted(counts.items()):
        print(name, count)


path, *mnemonic = sys.argv[1:]
if mnemonic:
    histogram(loops(path), *mnemonic)
else:
    print(*map(summary, loops(path)), sep="\n")
