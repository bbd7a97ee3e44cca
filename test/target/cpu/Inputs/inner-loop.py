"""Prints how often each instruction occurs in a kernel's hottest loop.

Usage: inner-loop.py KERNEL.s MNEMONIC. The loop is the basic block that jumps to
its own start and has most of MNEMONIC; "stack" counts operands on the stack.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import collections
import re
import sys


def loops(text: str):
    """Lines of the basic blocks that jump to their own label."""
    label, block = "", []
    for line in text.splitlines():
        if found := re.match(r"(\.L\w+):", line):
            label, block = found[1], []
        elif re.match(r"\t[a-z]", line):
            block.append(line.split("#")[0].split())
            if block[-1][0].startswith("j"):
                if block[-1][1] == label:
                    yield block
                label, block = "", []


def main():
    path, wanted = sys.argv[1:]
    with open(path) as file:
        found = list(loops(file.read()))
    hottest = max(found, key=lambda b: sum(i[0] == wanted for i in b))
    counts = collections.Counter(instruction[0] for instruction in hottest)
    counts["stack"] = sum("%rsp" in operand for i in hottest for operand in i)
    for name, count in sorted(counts.items()):
        print(name, count)


main()
