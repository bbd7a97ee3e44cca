"""Writes the page docs/tour.md: one tiny model after each phase of the compiler.
tools/dev/docs runs it.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "test/pipeline/tour.mlir"
OPTIONS = ["--weights-from=test/data/tiny-llama", "--cpu=x86-64-v3"]

TEXT = """\
# One model through the compiler

The model is `{model}`: an embedding, a gated layer written in its parts with a
residual, and an output layer. This page is what the compiler makes of it, cut
where it repeats; `tools/dev/docs` writes it, and the test of the same file checks
it. To see it whole:

```text
build/bin/trine-compile {model} {options} --save-phases=DIR -o tour.trine
```

## 1 import

A `.mlir` input is already a graph; a model file would become one here. Weights are
declared by name, and no bytes of theirs stand in the IR.

```mlir
{source}
```

## 2 graph

`x · sigmoid(x)` became `silu`, the two layers and their product one `gated`, and the
parameter that no entry reads is gone. What a target sees whole it can run as one
kernel.

```mlir
{graph}
```

## 3 quantize

Nothing yet: every value keeps the type the model gave it.

## 4 kernels

Each operation has a device, and weights the layout that its kernel reads
(`panels, W`: rows of W outputs side by side). The entry only launches kernels; a
result's slot is its place in the session's arena, reused once the value is dead.

```mlir
{kernels}
```

## 5 target

Each CPU kernel is lowered to the llvm dialect: a plain function over pointers and
sizes that any number of threads enter together. This is the beginning of the one for
`{kernel}`.

```mlir
{target}
```

## 6 package

The code becomes one shared object, the weights are packed into their layouts, and all
is written into one file that the runtime maps. `trine-inspect tour.trine` shows it
(sizes and checksums left out):

```text
{inspect}
```
"""


def run(*command: str | pathlib.Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{pathlib.Path(command[0]).name}: {done.stderr.strip()}")
    return done.stdout


def plain(path: pathlib.Path) -> list[str]:
    """A saved phase without locations, resources and the module's attributes."""
    text = run(ROOT / "build/bin/trine-opt", path).split("\n{-#")[0]
    text = re.sub(r"^module attributes \{.*\} \{$", "module {", text, flags=re.M)
    return text.rstrip().splitlines()


def cut(lines: list[str], count: int) -> str:
    if len(lines) <= count:
        return "\n".join(lines)
    return "\n".join([*lines[:count], "    // ... and so on"])


def code_of(lines: list[str], kernel: str) -> list[str]:
    start = next(i for i, x in enumerate(lines) if f"launch.code @{kernel} " in x)
    return lines[start:]


def without_sizes(text: str) -> str:
    """What changes with every change of a kernel would make the page stale."""
    text = re.sub(r" +\d+ bytes( at +\d+  sha256 \w+)?$", "", text, flags=re.M)
    return text.rstrip()


def page() -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        package = folder / "tour.trine"
        run(
            ROOT / "build/bin/trine-compile",
            MODEL,
            *OPTIONS,
            f"--save-phases={folder}",
            "-o",
            package,
        )
        inspect = run(ROOT / "build/bin/trine-inspect", package)
        phases = {
            phase: plain(folder / f"{phase}.mlir")
            for phase in ("graph", "kernels", "target")
        }
    source = (ROOT / MODEL).read_text().splitlines()
    start = next(i for i, x in enumerate(source) if x.startswith("graph."))
    return TEXT.format(
        model=MODEL,
        options=" ".join(OPTIONS),
        source="\n".join(source[start:]),
        graph="\n".join(phases["graph"]),
        kernels=cut(phases["kernels"], 36),
        kernel="gather_0",
        target=cut(code_of(phases["target"], "gather_0"), 24),
        inspect=without_sizes(inspect),
    )
