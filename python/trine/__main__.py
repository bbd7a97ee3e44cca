"""The command `trine`: generate and embed here, the other tools passed through.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import argparse
import io
import json
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING

from . import __version__, files, locate
from .errors import ENVIRONMENT, INPUT, INTERNAL, USAGE, Error

if TYPE_CHECKING:
    import numpy as np

# NumPy, and what imports it, is imported where it is used: see main.
NEEDED = ("numpy", "tokenizers", "jinja2")
TOOLS = ("compile", "run", "inspect")


def main() -> int:
    """Runs one command; returns the exit code."""
    try:
        return _dispatch(sys.argv[1:])
    except Error as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:
        # The reader has seen enough; keep the interpreter's own flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return INPUT
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name in NEEDED:
            print(
                f"error: {sys.executable}: the Python module {error.name!r} is "
                f"missing; pip install {' '.join(NEEDED)}",
                file=sys.stderr,
            )
            return ENVIRONMENT
        traceback.print_exc()
        print("error: internal error; please report the lines above", file=sys.stderr)
        return INTERNAL


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0] in TOOLS:
        tool = str(locate.tool(f"trine-{arguments[0]}"))
        os.execv(tool, [tool, *arguments[1:]])
    options = _parser().parse_args(arguments)
    return options.command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trine",
        description="Runs compiled models; compile, run and inspect pass through to "
        "trine-compile, trine-run and trine-inspect.",
        epilog="exit codes: 0 done, 1 input, 2 usage, 3 comparison, 4 unsupported, "
        "5 environment, 70 internal",
        allow_abbrev=False,
    )
    version = f"trine {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in TOOLS:
        commands.add_parser(name, help=f"trine-{name}", add_help=False)
    generate = _command(commands, "generate", "stream text after a prompt", _generate)
    source = generate.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", metavar="P", help="text to continue")
    source.add_argument("--tokens", metavar="F.npy", help="i32 tokens to continue")
    generate.add_argument(
        "--chat", action="store_true", help="put the prompt into the chat template"
    )
    for option, kind, default, text in (
        ("--max-tokens", int, 64, "new tokens at most"),
        ("--temperature", float, 0.0, "0: greedy"),
        ("--top-k", int, 0, "only the k most likely tokens; 0: all"),
        ("--top-p", float, 1.0, "only the likeliest tokens of this probability"),
        ("--seed", int, 0, "of the sampling"),
    ):
        help_text = f"{text} (default {default})"
        generate.add_argument(option, type=kind, default=default, help=help_text)
    embed = _command(commands, "embed", "one vector for each text", _embed)
    embed.add_argument("--text", metavar="T", nargs="+", action="extend", required=True)
    embed.add_argument("-o", dest="output", metavar="F.npy", required=True)
    _calibrate_parser(commands)
    _report_parser(commands)
    return parser


def _calibrate_parser(commands) -> None:
    text = "measure what layers see on a text, for --calibration; or merge two"
    parser = commands.add_parser(
        "calibrate", help=text, description=text, allow_abbrev=False
    )
    parser.add_argument("source", metavar="SRC", nargs="?", help="a model")
    parser.add_argument("--merge", metavar="C.json", nargs="+", help="calibrations")
    _add_text(parser)
    parser.add_argument("-o", dest="output", metavar="C.json", required=True)
    parser.add_argument(
        "--observer", choices=["absmax"], default="absmax", help="(default absmax)"
    )
    _add_samples(parser)
    parser.set_defaults(command=_calibrate)


def _report_parser(commands) -> None:
    text = "what a recipe costs: DIR/report.json and DIR/index.html"
    parser = commands.add_parser(
        "quantize-report", help=text, description=text, allow_abbrev=False
    )
    parser.add_argument("source", metavar="SRC", help="a model")
    parser.add_argument(
        "--quantize", metavar="RECIPE", required=True, help="as trine-compile takes it"
    )
    parser.add_argument("--calibration", metavar="C.json", help="of static scales")
    _add_text(parser)
    parser.add_argument("-o", dest="output", metavar="DIR", required=True)
    _add_samples(parser)
    parser.set_defaults(command=_report)


def _add_text(parser) -> None:
    parser.add_argument(
        "--text", metavar="F", action="append", default=[], help="UTF-8 text"
    )
    parser.add_argument(
        "--tokens",
        metavar="F.npy",
        action="append",
        default=[],
        help="whole numbers [n], or [w, n] of which each row is a window",
    )


def _add_samples(parser) -> None:
    parser.add_argument(
        "--samples",
        type=int,
        default=0,
        metavar="N",
        help="windows of 512 tokens drawn from all (default 0: all)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default 0)")
    parser.add_argument("--threads", type=int, default=0, help="0: all CPUs")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _report(options: argparse.Namespace) -> int:
    from . import report

    return report.run(options)


def _calibrate(options: argparse.Namespace) -> int:
    from . import calibrate

    return calibrate.command(options)


def _command(commands, name: str, text: str, run) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("package", metavar="PKG")
    parser.add_argument("--device", default="cpu", help="(default cpu)")
    parser.add_argument("--threads", type=int, default=0, help="0: all CPUs")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=run)
    return parser


def _generate(options: argparse.Namespace) -> int:
    from .model import load
    from .sampling import Sampler

    if options.chat and options.tokens:
        raise Error("--chat: needs --prompt, got --tokens", USAGE)
    sampler = Sampler(options.temperature, options.top_k, options.top_p, options.seed)
    model = load(options.package, options.device, options.threads)
    if options.tokens:
        ids = _read_tokens(options.tokens)
    else:
        ids = model.encode_prompt(options.prompt, options.chat)
    stopwatch = Stopwatch(model.sample(ids, options.max_tokens, sampler))
    pieces = []
    # A package without a tokenizer still generates: its tokens are printed.
    spoken = model.stream(stopwatch) if model.has_text else map(str, stopwatch)
    for piece in spoken:
        pieces.append(piece)
        if not options.json:
            print(piece, end="" if model.has_text else "\n", flush=True)
    if options.json:
        report = {
            "schema": "trine.generate/1",
            "prompt_tokens": len(ids),
            "tokens": stopwatch.tokens,
            "text": "".join(pieces) if model.has_text else None,
            "prefill_seconds": stopwatch.first_seconds,
            "decode_tokens_per_second": stopwatch.rate,
        }
        print(json.dumps(report))
    elif model.has_text:
        print()
    return 0


class Stopwatch:
    """Passes tokens through, and notes them and their times."""

    def __init__(self, tokens) -> None:
        self._source = tokens
        self.tokens: list[int] = []
        self.first_seconds = self.rest_seconds = 0.0

    def __iter__(self):
        while True:
            start = time.perf_counter()
            token = next(self._source, None)
            seconds = time.perf_counter() - start
            if token is None:
                return
            if self.tokens:
                self.rest_seconds += seconds
            else:
                self.first_seconds = seconds
            self.tokens.append(token)
            yield token

    @property
    def rate(self) -> float | None:
        """Tokens a second after the first; None where there are none."""
        rest = len(self.tokens) - 1
        return rest / self.rest_seconds if rest > 0 else None


def _read_tokens(path: str) -> list[int]:
    array = files.read_array(path)
    if array.dtype.kind not in "iu" or array.size not in array.shape:
        raise Error(
            f"{path}: expected whole numbers [n] or [1, n], got {array.dtype} "
            f"{list(array.shape)}"
        )
    return array.reshape(-1).tolist()


def _embed(options: argparse.Namespace) -> int:
    from .model import load

    model = load(options.package, options.device, options.threads)
    vectors = model.embed(options.text)
    _save(options.output, vectors)
    if options.json:
        shape = list(vectors.shape)
        report = {"schema": "trine.embed/1", "shape": shape, "output": options.output}
        print(json.dumps(report))
    return 0


def _save(path: str, array: "np.ndarray") -> None:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array)
    files.write(path, buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main())
