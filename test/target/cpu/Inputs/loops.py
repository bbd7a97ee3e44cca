"""Innermost loops of an x86 assembly file, one a line, in order.

For each: multiply-adds, dot products of bf16 or bytes, and operands on the stack.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import re
import sys

LABEL = re.compile(r"(\.LBB\w+):")
JUMP = re.compile(r"\tj\w+\t(\.LBB\w+)")

label, body = None, []
for line in sys.stdin:
    if match := LABEL.match(line):
        label, body = match[1], []
    body.append(line)
    if (match := JUMP.match(line)) and match[1] == label:
        counts = [
            sum(any(name in line for name in names) for line in body)
            for names in (("vfmadd",), ("vdpbf16ps", "vpdpbusd"), ("%rsp",))
        ]
        print("loop: {} multiply-adds, {} dots, {} on the stack".format(*counts))
