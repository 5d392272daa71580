"""``home-sentry token list|create|revoke``: keys of the API with roles and camera limits."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from home_sentry_engine.api.key_fields import wish_of
from home_sentry_engine.api.tokens import hash_of, new_token
from home_sentry_engine.app.keys import StoredKeys, is_live
from home_sentry_engine.app.parts import make_database
from home_sentry_engine.contract import ApiKey, KeyRole
from home_sentry_engine.contract.errors import WireError
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.identity import random_id
from home_sentry_engine.operations.data_folder import database_file
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.audit import Audit, Deed
from home_sentry_engine.storage.repositories.cameras import Cameras

from .common import is_there
from .display import print_json, print_table
from .options import add_json, add_places, settings_of

_ROLES: Final = (KeyRole.VIEWER.value, KeyRole.OPERATOR.value, KeyRole.ADMIN.value)
_MOST_DAYS: Final = 36_500

type Work[T] = Callable[[StoredKeys], Awaitable[T]]


class KeyRefused(HomeSentryError, ValueError):
    """The key cannot be made, or there is none of that id."""


def add_verbs(verbs: Any) -> None:
    """Add the verbs to the command ``token``."""
    listed, create, revoke = (
        verbs.add_parser(name, help=text, description=f"{text}; works while the engine runs")
        for name, text in (
            ("list", "show the keys of the API, also those that open nothing any more"),
            ("create", "make a key of the API; its secret is printed once"),
            ("revoke", "end a key for good, within a second also for who is connected"),
        )
    )
    create.add_argument("name", help="what it is for, such as 'tablet in the hall'")
    create.add_argument("--role", choices=_ROLES, default=_ROLES[0], help="what it may do (default: viewer)")
    create.add_argument("--camera", action="append", default=[], metavar="ID", help="only this camera; may be repeated")
    create.add_argument("--days", type=_days, metavar="N", help="how long it opens the API (default: for good)")
    revoke.add_argument("id", help="as `token list` shows it")
    for verb, run in ((listed, run_list), (create, run_create), (revoke, run_revoke)):
        add_places(verb)
        add_json(verb)
        verb.set_defaults(run=run)


def run_list(arguments: argparse.Namespace) -> int:
    """Show the keys, the newest first."""

    async def read(keys: StoredKeys) -> tuple[ApiKey, ...]:
        return tuple(stored.key for stored in await keys.all())

    found = _with_keys(settings_of(arguments), read)
    if arguments.json:
        print_json({"keys": [_document(key) for key in found]})
    elif not found:
        print("there are no keys but the token of the installation")
    else:
        now = datetime.now(UTC)
        print_table(
            ("ID", "NAME", "ROLE", "CAMERAS", "LAST USED", "STATE"),
            [
                (key.id, key.name, key.role, ", ".join(key.cameras) or "all", _time(key.last_used_at), _state(key, now))
                for key in found
            ],
        )
    return 0


def run_create(arguments: argparse.Namespace) -> int:
    """Make a key and print its secret, which is kept nowhere."""
    ends = datetime.now(UTC) + timedelta(days=arguments.days) if arguments.days else None
    values = {"name": arguments.name, "role": arguments.role, "cameras": arguments.camera, "expires_at": ends}
    secret = new_token()

    async def make(keys: StoredKeys) -> ApiKey:
        return await keys.make(wish_of(values), hash_of(secret))

    key = _with_keys(settings_of(arguments), make, action="key.create")
    if arguments.json:
        print_json({"key": _document(key), "token": secret})
    else:
        print(f"{secret}\nThis key ({key.id}) is shown this once; it may do what a {key.role} may.")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """End a key."""

    async def end(keys: StoredKeys) -> ApiKey:
        return await keys.revoke(arguments.id)

    key = _with_keys(settings_of(arguments), end, action="key.revoke")
    if arguments.json:
        print_json({"key": _document(key)})
    else:
        print(f"'{key.name}' opens nothing any more")
    return 0


def _with_keys[T](settings: Settings, work: Work[T], *, action: str | None = None) -> T:
    async def run() -> T:
        clock = SystemClock()
        async with make_database(settings, clock) as database:
            try:
                done = await work(StoredKeys(database, Cameras(), clock, random_id))
            except WireError as err:
                raise KeyRefused(err.message) from err
            if action is not None and isinstance(done, ApiKey):
                await _note(database, Deed(actor="command line", action=action, target=done.id))
            return done

    file = database_file(settings)
    if file is not None and not is_there(file):
        raise KeyRefused(f"there is no database at {file}; name the engine's data folder with --data")
    return asyncio.run(run())


async def _note(database: Database, deed: Deed) -> None:
    now = database.clock.now()
    await database.write(lambda conn: Audit().add(conn, deed, now))


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be 1 to {_MOST_DAYS}")
    return days


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_time(key.revoked_at)}"
    if key.expires_at is None:
        return "opens"
    return f"{'opens until' if is_live(key, now) else 'expired'} {_time(key.expires_at)}"


def _time(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at is not None else "never"


def _document(key: ApiKey) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(key).items()}
