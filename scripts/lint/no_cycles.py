"""No module may reach itself through imports, those under TYPE_CHECKING and inside functions included."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import sys

from imports import Module, read_tree

TREES = (("addon/src", "home_sentry_engine"), (".", "custom_components.home_sentry"))


def edges(modules: dict[str, Module]) -> dict[str, set[str]]:
    """Map each module to the modules of the same tree that it imports."""
    graph: dict[str, set[str]] = {}
    for module in modules.values():
        targets = graph.setdefault(module.name, set())
        for found in module.imports:
            submodule = f"{found.name}.{found.symbol}"
            target = submodule if submodule in modules else found.name
            if target in modules and target != module.name:
                targets.add(target)
    return graph


def main() -> int:
    """Print one cycle for each tree that has one."""
    failed = 0
    for base, package in TREES:
        try:
            TopologicalSorter(edges(read_tree(Path(base), package))).prepare()
        except CycleError as error:
            failed = 1
            print("import cycle: " + " <- ".join(error.args[1]))
    return failed


if __name__ == "__main__":
    sys.exit(main())
