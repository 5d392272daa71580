"""The command line of the demo."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person wants."""

    data: Path
    keep: bool
    once: bool
    engine_only: bool
    llm: bool
    engine_port: int
    ha_port: int


def parse(argv: Sequence[str]) -> Wishes:
    """Read the command line; exits with 2 on a mistake and with 0 after ``--help``."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Start the engine and a real Home Assistant beside it, and let sample pictures arrive.",
        epilog="HOME_SENTRY_TEST_MEDIA: folder of more pictures. HOME_SENTRY_MODEL_MIRROR: folder or URL of models.",
    )
    parser.add_argument("--engine-only", action="store_true", help="leave Home Assistant out")
    parser.add_argument(
        "--once",
        action="store_true",
        help="bring each picture once, wait for the events, print them, stop; status 1 if an expected event is missing",
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT / ".demo", metavar="DIR", help="folder of the demo (default: .demo)"
    )
    parser.add_argument("--keep", action="store_true", help="go on with what the last run left there")
    parser.add_argument("--engine-port", type=int, default=8093, metavar="N", help="port of the engine (8093)")
    parser.add_argument("--ha-port", type=int, default=8123, metavar="N", help="port of Home Assistant (8123)")
    parser.add_argument("--no-llm", action="store_true", help="do without the language model and its long set-up")
    given = parser.parse_args(argv)
    return Wishes(
        data=given.data.resolve(),
        keep=given.keep,
        once=given.once,
        engine_only=given.engine_only,
        llm=not given.no_llm,
        engine_port=given.engine_port,
        ha_port=given.ha_port,
    )
