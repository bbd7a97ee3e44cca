"""Sources that outgrew their room: more than 500 lines is reported, more than
800 is an error.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import subprocess
import sys

SOFT, HARD = 500, 800
SUFFIXES = {".h", ".cpp", ".c", ".td", ".py", ".sh", ".cmake"}


def main() -> int:
    files = subprocess.run(
        ["git", "ls-files"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    status = 0
    for name in files:
        path = pathlib.Path(name)
        if path.suffix not in SUFFIXES or not path.is_file():
            continue
        lines = len(path.read_bytes().splitlines())
        if lines > SOFT:
            status |= lines > HARD
            limit = HARD if lines > HARD else SOFT
            print(f"{name}: expected at most {limit} lines, got {lines}; split it")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
