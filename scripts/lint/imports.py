"""The import graph of one source tree, read from its text."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import sys


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import statement's target: `name` is absolute, `symbol` is what `from` takes out of it."""

    name: str
    symbol: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file with every import in it, those in functions and under TYPE_CHECKING included."""

    name: str
    path: Path
    imports: tuple[Import, ...]


def parse(path: Path) -> ast.Module:
    """Parse one file; a syntax error ends the program with its place."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        sys.exit(f"{path}:{error.lineno}: {error.msg}")


def read_tree(base: Path, package: str) -> dict[str, Module]:
    """Read all modules of `package` below the folder `base`, by dotted name; empty if it does not exist."""
    modules: dict[str, Module] = {}
    for path in sorted((base / package.replace(".", "/")).rglob("*.py", recurse_symlinks=True)):
        parts = path.relative_to(base).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        anchor = name if is_package else name.rpartition(".")[0]
        modules[name] = Module(name=name, path=path, imports=tuple(_imports(parse(path), anchor)))
    return modules


def _imports(tree: ast.Module, anchor: str) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name=alias.name, symbol=None, line=node.lineno)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                parents = anchor.split(".")[: len(anchor.split(".")) - node.level + 1]
                name = ".".join([*parents, name] if name else parents)
            for alias in node.names:
                yield Import(name=name, symbol=alias.name, line=node.lineno)
