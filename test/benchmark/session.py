"""One run of the benchmark: what it has measured, and how it calls the tools.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy
from shapes import ROOT

BIN = ROOT / "build" / "bin"


class Refused(Exception):
    """A system that cannot do a work, with its message."""


def tool(name, *arguments):
    """What the tool prints; Refused with its first lines of errors."""
    command = [str(BIN / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()[:2] or [f"{name}: no message"]
        raise Refused(f"exit {done.returncode}: {'; '.join(lines)}")
    return done.stdout


class Run:
    """Rows and bars, and the packages made so far."""

    def __init__(self, options, folder):
        self.options, self.folder = options, Path(folder)
        self.rows, self.bars, self.machine, self.profiles = [], [], {}, {}
        self.packages = {}
        self.repeat = 10 if options.full else 5
        self.version = tool("trine-run", "--version").split()[-1]

    def progress(self, text):
        if not self.options.json:
            print(f"  {text}", file=sys.stderr, flush=True)

    def row(self, work, system="trine", **facts):
        row = {"work": work, "system": system, "version": self.version, **facts}
        self.rows.append(row)
        if "refused" in row:
            self.progress(f"{work}: {system} refused: {row['refused']}")
        else:
            milliseconds = row["best_seconds"] * 1e3
            self.progress(f"{work}: {system} {row['compute']} {milliseconds:.2f} ms")
        return row

    def bar(self, name, value, bar, at_least=True, **facts):
        passed = value >= bar if at_least else value <= bar
        line = {"name": name, "value": value, "bar": bar, "pass": bool(passed)}
        self.bars.append(line | facts)

    def bench(self, package, entry, inputs, repeat=None, threads=None, calls=()):
        """The result of trine-run --bench, in a process of its own."""
        arguments = [package, f"--bench={repeat or self.repeat}", "--json"]
        arguments += [f"--threads={threads or self.options.threads}"]
        for call in calls:
            arguments += ["--call", call]
        arguments += [f"--entry={entry}"]
        for name, value in inputs.items():
            arguments += ["--input", f"{name}={value}"]
        return json.loads(tool("trine-run", *arguments))

    def measured(self, work, result):
        """A row of what `bench` answered; its median."""
        names = ("threads", "compute", "median_seconds", "best_seconds")
        self.row(work, **{name: result[name] for name in names})
        return result["median_seconds"]

    def package(self, source, *flags):
        """The package of a model; compiled once, with the time that took."""
        key = (str(source), *flags)
        if key not in self.packages:
            path = self.folder / f"{len(self.packages)}.trine"
            begin = time.perf_counter()
            try:
                tool("trine-compile", source, "--quiet", "-o", path, *flags)
                made = path, time.perf_counter() - begin
            except Refused as refused:
                made = refused, 0
            self.packages[key] = made
        path, self.compile_seconds = self.packages[key]
        if isinstance(path, Refused):
            raise path
        return path

    def explain(self, bar, arguments):
        """Adds the kernels' times to a missed bar."""
        path = self.folder / "profile.json"
        try:
            tool("trine-run", *arguments, f"--profile={path}", "--quiet")
            bar["profile"] = json.loads(path.read_text())["kernels"]
        except Refused as refused:
            bar["why"] = str(refused)

    def forget(self):
        """Deletes the packages: those of a large model fill the disk."""
        for path, _ in self.packages.values():
            if isinstance(path, Path):
                path.unlink(missing_ok=True)
        self.packages.clear()

    def tokens(self, count):
        """A .npy of `count` token ids, i32[1, count]."""
        path = self.folder / f"tokens{count}.npy"
        ids = numpy.arange(count, dtype=numpy.int32).reshape(1, count)
        numpy.save(path, ids * 37 % 40000)
        return path
