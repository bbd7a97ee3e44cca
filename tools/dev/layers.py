"""Checks that every #include points down the layers of the design.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import re
import subprocess
import sys

# A room and the rooms it may include (itself always). Rooms not named here
# stand at the top: they may include everything.
BELOW: dict[str, set[str]] = {
    "Support": set(),
    "Interfaces": {"Support"},
    "Formats": {"Support"},
    "Package": {"Support", "Formats"},
    "Runtime": {"Support", "Formats", "Package"},
    # Shares nothing with the compiler, so that one cannot excuse the other; the
    # stand-in driver has the entry points that the runtime looks up.
    "Simulator": {"Support", "Runtime"},
    # Which stored formats are blocked is the file formats' knowledge.
    "graph": {"Support", "Interfaces", "Formats"},
    # Codes are graph values, and parameters are made of stored tensors.
    "fp8": {"Support", "Interfaces", "Formats", "graph"},
    # A kernel holds the graph operations it computes.
    "launch": {"Support", "Interfaces", "graph"},
    "npu": {"Support", "Interfaces"},
    "npuisa": {"Support", "Interfaces"},
    "Import": {"Support", "Interfaces", "Formats", "graph", "fp8", "launch"},
    # The plug-in reads models and packages and fits the runtime's interfaces.
    "Reference": {
        "Support",
        "Interfaces",
        "Formats",
        "Package",
        "Runtime",
        "graph",
        "launch",
        "fp8",
    },
}
# These link no LLVM, so that sanitizers and fuzzers run on them cleanly.
LLVM_FREE = {"Support", "Formats", "Package", "Runtime", "Simulator"}
PRECOMPILED = {"lib/Support/PCH.h", "lib/Support/PCH.cpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def room(path: str) -> str | None:
    """The room of a file or of an included path; None outside all rooms."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[:2] == ("include", "trine") or parts[:1] == ("trine",):
        parts = parts[parts.index("trine") :]
    if len(parts) > 2 and parts[0] in ("lib", "dialects", "trine"):
        return parts[1]
    return None


def violations(name: str, text: str) -> list[str]:
    here = room(name)
    if here is None or name in PRECOMPILED:
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(1)
        there = room(target)
        if here in LLVM_FREE and target.startswith(("llvm/", "mlir/", "clang/")):
            found.append(f"{name}:{number}: {here} links no LLVM, got {target}")
        elif here in BELOW and there not in (None, here) and there not in BELOW[here]:
            allowed = ", ".join(sorted(BELOW[here])) or "nothing"
            found.append(f"{name}:{number}: {here} may include {allowed}, got {target}")
    return found


def main() -> int:
    files = subprocess.run(
        ["git", "ls-files", "*.h", "*.cpp", "*.c", "*.td"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    found = []
    for name in files:
        path = pathlib.Path(name)
        if path.is_file():
            found += violations(name, path.read_text())
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
