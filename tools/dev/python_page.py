"""The reference page of python/trine: what __all__ names, its signatures and
docstrings, read without importing it. tools/dev/docs writes it.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import ast
import inspect
import pathlib

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "python" / "trine"


def signature(node: ast.FunctionDef) -> str:
    """`name(arguments) -> type`, a property as `name -> type`; without self."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    decorators = {ast.unparse(x) for x in node.decorator_list}
    if decorators & {"property", "functools.cached_property", "cached_property"}:
        return node.name + returns
    arguments = ast.unparse(node.args)
    arguments = arguments.removeprefix("self").removeprefix(", ")
    return f"{node.name}({arguments}){returns}"


def described(heading: str, node: ast.AST) -> str:
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    return f"{heading}\n\n{text}\n" if text else f"{heading}\n"


def described_class(node: ast.ClassDef) -> str:
    parts = [described(f"## class {node.name}", node)]
    for field in node.body:
        if isinstance(field, ast.AnnAssign):
            parts.append(f"- `{ast.unparse(field)}`")
    if parts[1:]:
        parts.append("")
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name[0] != "_":
            parts.append(described(f"### `{signature(method)}`", method))
    return "\n".join(parts)


def page() -> str:
    init = ast.parse((PACKAGE / "__init__.py").read_text())
    parts = [
        "# Python\n",
        inspect.cleandoc(ast.get_docstring(init) or "").split("\n\n")[0] + "\n",
    ]
    functions, classes = [], []
    for source in (
        x for x in ast.walk(init) if isinstance(x, ast.ImportFrom) and x.level
    ):
        module = ast.parse((PACKAGE / f"{source.module}.py").read_text())
        names = {alias.name for alias in source.names}
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                functions.append(described(f"## `{signature(node)}`", node))
            if isinstance(node, ast.ClassDef) and node.name in names:
                classes.append(described_class(node))
    return "\n".join([*parts, *functions, *classes]).rstrip() + "\n"
