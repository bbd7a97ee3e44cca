"""Builds, then runs every test of the repository stage by stage; called by
tools/dev/test, which has set up the machine. Prints failures, the reason of every
skip, a time table, and last "N passed, N failed, N skipped".

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

FEATURES = ("avx2", "avx512", "avx512bf16", "models", "nvcc", "ptxas", "qemu", "torch")
ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = str(ROOT / ".venv" / "bin" / "python")


@dataclasses.dataclass
class Outcome:
    name: str
    result: str  # passed, failed, skipped
    reason: str = ""


def run(command: list[str], timeout: int, **options) -> subprocess.CompletedProcess:
    """Output and errors together as text; a time-out is status 124."""
    try:
        return subprocess.run(
            command,
            cwd=options.pop("cwd", ROOT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            text=True,
            errors="replace",
            **options,
        )
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode(errors="replace")
        output += f"\nstopped after {timeout} seconds\n"
        return subprocess.CompletedProcess(command, 124, output)


def command(name: str, arguments: list[str], timeout: int) -> Iterator[Outcome]:
    """A command that counts as one test."""
    done = run(arguments, timeout)
    if done.returncode:
        yield Outcome(name, "failed", done.stdout[-6000:])
    else:
        yield Outcome(name, "passed")


def build(preset: str) -> Iterator[Outcome]:
    return command(f"build {preset}", ["tools/dev/build", preset], 5000)


def models() -> Iterator[Outcome]:
    return command("models", ["tools/dev/models"], 600)


def ctest(folder: str) -> Iterator[Outcome]:
    """Every CTest test, two at a time; GoogleTest's cases one by one."""
    listing = run(["ctest", "--test-dir", folder, "--show-only=json-v1"], 60)
    tests = [t for t in json.loads(listing.stdout)["tests"] if "command" in t]
    with (
        tempfile.TemporaryDirectory() as reports,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        jobs = [pool.submit(ctest_one, test, reports, folder) for test in tests]
        for job in jobs:
            yield from job.result()


def ctest_one(test: dict, reports: str, folder: str) -> list[Outcome]:
    report = pathlib.Path(reports) / f"{test['name']}.json"
    properties = {p["name"]: p["value"] for p in test.get("properties", [])}
    environment = dict(os.environ, GTEST_OUTPUT=f"json:{report}")
    for setting in properties.get("ENVIRONMENT", []):
        key, _, value = setting.partition("=")
        environment[key] = value
    where = properties.get("WORKING_DIRECTORY", str(ROOT / folder))
    done = run(test["command"], 300, env=environment, cwd=where)
    outcomes = list(gtest_cases(report)) if report.exists() else []
    if not outcomes or (
        done.returncode and not any(o.result == "failed" for o in outcomes)
    ):
        result = "failed" if done.returncode else "passed"
        reason = f"exit status {done.returncode}\n{done.stdout[-4000:]}"
        outcomes.append(Outcome(test["name"], result, reason))
    return outcomes


def gtest_cases(report: pathlib.Path) -> Iterator[Outcome]:
    for suite in json.loads(report.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if failures := case.get("failures"):
                text = "\n".join(failure["failure"] for failure in failures)
                yield Outcome(name, "failed", text)
            elif case["result"] == "SKIPPED" or case["status"] == "NOTRUN":
                skips = case.get("skipped") or [{}]
                yield Outcome(name, "skipped", skips[0].get("message", "disabled"))
            else:
                yield Outcome(name, "passed")


def lit() -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "lit.json"
        lit_tool = str(pathlib.Path(PYTHON).with_name("lit"))
        done = run([lit_tool, "-q", "-j2", "-o", str(report), "test"], 1800)
        if not report.exists():
            yield Outcome("lit", "failed", done.stdout[-4000:])
            return
        for test in json.loads(report.read_text())["tests"]:
            code, output = test["code"], test["output"]
            if code in ("PASS", "XFAIL", "FLAKYPASS"):
                yield Outcome(test["name"], "passed")
            elif code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
                yield Outcome(test["name"], "skipped", output.strip() or code)
            else:
                yield Outcome(test["name"], "failed", f"{code}\n{output[-4000:]}")


def python(folder: str) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as reports:
        report = pathlib.Path(reports) / "unittest.json"
        script = ["tools/dev/run_unittest.py", folder, str(report)]
        done = run([PYTHON, *script], 2400)
        if not report.exists():
            yield Outcome(folder, "failed", done.stdout[-6000:])
            return
        outcomes = [Outcome(*row) for row in json.loads(report.read_text())]
        yield from outcomes


def checks() -> Iterator[Outcome]:
    text = run(["tools/dev/check"], 600).stdout
    for result, name, detail in re.findall(
        r"^(ok|FAIL) (\S+)\n((?:(?!ok |FAIL ).*\n)*)", text, re.MULTILINE
    ):
        yield Outcome(
            f"check {name}", "failed" if result == "FAIL" else "passed", detail
        )


def oracle() -> Iterator[Outcome]:
    return command("oracle", ["test/oracle/run"], 5000)


def benchmark() -> Iterator[Outcome]:
    """A missed bar is a failure."""
    done = run([PYTHON, "test/benchmark/run", "--full", "--json"], 3000)
    if done.returncode not in (0, 3):
        yield Outcome("benchmark", "failed", done.stdout[-4000:])
        return
    for bar in json.loads(done.stdout[done.stdout.index("{") :])["bars"]:
        reason = f"{bar['value']} for a bar of {bar['bar']}"
        yield Outcome(bar["name"], "passed" if bar["pass"] else "failed", reason)


class Report:
    """Collects outcomes; prints failures and skips as they come."""

    def __init__(self, required: list[str], setup_seconds: int) -> None:
        self.required = required
        self.counts: collections.Counter[str] = collections.Counter()
        self.times: list[tuple[str, float, int]] = [("setup", setup_seconds, 0)]

    def stage(self, name: str, outcomes: Callable[[], Iterator[Outcome]]) -> bool:
        print(f"== {name}", flush=True)
        start, counts = time.monotonic(), collections.Counter[str]()
        for outcome in outcomes():
            self.judge(outcome)
            counts[outcome.result] += 1
            if outcome.result != "passed":
                text = outcome.reason.strip()
                print(f"{outcome.result.upper()} {outcome.name}: {text}", flush=True)
        seconds = time.monotonic() - start
        self.counts += counts
        self.times.append((name, seconds, counts.total()))
        print(f"   {line(counts)} in {seconds:.0f} s", flush=True)
        return not counts["failed"]

    def judge(self, outcome: Outcome) -> None:
        """A skip of a required feature, or without a reason, is a failure."""
        if outcome.result != "skipped":
            return
        words = re.findall(r"\w+", outcome.reason)
        needed = [f for f in self.required if f in words]
        if needed:
            outcome.result = "failed"
            outcome.reason += f" (required: {', '.join(needed)})"
        elif not words:
            outcome.result, outcome.reason = "failed", "skipped without a reason"

    def close(self) -> int:
        print("\n| stage | seconds | tests |\n|---|---:|---:|")
        for name, seconds, tests in self.times:
            print(f"| {name} | {seconds:.0f} | {tests or ''} |")
        total = sum(seconds for _, seconds, _ in self.times)
        print(f"| all | {total:.0f} | {self.counts.total()} |\n")
        print(line(self.counts), flush=True)
        return 1 if self.counts["failed"] or not self.counts["passed"] else 0


def line(counts: collections.Counter[str]) -> str:
    return ", ".join(f"{counts[k]} {k}" for k in ("passed", "failed", "skipped"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/dev/test",
        description="Sets up, builds and runs the tests; exit code 0 if all passed.",
        allow_abbrev=False,
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="no models, no fuzzing")
    size.add_argument("--full", action="store_true", help="the benchmark's bars too")
    parser.add_argument(
        "--oracle", action="store_true", help="first make the goldens anew with torch"
    )
    parser.add_argument(
        "--require",
        metavar="F,...",
        default="",
        help=f"a skip for lack of these is a failure: {', '.join(FEATURES)}",
    )
    parser.add_argument("--setup-seconds", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.require = [f for f in options.require.split(",") if f]
    for feature in options.require:
        if feature not in FEATURES:
            known = ", ".join(FEATURES)
            parser.error(f"--require: expected some of {known}, got {feature}")
    return options


def main() -> int:
    options = arguments()
    level = "quick" if options.quick else "full" if options.full else "default"
    os.environ["TRINE_TEST_LEVEL"] = level
    report = Report(options.require, options.setup_seconds)
    if not report.stage(
        "build", lambda: build("ci" if os.environ.get("CI") else "dev")
    ):
        return report.close()
    if not options.quick:
        report.stage("models", models)
    if options.oracle:
        report.stage("oracle", oracle)
    report.stage("check", checks)
    report.stage("unit", lambda: ctest("build"))
    report.stage("lit", lit)
    for folder in ("reference", "run", "python"):
        report.stage(folder, lambda folder=folder: python(f"test/{folder}"))
    if not options.quick and report.stage("build asan", lambda: build("asan")):
        report.stage("asan and fuzz", lambda: ctest("build-asan"))
    if options.full:
        report.stage("benchmark", benchmark)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
