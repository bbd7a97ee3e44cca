"""Empty CUDA libraries, so that PyPI's torch loads without the gigabytes it
would never call on a CPU: every function answers 100, no device.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import re
import subprocess
import sysconfig
import tempfile
from pathlib import Path

CUDA = re.compile(r"(lib)?_*(cu|nccl|nvrtc|nvshmem|nvtx|nvJit)")


def lines(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def main():
    folder = Path(sysconfig.get_path("purelib")) / "torch" / "lib"
    needed, functions = set(), set()
    for library in folder.glob("*.so*"):
        for line in lines("llvm-readelf-22", "--needed-libs", library):
            needed.add(line.strip())
        for line in lines("llvm-nm-22", "-D", "--undefined-only", library):
            functions.add(line.split()[-1].partition("@")[0])
    absent = [n for n in needed if CUDA.match(n) and not (folder / n).exists()]
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "stubs.c"
        for name in sorted(absent):
            # All in the first library: the loader looks everywhere.
            text = [f"int {f}(void) {{ return 100; }}" for f in functions]
            source.write_text("\n".join(t for t in text if CUDA.match(t[4:])))
            functions = set()
            made = f"-Wl,-soname,{name}", "-o", folder / name
            flags = "-w", "-fno-builtin", "-shared", "-fPIC"
            subprocess.run(["clang-22", *flags, source, *made], check=True)


if __name__ == "__main__":
    main()
