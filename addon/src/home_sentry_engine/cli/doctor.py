"""``home-sentry doctor``: what is here, what is missing, and what to do about it."""

import argparse
import asyncio
import sys
import textwrap
from typing import Any, Final

from home_sentry_engine import __version__
from home_sentry_engine.operations.doctor import Finding, State, examine, worst

from .display import print_json, quiet
from .options import add_json, add_models_folder, add_places, settings_of

_COLOURS: Final = {State.OK: "32", State.WARN: "33", State.FAIL: "31"}
_WIDTH: Final = 110
_NAME_WIDTH: Final = 12
_VERDICTS: Final = {
    State.OK: "Everything is in order.",
    State.WARN: "It works; the lines marked warn could be better.",
    State.FAIL: "The engine cannot do its work until the lines marked fail are put right.",
}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="look at GPU, libraries, models, folders, database and port",
        description="Look at everything that the engine needs; fetches nothing. Exit status 1 if something fails.",
    )
    add_places(parser)
    add_models_folder(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine and print; 1 if something fails."""
    with quiet():
        findings = asyncio.run(examine(settings_of(arguments)))
    verdict = worst(findings)
    if arguments.json:
        print_json({"version": __version__, "state": verdict, "findings": findings})
    else:
        for finding in findings:
            _print(finding)
        print(f"\n{_VERDICTS[verdict]}")
    return 1 if verdict is State.FAIL else 0


def _print(finding: Finding) -> None:
    mark = finding.state.ljust(4)
    if sys.stdout.isatty():
        mark = f"\033[{_COLOURS[finding.state]}m{mark}\033[0m"
    margin = " " * (len("fail") + 2 + _NAME_WIDTH + 1)
    text = textwrap.fill(finding.text, _WIDTH, initial_indent=margin, subsequent_indent=margin, break_long_words=False)
    print(f"{mark}  {finding.id.ljust(_NAME_WIDTH)} {text.removeprefix(margin)}")
    if finding.fix:
        fix = textwrap.fill(f"-> {finding.fix}", _WIDTH, initial_indent=margin, subsequent_indent=f"{margin}   ")
        print(fix)
