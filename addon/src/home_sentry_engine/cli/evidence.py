"""``home-sentry evidence``: whether packs of evidence are as they were made."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from home_sentry_engine.app.evidence import noted
from home_sentry_engine.app.parts import make_database
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.operations.data_folder import database_file
from home_sentry_engine.operations.evidence import Checked, check_chain, check_pack
from home_sentry_engine.settings import Settings

from .common import is_there
from .display import print_json
from .options import add_json, add_places, settings_of


class NoDatabase(HomeSentryError, FileNotFoundError):
    """There is no engine in the data folder to compare with."""


def add_parser(commands: Any) -> None:
    """Add the command with its verb."""
    parser = commands.add_parser("evidence", help="check packs of evidence")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "find any byte of packs that was changed"
    verb = verbs.add_parser(
        "verify",
        help=text,
        description=f"{text}; packs that follow each other are compared too, and with --engine what the engine noted",
    )
    verb.add_argument("packs", nargs="+", type=Path, metavar="PACK", help="file of an export of the kind evidence")
    verb.add_argument("--engine", action="store_true", help="compare with what the engine in --data noted")
    add_places(verb)
    add_json(verb)
    verb.set_defaults(run=run_verify)


def run_verify(arguments: argparse.Namespace) -> int:
    """Check them; 1 where something is wrong."""
    known = _noted(settings_of(arguments)) if arguments.engine else None
    packs = [check_pack(path) if path.is_file() else _missing(path) for path in arguments.packs]
    faults = check_chain(packs, known)
    sound = not faults and not any(pack.faults for pack in packs)
    if arguments.json:
        documents = [
            {
                "path": str(pack.path),
                "sha256": pack.sha256,
                "number": pack.link.number if pack.link is not None else None,
                "faults": list(pack.faults),
            }
            for pack in packs
        ]
        print_json({"sound": sound, "packs": documents, "faults": list(faults)})
        return 0 if sound else 1
    for pack in packs:
        place = f"number {pack.link.number}, made at {pack.link.made_at}" if pack.link is not None else "cannot be read"
        print(f"{'ok  ' if not pack.faults else 'FAIL'}  {pack.path.name}: {place}")
        for fault in pack.faults:
            print(f"      {fault}")
    for fault in faults:
        print(f"FAIL  {fault}")
    return 0 if sound else 1


def _missing(path: Path) -> Checked:
    return Checked(path=path, sha256="", link=None, faults=("there is no such file",))


def _noted(settings: Settings) -> dict[int, dict[str, str]]:
    file = database_file(settings)
    if file is not None and not is_there(file):
        raise NoDatabase(f"there is no database at {file}; name the engine's data folder with --data")

    async def read() -> dict[int, dict[str, str]]:
        async with make_database(settings, SystemClock()) as database:
            return await database.read(noted)

    return asyncio.run(read())
