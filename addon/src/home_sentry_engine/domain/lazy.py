"""Libraries that are loaded when they are first used: an engine that never needs one does not hold it in memory."""

import importlib.util
import sys
from typing import Any


def lazy(name: str) -> Any:
    """Give a module that imports itself at the first look into it; raises ``ModuleNotFoundError`` if there is none."""
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module
