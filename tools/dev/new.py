"""usage: tools/dev/new.py DIALECT PassName

Makes a pass of a dialect: its definition in Passes.td, its .cpp, its test, and
the line in CMakeLists.txt. `graph FuseThing` gives the flag graph-fuse-thing.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

DEFINITION = """\
def {name}Pass : Pass<"{flag}", "::mlir::ModuleOp"> {{
  let summary = "Say what it does in the imperative";
  let description = [{{
    ```mlir
    // becomes
    ```
  }}];
}}

"""

SOURCE = """\
//===- {name}.cpp - in → out {dashes}===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/{dialect}/Transforms/Passes.h"

namespace trine::{dialect} {{
#define GEN_PASS_DEF_{upper}PASS
#include "dialects/{dialect}/{Dialect}Passes.h.inc"
}} // namespace trine::{dialect}

using namespace mlir;
using namespace trine::{dialect};

namespace {{
struct {name} : trine::{dialect}::impl::{name}PassBase<{name}> {{
  void runOnOperation() override {{}}
}};
}} // namespace
"""

TEST = """\
// RUN: trine-opt %s --{flag} | FileCheck %s

// CHECK-LABEL: @case
func.func @case(%x: tensor<4xf32>) -> tensor<4xf32> {{
  return %x : tensor<4xf32>
}}
"""


def main() -> int:
    match sys.argv[1:]:
        case [dialect, name] if (ROOT / "dialects" / dialect).is_dir():
            pass
        case _:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    if not re.fullmatch(r"([A-Z][a-z0-9]+)+", name):
        print(f"error: {name}: expected a name like FuseThing", file=sys.stderr)
        return 2
    stem = re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()
    fields = {
        "dialect": dialect,
        "Dialect": dialect.capitalize(),
        "name": name,
        "upper": name.upper(),
        "flag": f"{dialect}-{stem}",
        "dashes": "-" * (52 - len(name)),
    }
    home = ROOT / "dialects" / dialect
    source = home / "Transforms" / f"{name}.cpp"
    test = ROOT / "test" / "dialects" / dialect / f"{stem}.mlir"
    for path in (source, test):
        if path.exists():
            print(f"error: {path.relative_to(ROOT)}: is there already", file=sys.stderr)
            return 1
    source.write_text(SOURCE.format(**fields))
    test.write_text(TEST.format(**fields))
    definitions = home / "Transforms" / "Passes.td"
    text = definitions.read_text()
    end = text.rindex("#endif")
    definitions.write_text(text[:end] + DEFINITION.format(**fields) + text[end:])
    build = home / "CMakeLists.txt"
    lines = re.sub(
        r"(trine_add_mlir_library\(\w+)",
        rf"\1\n  Transforms/{name}.cpp",
        build.read_text(),
    )
    build.write_text(lines)
    print(f"made --{fields['flag']}; see docs/howto/add-a-pass.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
