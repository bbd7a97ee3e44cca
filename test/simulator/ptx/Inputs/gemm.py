"""A GEMM for mma.sync as text: c[M][N] f32 = a[M][K] b[N][K], f16, by tiles of
64 x 64 x 32 in a ring of three cp.async stages, swizzled so that ldmatrix has no
bank conflict. Mutants of it, each of which a test harness must find.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import re

HEAD = """.version 7.8
.target sm_80
.address_size 64
.extern .shared .align 128 .b8 ring[];
.visible .entry gemm(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 m,
                     .param .u32 n, .param .u32 k)
.reqntid 128
{
  .reg .pred %p<40>; .reg .b32 %r<400>; .reg .b64 %rd<60>; .reg .f32 %f<40>;
"""
STAGES, TILE = 3, 4096  # bytes of a tile of a or b in a stage


class Text:
    def __init__(self) -> None:
        self.lines: list[str] = [HEAD]
        self.used = {"r": 0, "p": 0, "rd": 0}

    def new(self, kind="r") -> str:
        self.used[kind] += 1
        return f"%{kind}{self.used[kind]}"

    def __call__(self, line: str) -> None:
        self.lines.append("  " + line)

    def op(self, opcode: str, *operands, kind="r") -> str:
        result = self.new(kind)
        self(f"{opcode} {', '.join(map(str, (result, *operands)))};")
        return result


def copies(t: Text, rows: str, pointer: str, size: str, depth: str, tile: int):
    """Of each thread: two chunks of 16 bytes of a tile. Gives for each the
    address in global memory, that in the first stage, and the bytes to read."""
    thread = t.op("mov.u32", "%tid.x")
    base = t.op("mov.u32", "ring")
    made = []
    for part in range(2):
        chunk = t.op("add.u32", thread, 128 * part)
        row, column = t.op("shr.u32", chunk, 2), t.op("and.b32", chunk, 3)
        swizzle = t.op("bfe.u32", row, 1, 2)
        swizzled = t.op("xor.b32", column, swizzle)
        at = t.op("mad.lo.u32", row, 64, base)
        at = t.op("mad.lo.u32", swizzled, 16, at)
        at = t.op("add.u32", at, tile)
        full = t.op("mad.lo.u32", rows, 64, row)
        inside = t.op("setp.lt.u32", full, size, kind="p")
        count = t.op("selp.b32", 16, 0, inside)
        element = t.op("mad.lo.u32", full, depth, 0)
        element = t.op("mad.lo.u32", column, 8, element)
        address = t.op("mad.wide.u32", element, 2, pointer, kind="rd")
        made.append((address, at, count))
    return made


def fetch(t: Text, made, stage: str) -> None:
    for address, at, count in made:
        to = t.op("add.u32", at, stage)
        t(f"cp.async.cg.shared.global [{to}], [{address}], 16, {count};")
        t(f"add.u64 {address}, {address}, 64;")


def fragments(t: Text, row: str, chunk: str, tile: int) -> list[str]:
    """The address in the first stage for both steps of 16 along k."""
    base = t.op("mov.u32", "ring")
    swizzle = t.op("bfe.u32", row, 1, 2)
    start = t.op("mad.lo.u32", row, 64, base)
    addresses = []
    for step in range(2):
        column = t.op("add.u32", chunk, 2 * step)
        column = t.op("xor.b32", column, swizzle)
        address = t.op("mad.lo.u32", column, 16, start)
        addresses.append(t.op("add.u32", address, tile))
    return addresses


def setup(t: Text) -> dict:
    for register, name in ((1, "a"), (2, "b"), (3, "c")):
        t(f"ld.param.u64 %rd{register}, [{name}];")
    t.used["rd"] = 3
    m, n, k = (t.op("ld.param.u32", f"[{name}]") for name in "mnk")
    bx, by = t.op("mov.u32", "%ctaid.x"), t.op("mov.u32", "%ctaid.y")
    lane = t.op("mov.u32", "%laneid")
    warp = t.op("shr.u32", t.op("mov.u32", "%tid.x"), 5)
    across, down = t.op("and.b32", warp, 1), t.op("shr.u32", warp, 1)
    return {
        "copies": copies(t, by, "%rd1", m, k, 0) + copies(t, bx, "%rd2", n, k, TILE),
        "m": m, "n": n, "k": k, "bx": bx, "by": by, "lane": lane,
        "across": across, "down": down,
    }  # fmt: skip


def product(t: Text, s: dict, stage: str) -> None:
    lane = s["lane"]
    if "a" not in s:
        row = t.op("and.b32", lane, 15)
        row = t.op("mad.lo.u32", s["down"], 32, row)
        s["a"] = [fragments(t, row, t.op("shr.u32", lane, 4), 0)]
        row = t.op("add.u32", row, 16)
        s["a"].append(fragments(t, row, t.op("shr.u32", lane, 4), 0))
        low, high = t.op("and.b32", lane, 7), t.op("bfe.u32", lane, 4, 1)
        row = t.op("mad.lo.u32", high, 8, low)
        row = t.op("mad.lo.u32", s["across"], 32, row)
        half = t.op("bfe.u32", lane, 3, 1)
        s["b"] = [fragments(t, row, half, TILE)]
        row = t.op("add.u32", row, 16)
        s["b"].append(fragments(t, row, half, TILE))
        return
    for step in range(2):
        operands = {}
        for name in "ab":
            for block in range(2):
                address = t.op("add.u32", s[name][block][step], stage)
                regs = [t.new() for _ in range(4)]
                operands[name, block] = regs
                t("ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                  f"{{{', '.join(regs)}}}, [{address}];")  # fmt: skip
        for i in range(2):
            for j in range(4):
                sums = ", ".join(f"%f{16 * i + 4 * j + e}" for e in range(4))
                left = ", ".join(operands["a", i])
                right = ", ".join(operands["b", j // 2][j % 2 * 2 : j % 2 * 2 + 2])
                t("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                  f"{{{sums}}}, {{{left}}}, {{{right}}}, {{{sums}}};")  # fmt: skip


def results(t: Text, s: dict) -> None:
    row = t.op("shr.u32", s["lane"], 2)
    row = t.op("mad.lo.u32", s["down"], 32, row)
    row = t.op("mad.lo.u32", s["by"], 64, row)
    column = t.op("and.b32", s["lane"], 3)
    column = t.op("mad.lo.u32", column, 2, t.op("mul.lo.u32", s["across"], 32))
    column = t.op("mad.lo.u32", s["bx"], 64, column)
    for i in range(2):
        for half in range(2):
            here = t.op("add.u32", row, 16 * i + 8 * half)
            inside = t.op("setp.lt.u32", here, s["m"], kind="p")
            for j in range(4):
                there = t.op("add.u32", column, 8 * j)
                both = t.op("setp.lt.and.u32", there, s["n"], inside, kind="p")
                element = t.op("mad.lo.u32", here, s["n"], there)
                address = t.op("mad.wide.u32", element, 4, "%rd3", kind="rd")
                first = 16 * i + 4 * j + 2 * half
                pair = f"{{%f{first}, %f{first + 1}}}"
                t(f"@{both} st.global.v2.f32 [{address}], {pair};")


def gemm() -> str:
    t = Text()
    s = setup(t)
    product(t, s, "")
    for i in range(32):
        t(f"mov.f32 %f{i}, 0f00000000;")
    tiles = t.op("shr.u32", s["k"], 5)
    for stage in range(STAGES - 1):
        fetch(t, s["copies"], str(2 * TILE * stage))
        t("cp.async.commit_group;")
    now, ahead = t.op("mov.u32", 0), t.op("mov.u32", 2 * TILE * (STAGES - 1))
    count = t.op("mov.u32", 0)
    left = t.new()
    more, wraps, ends = t.new("p"), t.new("p"), t.new("p")
    t.lines.append("LOOP:")
    t(f"cp.async.wait_group {STAGES - 2};")
    t("bar.sync 0;")
    t(f"add.u32 {left}, {count}, {STAGES - 1};")
    t(f"setp.ge.u32 {more}, {left}, {tiles};")
    t(f"@{more} bra NOTHING;")
    fetch(t, s["copies"], ahead)
    t.lines.append("NOTHING:")
    t("cp.async.commit_group;")
    product(t, s, now)
    for offset in (now, ahead):
        t(f"add.u32 {offset}, {offset}, {2 * TILE};")
        t(f"setp.eq.u32 {wraps}, {offset}, {2 * TILE * STAGES};")
        t(f"@{wraps} mov.u32 {offset}, 0;")
    t(f"add.u32 {count}, {count}, 1;")
    t(f"setp.lt.u32 {ends}, {count}, {tiles};")
    t(f"@{ends} bra LOOP;")
    results(t, s)
    t("ret;\n}")
    return "\n".join(t.lines) + "\n"


# What is replaced by what, and which occurrence: the kernel's own mistakes.
PIPELINE = {
    "waits for one group fewer": (r"wait_group 1", "wait_group 2", 0),
    "does not wait": (r"cp.async.wait_group 1;", "", 0),
    "no barrier": (r"bar.sync 0;", "", 0),
    "barrier before the wait": (
        r"(cp.async.wait_group 1;)\s*(bar.sync 0;)",
        r"\2 \1",
        0,
    ),
    "no commit in the loop": (r"(NOTHING:\s*)cp.async.commit_group;", r"\1", 0),
    "no commit before the loop": (r"cp.async.commit_group;", "", 0),
    "the ring read with two stages": (r", 24576;", ", 16384;", 0),
    "the ring written with two stages": (r", 24576;", ", 16384;", 1),
    "second tile over the first": (r", 8192;(\s*cp.async)", r", 0;\1", 0),
    "copies one tile further ahead": (r"add.u32 (%r\d+), (%r\d+), 2;(\s*setp.ge)",
                                      r"add.u32 \1, \2, 1;\3", 0),
}  # fmt: skip
ARITHMETIC = {
    "b's tile over a's": (r", 4096;", ", 0;", 0),
    "swizzle of a copy": (r", 1, 2;", ", 2, 2;", 0),
    "swizzle of a fragment": (r", 1, 2;", ", 2, 2;", 4),
    "no zeros beyond the last row": (r", 16, 0, %p", ", 16, 16, %p", 1),
    "half of what is copied": (r", 16, 0, %p", ", 8, 0, %p", 3),
    "copies twice from one place": (r", 64;\n", ", 32;\n", 8),
    "half of the tiles": (r", 5;\n  add", ", 6;\n  add", 0),
    "sums are not cleared": (r"mov.f32 %f5, 0f00000000;", "", 0),
    "sums start at one": (r"%f5, 0f00000000;", "%f5, 0f3f800000;", 0),
    "stores one column too many": (r"setp.lt.and", "setp.le.and", 1),
    "stores one row too many": (r"setp.lt.u32 (%p\d+), (%r\d+), %r1;\s*add",
                                r"setp.le.u32 \1, \2, %r1; add", 0),
    "stores where it should not": (r"@%p(\d+) st", r"@!%p\1 st", 0),
    "transposes a fragment": (r".x4.shared", ".x4.trans.shared", 0),
    "lanes of b's halves": (r", 3, 1;", ", 4, 1;", 0),
    "one product more": (r"setp.lt.u32(.*\n.*bra LOOP)", r"setp.le.u32\1", 0),
    "registers of a": (r"({%f0.*}, {)(%r\d+), (%r\d+)", r"\1\3, \2", 0),
    "registers of b": (r"({%f4.*}, {.*}, {)(%r\d+), (%r\d+)", r"\1\3, \2", 0),
    "sums of another tile": (r"({%f8, .*), {%f8, %f9", r"\1, {%f12, %f9", 0),
    "a column's address": (r"mad.wide.u32 (%rd\d+), (%r\d+), 4",
                           r"mad.wide.u32 \1, \2, 2", 0),
}  # fmt: skip


def mutant(pattern: str, replacement: str, which: int) -> str:
    text = gemm()
    found = list(re.finditer(pattern, text))[which]
    changed = found.expand(replacement)
    assert changed != found.group(), pattern
    return text[: found.start()] + changed + text[found.end() :]
