"""What every adapter has.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""


class Base:
    """What an adapter has. `prepare` may be slow; `run` is timed; `reset`, not
    timed, brings back the state that every `run` starts from."""

    def __init__(self, work):
        self.work = work

    def facts(self):
        return {}

    def reset(self):
        pass
