"""Runs the unittests of a folder and writes their outcomes as JSON:
[[name, "passed" | "failed" | "skipped", reason]].

Usage: run_unittest.py FOLDER OUT.json
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import sys
import unittest


class Outcomes(unittest.TextTestResult):
    """One outcome a test; a failing subtest fails its test."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.outcomes: dict[str, tuple[str, str]] = {}

    def addSuccess(self, test):
        super().addSuccess(test)
        self.outcomes.setdefault(test.id(), ("passed", ""))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcomes[test.id()] = ("failed", str(err[1]))

    def addError(self, test, err):
        super().addError(test, err)
        self.outcomes[test.id()] = ("failed", repr(err[1]))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.outcomes[test.id()] = ("failed", f"{subtest}: {err[1]}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcomes.setdefault(test.id(), ("skipped", reason))


def main(folder: str, output: str) -> None:
    suite = unittest.defaultTestLoader.discover(folder)
    runner = unittest.TextTestRunner(resultclass=Outcomes, verbosity=2)
    result = runner.run(suite)
    rows = [[name, *outcome] for name, outcome in result.outcomes.items()]
    pathlib.Path(output).write_text(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
