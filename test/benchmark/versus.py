"""Trine and the rivals in turn: a process each, equal threads and precision.

All the workers of a work are started and wait; then they take turns. The first
outputs are compared with the first system's that has one.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import contextlib
import fnmatch
import json
import os
import statistics
import subprocess
import threading
import time

import numpy
import onnx_bert
import shapes
import works
from session import Refused
from shapes import ROOT

PYTHON = ROOT / "build-rivals" / "bin" / "python"
TURN_SECONDS, PAUSE_SECONDS, LIMIT_SECONDS = 0.25, 0.05, 900
SLOW_SECONDS = 2  # systems of a work with a slower one take three turns of five
# A rival under conditions of its own: adapter and environment.
VARIANTS = {
    "openvino_no_amx": ("openvino_cpu", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"})
}
# Cosine of the first outputs. Random weights amplify what rounding changes.
AGREE = {"f32": 0.9999, "bf16": 0.995, "int8": 0.99}


class Worker:
    """A process of rivals/worker.py."""

    def __init__(self, python, system, work):
        self.system, self.compute = system, work["compute"]
        self.seconds, self.facts = [], {}
        self.told = work
        adapter, extra = VARIANTS.get(system, (system, {}))
        self.process = subprocess.Popen(
            [python, ROOT / "test/benchmark/rivals/worker.py", adapter],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **extra, "PYTHONPATH": str(ROOT / "python")},
        )
        self.facts = self.ask(json.dumps(work))
        if "refused" in self.facts:
            self.stop()
            raise Refused(self.facts["refused"])

    def ask(self, line):
        watch = threading.Timer(LIMIT_SECONDS, self.process.kill)
        watch.start()
        with contextlib.suppress(BrokenPipeError):
            print(line, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        watch.cancel()
        if answer:
            return json.loads(answer)
        status = self.process.wait()
        return {"refused": f"the process ended with status {status}"}

    def turn(self):
        """As many runs as fit a turn."""
        guess = min(self.seconds) if self.seconds else self.facts["run_seconds"]
        count = max(1, min(50, int(TURN_SECONDS / guess)))
        answer = self.ask(str(count))
        if "refused" in answer:
            raise Refused(answer["refused"])
        self.seconds += answer["seconds"]
        time.sleep(PAUSE_SECONDS)  # pools stop spinning

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def request(run, work, threads, compute, system):
    """What a worker is told."""
    facts = {
        "kind": work.kind,
        "model": work.model.name,
        "threads": threads,
        "compute": compute,
        "tokens": work.ids(),
        "output": str(run.folder / f"{system}-{compute}.npy"),
    }
    if work.kind == "encode":
        source = shapes.directory(work.model)
        if VARIANTS.get(system, [system])[0] in works.ONNX_READERS:
            path = onnx_bert.export(work.model, work.batch, work.length)
            facts["onnx"] = str(path)
        facts |= {"heads": work.model.heads, "hidden": work.model.hidden}
    else:
        source = shapes.gguf(work.model, work.storage)
        facts["gguf"] = str(source)
    if system == "trine_cpu":
        flags = [] if compute == "f32" else [f"--compute={compute}"]
        if work.model is shapes.LLAMA_1B:
            flags.append("--max-sequence=4096")
        facts["package"] = str(run.package(source, *flags))
        facts["compile_seconds"] = run.compile_seconds
    return facts


def systems(run, work):
    yield from (("trine_cpu", compute) for compute in work.computes)
    if PYTHON.exists():
        yield from ((rival, work.rival_compute(rival)) for rival in work.rivals)
        tiles = "amx-bf16" in run.machine["features"]
        if work.kind == "encode" and work.storage == "bf16" and tiles:
            yield from ((variant, "bf16") for variant in VARIANTS)


def start(run, work, threads):
    """The workers that can; rows for those that cannot."""
    workers = []
    for system, compute in systems(run, work):
        trine = system == "trine_cpu"
        python = ROOT / ".venv/bin/python" if trine else PYTHON
        try:
            told = request(run, work, threads, compute, system)
            workers.append(Worker(python, system, told))
        except (Refused, ValueError) as refused:
            refuse(run, work, threads, (system, compute), refused)
    return workers


def refuse(run, work, threads, who, refused):
    system, compute = who
    facts = {"threads": threads, "compute": compute, "refused": str(refused)}
    run.row(work.name, system.removesuffix("_cpu"), **facts, version=None)


def cosine(a, b):
    a, b = (array.astype(numpy.float64).ravel() for array in (a, b))
    return float(a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b))


def measure(run, work, threads):
    """Rows of all systems; the row of each."""
    workers = start(run, work, threads)
    slow = any(worker.facts["run_seconds"] > SLOW_SECONDS for worker in workers)
    for _ in range(5 if run.options.full and not slow else 3):
        for worker in list(workers):
            try:
                worker.turn()
            except Refused as refused:
                workers.remove(worker)
                refuse(run, work, threads, (worker.system, worker.compute), refused)
    rows, expected = [], None
    for worker in workers:
        worker.stop()
        output = numpy.load(worker.told["output"])
        expected = output if expected is None else expected
        rows.append(
            run.row(
                work.name,
                worker.system.removesuffix("_cpu"),
                threads=threads,
                compute=worker.compute,
                median_seconds=statistics.median(worker.seconds),
                best_seconds=min(worker.seconds),
                tokens_per_second=work.tokens / min(worker.seconds),
                runs=len(worker.seconds),
                cosine=cosine(output, expected),
                group=work.group,
                flops=work.flops(),
                bytes=work.bytes(),
                package=worker.told.get("package"),
                **worker.facts,
            )
        )
        if worker.system != "trine_cpu" and rows[0]["system"] == "trine":
            least = AGREE[
                max(worker.compute, rows[0]["compute"], key=list(AGREE).index)
            ]
            name = f"{work.name} {threads}t: first output of {rows[-1]['system']}"
            if rows[-1]["cosine"] < least:
                run.bar(f"{name}, cosine", rows[-1]["cosine"], least)
    return rows


def group(run, name, pattern):
    """All works of a group whose name matches."""
    import bars

    last = None
    for work in works.GROUPS[name](run.options.full):
        if not fnmatch.fnmatch(work.name, f"*{pattern}*"):
            continue
        if last not in (None, (work.model, work.storage)):
            run.forget()
        last = work.model, work.storage
        for threads in (1, 2):
            bars.versus(run, work, threads, measure(run, work, threads))
    run.forget()


def costs(run, pattern):
    """Compiling, loading up to the first output, memory, size: rows and bars."""
    import bars

    for work in works.costs(run.options.full):
        if not fnmatch.fnmatch(work.name, f"*{pattern}*"):
            continue
        taken = {}
        for _ in range(3):
            run.forget()
            for worker in start(run, work, 2):
                worker.stop()
                facts = {"compute": worker.compute, **worker.facts}
                package = worker.told.get("package") or worker.told.get("gguf")
                if package:
                    facts.setdefault("package_bytes", os.path.getsize(package))
                if "compile_seconds" in worker.told:
                    facts["compile_seconds"] = worker.told["compile_seconds"]
                key = worker.system.removesuffix("_cpu"), worker.compute
                taken.setdefault(key, []).append(facts)
        for (system, _), facts in taken.items():
            cost_rows(run, work, system, facts)
        bars.costs(run, work, taken)
    run.forget()


def cost_rows(run, work, system, facts):
    """A row for each time of several starts, with the bytes of the last."""
    last = facts[-1]
    sizes = {name: size for name, size in last.items() if name.endswith("_bytes")}
    for name, key in (("load", "first_seconds"), ("compile", "compile_seconds")):
        seconds = [one[key] for one in facts if key in one]
        if seconds:
            run.row(
                f"{name} {work.model.name} {work.storage}",
                system,
                version=last["version"],
                threads=2,
                compute=last["compute"],
                median_seconds=statistics.median(seconds),
                best_seconds=min(seconds),
                **sizes,
            )
