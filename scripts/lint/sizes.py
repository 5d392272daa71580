"""A file has at most 400 lines and a function at most 50, its docstring aside.

What a package only hands on, imports and ``__all__`` and nothing else, may be as long as it has names.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
import sys

from imports import parse

FILE_LINES = 400
FUNCTION_LINES = 50


def oversized(path: Path) -> Iterator[str]:
    """Name what is too long in one Python file."""
    lines = path.read_text(encoding="utf-8").count("\n")
    tree = parse(path)
    if lines > FILE_LINES and not hands_on(tree):
        yield f"{path}: {lines} lines (at most {FILE_LINES})"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines (at most {FUNCTION_LINES})"


def hands_on(tree: ast.Module) -> bool:
    """Tell whether a module has nothing but its docstring, imports and the names that it exports."""
    return all(
        isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"])
        for node in tree.body
    )


def main(paths: list[str]) -> int:
    """Print what is too long among `paths`."""
    found = [line for name in paths for line in oversized(Path(name))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
