"""The one exception of this module.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

INPUT, USAGE, COMPARISON, UNSUPPORTED, ENVIRONMENT, INTERNAL = 1, 2, 3, 4, 5, 70


class Error(Exception):
    """A failure of a tool or of the runtime; `code` is the exit code it means:
    1 input, 2 usage, 3 comparison, 4 unsupported, 5 environment, 6 simulator
    trap, 70 internal."""

    def __init__(self, message: str, code: int = INPUT) -> None:
        super().__init__(message)
        self.code = code
