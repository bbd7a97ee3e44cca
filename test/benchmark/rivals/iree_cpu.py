"""IREE's CPU back end, from the StableHLO of the program XLA gets.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import os
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import jax
import numpy
from iree import runtime
from iree.compiler.tools import binaries
from rivals.base import Base
from rivals.jax_models import program

FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    # At the default of 32 KiB a LayerNorm of 384 columns is refused at O2.
    "--iree-llvmcpu-stack-allocation-limit=262144",
)


def compiled(source, path):
    """The program at the highest level that works, and what that level took."""
    tool = binaries.find_tool("iree-compile")
    for level in ("O3", "O2", "O1"):
        begin = time.perf_counter()
        command = [tool, source, "-o", path, *FLAGS, f"--iree-opt-level={level}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            facts = {"compile_seconds": time.perf_counter() - begin, "level": level}
            return facts | {"package_bytes": path.stat().st_size}
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    raise RuntimeError((lines or [done.stderr])[0])


class System(Base):
    def version(self):
        return version("iree-base-compiler")

    def prepare(self):
        function, arguments = program(self.work)
        base = Path(self.work["output"])
        source, path = base.with_suffix(".mlirbc"), base.with_suffix(".vmfb")
        module = jax.jit(function).lower(*arguments).compiler_ir("stablehlo")
        with source.open("wb") as file:
            module.operation.write_bytecode(file)
        self.compiled = compiled(source, path)
        source.unlink()
        # The worker's affinity is the number of threads.
        runtime.flags.FUNCTION_INPUT_VALIDATION = False
        runtime.flags.parse_flags(f"--task_topology_cpu_ids={self.cpus()}")
        config = runtime.Config("local-task")
        context = runtime.SystemContext(config=config)
        module = runtime.VmModule.mmap(config.vm_instance, str(path))
        context.add_vm_module(module)
        path.unlink()
        self.function = context.modules[module.name]["main"]
        self.arguments = [
            runtime.asdevicearray(config.device, numpy.asarray(array))
            for array in arguments
        ]

    def cpus(self):
        return ",".join(map(str, sorted(os.sched_getaffinity(0))))

    def facts(self):
        return self.compiled

    def run(self):
        self.result = self.function(*self.arguments).to_host()

    def output(self):
        return self.result
