"""``home-sentry token``: a new token for the API, and keys with roles."""

import argparse
from datetime import UTC, datetime
from typing import Any

from home_sentry_engine.api.tokens import HASH_FILE, TOKEN_FILE, UnusableToken, rotate_tokens

from .common import add_data_option, is_there
from .token_keys import add_verbs


def add_parser(commands: Any) -> None:
    """Add the command with its verbs."""
    parser = commands.add_parser("token", help="replace the token of the API; make, show and revoke keys with roles")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    text = "make a new token; the old one works for ten more minutes, also while the engine runs"
    rotate = verbs.add_parser("rotate", help=text, description=text)
    add_data_option(rotate)
    rotate.set_defaults(run=run_rotate)
    add_verbs(verbs)


def run_rotate(arguments: argparse.Namespace) -> int:
    """Rotate and tell where the new token is; the token itself is not printed."""
    folder = arguments.data.absolute()
    if not any(is_there(folder / name) for name in (TOKEN_FILE, HASH_FILE)):
        raise UnusableToken(f"there is no token in {folder}; name the engine's data folder with --data")
    keys = rotate_tokens(folder, datetime.now(UTC))
    until = f"{keys.previous_until.astimezone():%H:%M}" if keys.previous_until is not None else "now"
    print(f"The new token is in {folder / TOKEN_FILE}; the old one works until {until}.")
    return 0
