"""Integer arithmetic, bits and packed operations against Python's integers.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import itertools

import numpy as np
from ptx import compute

COUNT = 256
failures = 0
generator = np.random.default_rng(1)


def values(bits: int) -> np.ndarray:
    made = generator.integers(0, 1 << 63, COUNT, dtype=np.uint64) * np.uint64(2)
    made += generator.integers(0, 2, COUNT, dtype=np.uint64)
    made >>= generator.integers(0, 64, COUNT, dtype=np.uint64)
    edges = [0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1, 31, 32, 33]
    made[: len(edges)] = edges
    generator.shuffle(made)
    return made & np.uint64((1 << bits) - 1)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def check(operation, result, kinds, function, text=None) -> None:
    """Kinds as "s32": what the function is given; it may return any integer."""
    global failures
    inputs = [values(int(kind[1:])) for kind in kinds]
    operands = ", ".join(["$a", "$b", "$c", "$e"][: len(kinds)])
    got = compute(
        text or f"{operation} $d, {operands};",
        result,
        *((f"b{kind[1:]}", x) for kind, x in zip(kinds, inputs, strict=True)),
    )
    bits = int(result[1:])
    for i in range(COUNT):
        given = [int(x[i]) for x in inputs]
        given = [
            signed(v, int(k[1:])) if k[0] == "s" else v
            for v, k in zip(given, kinds, strict=True)
        ]
        want = function(*given) & ((1 << bits) - 1)
        if int(got[i]) & ((1 << bits) - 1) != want:
            failures += 1
            print(f"{operation} of {given}: expected {want:#x}, got {int(got[i]):#x}")
            return


def quotient(a: int, b: int) -> int:
    return -1 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def field(a: int, begin: int, length: int, bits: int, negative: bool) -> int:
    begin, length = begin & 255, length & 255
    if length == 0:
        return 0
    made = (a & ((1 << bits) - 1)) >> begin & ((1 << length) - 1)
    top = a >> min(begin + length - 1, bits - 1) & 1
    if negative and top:
        width = max(min(length, bits - begin), 0)
        made = (made & ((1 << width) - 1)) | (-1 << width)
    return made


def arithmetic_of(kind: str, bits: int) -> None:
    two = [kind, kind]
    rows = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul.lo": lambda a, b: a * b,
        "mul.hi": lambda a, b: a * b >> bits,
        "div": quotient,
        "rem": lambda a, b: a if b == 0 else a - quotient(a, b) * b,
        "min": min,
        "max": max,
    }
    for name, function in rows.items():
        check(f"{name}.{kind}", kind, two, function)
    three = [kind] * 3
    check(f"mad.lo.{kind}", kind, three, lambda a, b, c: a * b + c)
    check(f"mad.hi.{kind}", kind, three, lambda a, b, c: (a * b >> bits) + c)
    check(f"sad.{kind}", kind, three, lambda a, b, c: abs(a - b) + c)
    if bits < 64:
        wide = f"{kind[0]}{2 * bits}"
        check(f"mul.wide.{kind}", wide, two, lambda a, b: a * b)
        check(f"mad.wide.{kind}", wide, [*two, wide], lambda a, b, c: a * b + c)
    if kind[0] == "s":
        check(f"neg.{kind}", kind, [kind], lambda a: -a)
        check(f"abs.{kind}", kind, [kind], abs)


def products_of_24(kind: str) -> None:
    low24 = (
        (lambda v: signed(v & 0xFFFFFF, 24))
        if kind == "s32"
        else (lambda v: v & 0xFFFFFF)
    )
    check(f"mul24.lo.{kind}", kind, [kind] * 2, lambda a, b: low24(a) * low24(b))
    check(f"mul24.hi.{kind}", kind, [kind] * 2,
          lambda a, b: low24(a) * low24(b) >> 16)  # fmt: skip


def arithmetic() -> None:
    for kind in ("u16", "s16", "u32", "s32", "u64", "s64"):
        arithmetic_of(kind, int(kind[1:]))
    low, high = -(1 << 31), (1 << 31) - 1
    clamp = lambda v: min(max(v, low), high)  # noqa: E731
    check("add.sat.s32", "s32", ["s32"] * 2, lambda a, b: clamp(a + b))
    check("sub.sat.s32", "s32", ["s32"] * 2, lambda a, b: clamp(a - b))
    for kind in ("u32", "s32"):
        products_of_24(kind)
    # 64-bit sums in two halves.
    check("add.cc, addc", "u64", ["u64", "u64"], lambda a, b: a + b, """{
      .reg .b32 l0, h0, l1, h1; mov.b64 {l0, h0}, $a; mov.b64 {l1, h1}, $b;
      add.cc.u32 l0, l0, l1;
      addc.u32 h0, h0, h1; mov.b64 $d, {l0, h0}; }""")  # fmt: skip
    check("sub.cc, subc", "u64", ["u64", "u64"], lambda a, b: a - b, """{
      .reg .b32 l0, h0, l1, h1; mov.b64 {l0, h0}, $a; mov.b64 {l1, h1}, $b;
      sub.cc.u32 l0, l0, l1;
      subc.u32 h0, h0, h1; mov.b64 $d, {l0, h0}; }""")  # fmt: skip
    check("mad.lo.cc, madc.hi", "u64", ["u32", "u32", "u64"],
          lambda a, b, c: a * b + c, """{
      .reg .b32 l0, h0; mov.b64 {l0, h0}, $c; mad.lo.cc.u32 l0, $a, $b, l0;
      madc.hi.u32 h0, $a, $b, h0; mov.b64 $d, {l0, h0}; }""")  # fmt: skip


def logic_of(bits: int) -> None:
    kind, mask = f"u{bits}", (1 << bits) - 1
    two = [kind, kind]
    check(f"and.b{bits}", kind, two, lambda a, b: a & b)
    check(f"or.b{bits}", kind, two, lambda a, b: a | b)
    check(f"xor.b{bits}", kind, two, lambda a, b: a ^ b)
    check(f"not.b{bits}", kind, [kind], lambda a: ~a)
    check(f"cnot.b{bits}", kind, [kind], lambda a: a == 0)
    check(f"shl.b{bits}", kind, [kind, "u32"],
          lambda a, b: a << min(b, bits))  # fmt: skip
    check(f"shr.u{bits}", kind, [kind, "u32"], lambda a, b: a >> min(b, bits))
    check(f"shr.s{bits}", kind, [f"s{bits}", "u32"],
          lambda a, b: a >> min(b, bits))  # fmt: skip
    if bits == 16:
        return
    check(f"brev.b{bits}", kind, [kind], lambda a: int(f"{a:0{bits}b}"[::-1], 2))
    check(f"clz.b{bits}", "u32", [kind], lambda a: bits - a.bit_length())
    check(f"popc.b{bits}", "u32", [kind], lambda a: a.bit_count())
    check(f"bfind.u{bits}", "u32", [kind], lambda a: a.bit_length() - 1)
    check(f"bfind.s{bits}", "u32", [f"s{bits}"],
          lambda a: (~a if a < 0 else a).bit_length() - 1)  # fmt: skip
    for sign in "us":
        check(f"bfe.{sign}{bits}", kind, [f"{sign}{bits}", "u32", "u32"],
              lambda a, b, c, s=sign: field(a, b, c, bits, s == "s"))  # fmt: skip

    def insert(a, b, c, mask=mask, bits=bits):
        begin, length = 7, c & 255
        if length == 0:
            return b
        where = ((1 << length) - 1) << begin & mask
        return (b & ~where) | (a << begin & where)

    check(f"bfi.b{bits}", kind, [kind, kind, "u32"], insert,
          f"bfi.b{bits} $d, $a, $b, 7, $c;")  # fmt: skip


def logic() -> None:
    for bits in (16, 32, 64):
        logic_of(bits)
    three = ["u32"] * 3
    for table in (0x80, 0xE8, 0x96, 0x1B):

        def look_up(a, b, c, table=table):
            return sum(
                (table >> ((a >> i & 1) * 4 + (b >> i & 1) * 2 + (c >> i & 1)) & 1) << i
                for i in range(32)
            )

        check(f"lop3 {table:#x}", "u32", three, look_up,
              f"lop3.b32 $d, $a, $b, $c, {table};")  # fmt: skip
    both = lambda a, b: b << 32 | a  # noqa: E731
    check("shf.l.wrap.b32", "u32", three, lambda a, b, c: both(a, b) << (c & 31) >> 32)
    check("shf.r.wrap.b32", "u32", three, lambda a, b, c: both(a, b) >> (c & 31))
    check("shf.l.clamp.b32", "u32", three,
          lambda a, b, c: both(a, b) << min(c, 32) >> 32)  # fmt: skip
    check("shf.r.clamp.b32", "u32", three, lambda a, b, c: both(a, b) >> min(c, 32))

    def permute(a, b, c):
        made = both(a, b).to_bytes(8, "little")
        out = []
        for k in range(4):
            byte = made[c >> 4 * k & 7]
            sign = 255 if byte & 128 else 0
            out.append(sign if c >> 4 * k & 8 else byte)
        return int.from_bytes(bytes(out), "little")

    check("prmt.b32", "u32", three, permute)
    for a, b in itertools.product("us", "us"):

        def dot(x, y, c, a=a, b=b):
            def part(v, k, s):
                byte = v >> 8 * k & 255
                return signed(byte, 8) if s == "s" else byte

            return sum(part(x, k, a) * part(y, k, b) for k in range(4)) + c

        check(f"dp4a.{a}32.{b}32", "u32", three, dot)


def conversions() -> None:
    kinds = [f"{s}{b}" for s in "su" for b in (16, 32, 64)]
    for to, source in itertools.product(kinds, kinds):
        check(f"cvt.{to}.{source}", to, [source], lambda a: a)
        bits = int(to[1:])
        low, high = (
            (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
            if to[0] == "s"
            else (
                0,
                (1 << bits) - 1,
            )
        )
        check(f"cvt.sat.{to}.{source}", to, [source],
              lambda a, low=low, high=high: min(max(a, low), high))  # fmt: skip
    # Types narrower than the register.
    check("cvt.s32.s8", "s32", ["u32"], lambda a: signed(a & 255, 8))
    check("cvt.u32.u8", "u32", ["u32"], lambda a: a & 255)
    check("cvt.u64.u16", "u64", ["u32"], lambda a: a & 65535)


arithmetic()
logic()
conversions()
print(f"{failures} operations differ")
