"""``home-sentry health``: tell whether the engine of a data folder works, also where it has no API."""

import argparse
import time
from typing import Any

from home_sentry_engine.operations.heartbeat import MAX_AGE_S, beat_age_s

from .common import add_data_option


def add_parser(commands: Any) -> None:
    """Add the command."""
    text = "tell by the exit status whether an engine works in a data folder"
    parser = commands.add_parser("health", help=text, description=text)
    add_data_option(parser)
    parser.add_argument(
        "--max-age", type=float, default=MAX_AGE_S, metavar="SECONDS", help=f"oldest heartbeat (default: {MAX_AGE_S:g})"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the heartbeat; 0 where it is young enough, else 1."""
    age_s = beat_age_s(arguments.data.absolute(), time.monotonic())
    fresh = age_s <= arguments.max_age
    print(f"The engine's last heartbeat was {age_s:.0f} s ago{'' if fresh else ': it hangs, or does not run'}.")
    return 0 if fresh else 1
