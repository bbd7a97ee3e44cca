"""lit tests: every .mlir and .test file of this folder, against the tools of
build/bin (`--param build=FOLDER` for another build).

Substitutions: %data is test/data, %models is models/, %python the interpreter.
Features: nvcc, ptxas, avx2, avx512, avx512bf16, torch, qemu, models.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import importlib.util
import os
import pathlib
import shutil
import sys

import lit.formats

root = pathlib.Path(__file__).resolve().parents[1]
build = root / lit_config.params.get("build", "build")  # noqa: F821

config = globals()["config"]
config.name = "trine"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "data", "fuzz", "oracle", "python", "unit"]
config.test_source_root = str(root / "test")
config.test_exec_root = str(build / "test-lit")

path = [build / "bin", "/usr/lib/llvm-22/bin", os.environ["PATH"]]
path += ["/usr/local/cuda/bin"]  # where nvcc is if it is not on the path
search = os.pathsep.join(map(str, path))
config.environment["PATH"] = search
config.substitutions += [
    ("%data", str(root / "test" / "data")),
    ("%models", str(root / "models")),
    ("%python", sys.executable),
]


def cpu_flags() -> set[str]:
    text = pathlib.Path("/proc/cpuinfo").read_text()
    line = next((x for x in text.splitlines() if x.startswith("flags")), "")
    return set(line.split())


flags = cpu_flags()
features = {
    "nvcc": shutil.which("nvcc", path=search) is not None,
    "ptxas": shutil.which("ptxas") is not None,
    "avx2": {"avx2", "fma"} <= flags,
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags,
    "avx512bf16": "avx512_bf16" in flags,
    "torch": importlib.util.find_spec("torch") is not None,
    "qemu": shutil.which("qemu-x86_64") is not None,
    "models": (root / "models" / "smollm2").is_dir(),
}
config.available_features |= {name for name, here in features.items() if here}
