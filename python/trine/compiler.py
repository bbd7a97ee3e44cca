"""trine-compile as a function.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import os
import subprocess
from collections.abc import Sequence

from . import locate
from .errors import INTERNAL, Error

Flag = str | int | float | bool | Sequence[str] | None


def compile(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    target: str | Sequence[str] = "cpu",
    **flags: Flag,
) -> None:
    """Compiles a model (.gguf, .onnx, .mlir or a Hugging Face directory) into a
    package. `flags` are trine-compile's, with _ for -: True is the bare flag,
    False and None leave it out, a sequence is joined by commas.

    Raises Error with the tool's message and exit code.
    """
    command = [str(locate.tool("trine-compile")), os.fspath(source)]
    command += ["-o", os.fspath(output), "--quiet"]
    for name, value in {"target": target, **flags}.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            command.append(option)
        elif value is not None and value is not False:
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = ",".join(value)
            command.append(f"{option}={value}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        code = done.returncode if done.returncode > 0 else INTERNAL
        message = message.removeprefix("error: ")
        raise Error(message or f"trine-compile ended with {done.returncode}", code)
