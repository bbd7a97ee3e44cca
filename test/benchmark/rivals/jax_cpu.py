"""XLA:CPU through JAX.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import time

import jax
from rivals.base import Base
from rivals.jax_models import program


class System(Base):
    def version(self):
        return jax.__version__

    def prepare(self):
        # XLA takes its threads from the CPUs the worker allows it.
        function, arguments = program(self.work)
        self.arguments = jax.device_put(arguments)
        lowered = jax.jit(function).lower(*self.arguments)
        begin = time.perf_counter()
        self.compiled = lowered.compile()
        self.compile_seconds = time.perf_counter() - begin

    def facts(self):
        return {"compile_seconds": self.compile_seconds}

    def run(self):
        self.result = self.compiled(*self.arguments).block_until_ready()

    def output(self):
        return self.result
