"""Argument parsing of ``home-sentry``."""

import argparse
from collections.abc import Sequence
import sys

from home_sentry_engine import __version__
from home_sentry_engine.domain.errors import HomeSentryError

from . import analyze, bench, database, dead_letters, doctor, models, openapi, serve


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0 done, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="home-sentry", description="AI home security for Home Assistant: the engine and its tools."
    )
    parser.add_argument("--version", action="version", version=f"home-sentry {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (serve, analyze, models, doctor, bench, database, dead_letters, openapi):
        module.add_parser(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except HomeSentryError as err:
        print(f"home-sentry: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
