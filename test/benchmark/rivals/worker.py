"""One system, one work, one process.

  worker.py SYSTEM < lines

The first line of stdin is the work as JSON (see Work in works.py); the answer
is one JSON line: {"version", "prepare_seconds", "first_seconds", "output", …}
or {"refused": message}. Every further line "N" runs the work N times and
answers {"seconds": [...]}.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def memory():
    """Peak bytes this process held, files included, and anonymous bytes now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {
        name: int(fields[field].split()[0]) * 1024
        for name, field in (("peak_bytes", "VmHWM"), ("anonymous_bytes", "RssAnon"))
    }


def start(name, work):
    """Prepares and runs once; the time from loading to the first output."""
    system = importlib.import_module(f"rivals.{name}").System(work)
    version = system.version()
    begin = time.perf_counter()
    system.prepare()
    prepared = time.perf_counter()
    system.run()
    done = time.perf_counter()
    numpy.save(work["output"], numpy.asarray(system.output(), numpy.float32))
    facts = {
        "version": version,
        "prepare_seconds": prepared - begin,
        "first_seconds": done - begin,
        "run_seconds": done - prepared,
        **memory(),
        **system.facts(),
    }
    return system, facts


def main():
    # Libraries talk on stdout; the answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    work = json.loads(sys.stdin.readline())
    # Every system sees the CPUs it may use, whatever its own setting does.
    cpus = sorted(os.sched_getaffinity(0))[-work["threads"] :]
    os.sched_setaffinity(0, cpus)
    try:
        system, facts = start(sys.argv[1], work)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        print(json.dumps({"refused": text[:600]}), file=answers)
        return
    print(json.dumps(facts), file=answers)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            system.reset()
            begin = time.perf_counter()
            system.run()
            seconds.append(time.perf_counter() - begin)
        system.reset()
        print(json.dumps({"seconds": seconds}), file=answers)


if __name__ == "__main__":
    main()
