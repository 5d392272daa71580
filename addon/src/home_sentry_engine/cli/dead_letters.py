"""``home-sentry dead-letters``: jobs that were given up."""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any, Final

from home_sentry_engine.app.parts import make_database, make_queue
from home_sentry_engine.broker.queue import DeadLetter, PutOutcome, Queue, Requeued, UnknownDeadLetter
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import ASSESS, DETECT, NOTIFY
from home_sentry_engine.operations.data_folder import database_file
from home_sentry_engine.operations.dead_letters import DeadLetterDesk
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.media import MediaFiles

from .common import is_there
from .display import print_json, print_table
from .options import add_json, add_places, settings_of

_OWNER: Final = "command-line"
_TEXT_WIDTH: Final = 70
_TAKEN: Final = frozenset({PutOutcome.ACCEPTED, PutOutcome.DUPLICATE})

type Work[T] = Callable[[Connection, DeadLetterDesk], T]


class NothingNamed(HomeSentryError, ValueError):
    """Neither ids nor ``--all`` were given."""


class NotRequeued(HomeSentryError, RuntimeError):
    """A queue is full, so a job stays given up."""


def add_parser(commands: Any) -> None:
    """Add the command with its verbs."""
    parser = commands.add_parser("dead-letters", help="list, requeue or drop jobs that were given up")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, run, text in (
        ("list", run_list, "show given-up jobs, newest first"),
        ("requeue", run_requeue, "put given-up jobs into their queues again"),
        ("drop", run_drop, "delete given-up jobs for good"),
    ):
        verb = verbs.add_parser(name, help=text, description=f"{text}; works while the engine runs")
        if name == "list":
            verb.add_argument("--limit", type=_limit, default=100, metavar="N", help="at most that many (1 to 1000)")
        else:
            verb.add_argument("ids", nargs="*", type=int, metavar="ID", help="as `dead-letters list` shows it")
            verb.add_argument("--all", action="store_true", help="all of them, or all of --queue")
        verb.add_argument("--queue", choices=(DETECT, ASSESS, NOTIFY), help="only those of one queue")
        add_places(verb)
        add_json(verb)
        verb.set_defaults(run=run)


def run_list(arguments: argparse.Namespace) -> int:
    """Show them."""
    settings = settings_of(arguments)
    letters = _read(settings, lambda conn, queue: queue.dead(conn, arguments.queue, arguments.limit).items)
    if arguments.json:
        print_json({"dead_letters": [_document(letter) for letter in letters]})
    elif not letters:
        print("no job was given up")
    else:
        print_table(
            ("ID", "QUEUE", "CAMERA", "GIVEN UP", "TRIES", "WHY"),
            [
                (
                    letter.id,
                    letter.queue,
                    letter.key,
                    f"{letter.last_failed_at:%Y-%m-%d %H:%M:%S}",
                    letter.attempts,
                    _short(f"{letter.error_type}: {letter.error}"),
                )
                for letter in letters
            ],
        )
    return 0


def run_requeue(arguments: argparse.Namespace) -> int:
    """Put them back, all or none of those that were named; 1 if one does not fit."""
    _check_named(arguments)

    def work(conn: Connection, desk: DeadLetterDesk) -> tuple[Requeued, ...]:
        if arguments.all:
            return desk.requeue_all(conn, arguments.queue)
        done = tuple(desk.requeue(conn, one) for one in arguments.ids)
        for one in done:
            if one.result.outcome not in _TAKEN:
                raise NotRequeued(f"dead letter {one.letter.id} stays: {one.result.reason}")
        return done

    done = _write(settings_of(arguments), work)
    back = [one for one in done if one.result.outcome in _TAKEN]
    stays = [one for one in done if one.result.outcome not in _TAKEN]
    if arguments.json:
        print_json({"requeued": [one.letter.id for one in back], "stays": [one.letter.id for one in stays]})
    else:
        print(f"{len(back)} put back" + (f"; the queue took no more: {stays[0].result.reason}" if stays else ""))
    return 1 if stays else 0


def run_drop(arguments: argparse.Namespace) -> int:
    """Delete them, all or none of those that were named."""
    _check_named(arguments)

    def work(conn: Connection, desk: DeadLetterDesk) -> int:
        if arguments.all:
            return desk.drop_all(conn, arguments.queue)
        for one in arguments.ids:
            if not desk.drop(conn, one):
                raise UnknownDeadLetter(f"there is no dead letter {one}")
        return len(arguments.ids)

    dropped = _write(settings_of(arguments), work)
    if arguments.json:
        print_json({"dropped": dropped})
    else:
        print(f"{dropped} deleted")
    return 0


def _read[T](settings: Settings, work: Callable[[Connection, Queue[Connection]], T]) -> T:
    async def run() -> T:
        clock = SystemClock()
        async with make_database(settings, clock) as database:
            queue = make_queue(settings.storage, database, clock, _OWNER)
            return await database.read(lambda conn: work(conn, queue))

    _check_exists(settings)
    return asyncio.run(run())


def _write[T](settings: Settings, work: Work[T]) -> T:
    async def run() -> T:
        clock = SystemClock()
        async with make_database(settings, clock) as database:
            desk = DeadLetterDesk(queue=make_queue(settings.storage, database, clock, _OWNER), media=MediaFiles())
            return await database.write(lambda conn: work(conn, desk))

    _check_exists(settings)
    return asyncio.run(run())


def _check_exists(settings: Settings) -> None:
    file = database_file(settings)
    if file is not None and not is_there(file):
        raise UnknownDeadLetter(f"there is no database at {file}; name the engine's data folder with --data")


def _check_named(arguments: argparse.Namespace) -> None:
    if bool(arguments.ids) == bool(arguments.all):
        raise NothingNamed("name the ids, or --all")


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("must be 1 to 1000")
    return number


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_WIDTH else f"{line[: _TEXT_WIDTH - 1]}…"


def _document(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "key": letter.key,
        "payload": letter.shown_payload(),
        "body": letter.shown_body(),
        "attempts": letter.attempts,
        "error_type": letter.error_type,
        "error": letter.error,
        "enqueued_at": letter.enqueued_at.isoformat(),
        "first_failed_at": letter.first_failed_at.isoformat(),
        "last_failed_at": letter.last_failed_at.isoformat(),
        "tries": [
            {"failed_at": one.failed_at.isoformat(), "after_s": one.after_s, "error": one.error} for one in letter.tries
        ],
        "stack": letter.stack,
    }
