"""Each third-party library has one door, and the wire and the client stay free of Home Assistant."""

from pathlib import Path
import sys

from imports import Module, read_tree

ENGINE = "home_sentry_engine"
INTEGRATION = "custom_components.home_sentry"

# library -> the only rooms of the engine that may import it
DOORS = {
    "onnxruntime": ("vision.session",),
    "sqlalchemy": ("storage", "broker.sql"),
    "alembic": ("storage",),
    "asyncpg": ("storage", "broker.sql"),
    "redis": ("broker.redis",),
    "paho": ("broker.mqtt.link",),
    "watchdog": ("ingest.watcher",),
    "av": ("media",),
    "llama_cpp": ("language.worker",),
    "pynvml": ("operations.gpu",),
    "tokenizers": ("vision.tasks.tokens",),
    "usearch": ("context.graph_index",),
    "voluptuous": ("settings", "alerting.rules", "context.zones"),
    "aiohttp.web": ("api",),
    "pyftpdlib": ("ingest.ftp",),
    "aiosmtplib": ("alerting.channels",),
}

# tree -> the only third-party packages that it may import
CLOSED = {
    f"{INTEGRATION}.contract": {"mashumaro", "orjson"},
    f"{INTEGRATION}.client": {"aiohttp", "mashumaro", "orjson"},
}


def _within(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def closed_doors(modules: dict[str, Module]) -> list[str]:
    """List imports in the engine that do not go through the library's door."""
    found = []
    for module in modules.values():
        room = module.name.removeprefix(f"{ENGINE}.")
        for one in module.imports:
            target = f"{one.name}.{one.symbol}" if one.symbol else one.name
            for library, doors in DOORS.items():
                if _within(target, (library,)) and not _within(room, doors):
                    found.append(f"{module.path}:{one.line}: {library} belongs to {' and '.join(doors)} alone")
    return found


def strangers(modules: dict[str, Module], root: str, allowed: set[str]) -> list[str]:
    """List imports below `root` that are neither its own, nor the contract, nor Python's, nor in `allowed`."""
    fine = (root, f"{INTEGRATION}.contract", *allowed, *sys.stdlib_module_names)
    return [
        f"{module.path}:{one.line}: {root} may not import {one.name}"
        for module in modules.values()
        if _within(module.name, (root,))
        for one in module.imports
        if not _within(one.name, fine)
    ]


def main() -> int:
    """Print every import through a wrong door."""
    found = closed_doors(read_tree(Path("addon/src"), ENGINE))
    integration = read_tree(Path(), INTEGRATION)
    for root, allowed in CLOSED.items():
        found += strangers(integration, root, allowed)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
