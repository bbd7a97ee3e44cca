"""Trine through its Python interface, as a user runs it.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy
import trine
from rivals.base import Base


class System(Base):
    def version(self):
        return trine.__version__

    def prepare(self):
        work = self.work
        self.model = trine.load(work["package"], device="cpu", threads=work["threads"])
        tokens = numpy.array(work["tokens"], numpy.int32)
        if work["kind"] == "encode":
            mask = numpy.ones_like(tokens)
            self.call = lambda: self.model.run("encode", tokens=tokens, mask=mask)
            return
        self.session = self.model.session(batch=len(tokens))
        if work["kind"] == "decode":
            self.session.run("prefill", tokens=tokens[:, :-1])
        step = tokens if work["kind"] == "prefill" else tokens[:, -1:]
        self.start = tokens.shape[1] - step.shape[1]
        self.call = lambda: self.session.run(work["kind"], tokens=step)

    def run(self):
        self.result = self.call()

    def reset(self):
        if self.work["kind"] != "encode":
            self.session.truncate(self.start)

    def output(self):
        return self.result["hidden" if self.work["kind"] == "encode" else "logits"]
