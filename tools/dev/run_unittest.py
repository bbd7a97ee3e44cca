"""Runs the unittests of a folder and writes their outcomes as JSON:
[[name, "passed" | "failed" | "skipped", reason]].

Usage: run_unittest.py FOLDER OUT.json
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import sys
import traceback
import unittest

import trine


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
        self._failed(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, err, subtest)

    def _failed(self, test, err, subtest=""):
        """Subtests add to their test's reason; traces only of surprises."""
        expected = (AssertionError, trine.Error)
        text = str(err[1])
        if not isinstance(err[1], expected):
            text = "".join(traceback.format_exception(*err))
        _, before = self.outcomes.get(test.id(), ("", ""))
        if subtest:
            text = f"{subtest._subDescription()}: {text}"
        reason = f"{before}\n{text}".strip()
        self.outcomes[test.id()] = ("failed", reason[:4000])

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
