"""Argument parsing of ``home-sentry``."""

import argparse
from collections.abc import Sequence
import gc
from importlib import import_module
import sys
from typing import Final

from home_sentry_engine import __version__
from home_sentry_engine.domain.errors import HomeSentryError

_WHILE_LOADING: Final = 20_000
_MODULES: Final = {
    "serve": "serve",
    "analyze": "analyze",
    "models": "models",
    "doctor": "doctor",
    "bench": "bench",
    "db": "database",
    "dead-letters": "dead_letters",
    "evidence": "evidence",
    "token": "token",
    "health": "health",
    "openapi": "openapi",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    words = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog="home-sentry", description="AI home security for Home Assistant: the engine and its tools."
    )
    parser.add_argument("--version", action="version", version=f"home-sentry {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # what is imported stays: to look for garbage among it often takes a fifth of the start, never to look 2 MB
    usual = gc.get_threshold()
    gc.set_threshold(_WHILE_LOADING, *usual[1:])
    try:
        for name in _wanted(words):
            import_module(f".{name}", __package__).add_parser(commands)
    finally:
        gc.set_threshold(*usual)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except HomeSentryError as err:
        print(f"home-sentry: {err}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # the reader of a pipe has seen enough
        sys.stderr.close()
        return 1
    except OSError as err:
        if err.filename is None:
            raise
        print(f"home-sentry: {err.filename}: {err.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _wanted(words: Sequence[str]) -> tuple[str, ...]:
    """Name the modules to load: one command's alone starts fast, and works where another's library is broken."""
    if words and words[0] in _MODULES:
        return (_MODULES[words[0]],)
    if words == ["--version"]:
        return ()
    return tuple(_MODULES.values())
