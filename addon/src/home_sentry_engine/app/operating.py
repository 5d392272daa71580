"""The API's operations on queues and parts, and its audit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from home_sentry_engine.broker.queue import DeadLetter, InvalidDeadCursor, PutOutcome, UnknownDeadLetter
from home_sentry_engine.broker.queue import Requeued as PutBack
from home_sentry_engine.contract import AuditEntry, DeadJob, DeadJobPage, Dropped, FailedTry, Part, QueueDepth, Requeued
from home_sentry_engine.contract.errors import Conflict, InvalidRequest, NotFound
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.dead_letters import DeadLetterDesk
from home_sentry_engine.operations.registry import ComponentRegistry, NotSwitchable, UnknownPart
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.audit import AuditQuery, Deed

from .tables import Tables

_TAKEN = frozenset({PutOutcome.ACCEPTED, PutOutcome.DUPLICATE})


class QueueDesk:
    """``api.ports.Queues`` over the queue and its dead letters."""

    def __init__(self, database: Database, tables: Tables) -> None:
        """Take the database and its tables."""
        self._database = database
        self._tables = tables
        self._desk = DeadLetterDesk(queue=tables.queue, media=tables.media)

    async def depths(self) -> tuple[QueueDepth, ...]:
        """Count the jobs of every queue."""
        return await self._tables.queues.depths()

    async def dead(self, queue: str, limit: int, cursor: str | None) -> DeadJobPage:
        """List given-up jobs, newest first; raises ``InvalidRequest`` for a bad cursor."""
        try:
            page = await self._database.read(lambda conn: self._tables.queue.dead(conn, queue, limit, cursor))
        except InvalidDeadCursor as err:
            raise InvalidRequest("the cursor is not valid", details={"field": "cursor"}) from err
        return DeadJobPage(items=tuple(_dead_job(letter) for letter in page.items), next_cursor=page.next_cursor)

    async def requeue(self, queue: str, letter_id: int | None) -> Requeued:
        """Put one or all given-up jobs back; raises ``NotFound``, or ``Conflict`` for one that does not fit."""

        def work(conn: Connection) -> Sequence[PutBack]:
            if letter_id is None:
                return self._desk.requeue_all(conn, queue)
            done = self._desk.requeue(conn, letter_id)
            if done.letter.queue != queue:
                raise UnknownDeadLetter(f"there is no dead letter {letter_id} in this queue")
            return (done,)

        try:
            done = await self._database.write(work)
        except UnknownDeadLetter as err:
            raise NotFound(str(err)) from err
        taken = sum(one.result.outcome in _TAKEN for one in done)
        if letter_id is not None and not taken:
            raise Conflict(done[0].result.reason or "the queue does not take it now")
        depth = await self._tables.queue.depth(queue)
        return Requeued(requeued=taken, remaining=depth.dead)

    async def drop(self, queue: str, letter_id: int | None) -> Dropped:
        """Delete one or all given-up jobs; raises ``NotFound``."""

        def work(conn: Connection) -> int:
            if letter_id is None:
                return self._desk.drop_all(conn, queue)
            return int(self._desk.drop(conn, letter_id))

        dropped = await self._database.write(work)
        if letter_id is not None and not dropped:
            raise NotFound(f"there is no dead letter {letter_id}")
        return Dropped(dropped=dropped)


class PartDesk:
    """``api.ports.Parts`` over the registry."""

    def __init__(self, registry: ComponentRegistry) -> None:
        """Take the registry."""
        self._registry = registry

    async def all(self) -> tuple[Part, ...]:
        """Give every component."""
        return self._registry.parts()

    async def one(self, part_id: str) -> Part:
        """Give one component; raises ``NotFound``."""
        with _as_wire_errors():
            return self._registry.part(part_id)

    async def restart(self, part_id: str) -> Part:
        """Begin a component anew; raises ``NotFound`` or ``Conflict``."""
        with _as_wire_errors():
            return await self._registry.restart(part_id)

    async def start(self, part_id: str) -> Part:
        """Let a stopped component work again; raises ``NotFound`` or ``Conflict``."""
        with _as_wire_errors():
            return self._registry.start(part_id)

    async def stop(self, part_id: str) -> Part:
        """End a component for now; raises ``NotFound`` or ``Conflict``."""
        with _as_wire_errors():
            return self._registry.stop(part_id)

    async def switch(self, part_id: str, *, on: bool) -> Part:
        """Enable or disable a component; raises ``NotFound`` or ``Conflict``."""
        with _as_wire_errors():
            return self._registry.switch(part_id, on=on)


@contextmanager
def _as_wire_errors() -> Iterator[None]:
    try:
        yield
    except UnknownPart as err:
        raise NotFound(str(err)) from err
    except NotSwitchable as err:
        raise Conflict(str(err)) from err


class StoredAudit:
    """``api.ports.AuditLog`` over its table."""

    def __init__(self, database: Database, tables: Tables, clock: Clock) -> None:
        """Take the database, its tables and the clock."""
        self._database = database
        self._audit = tables.audit
        self._clock = clock

    async def note(self, deed: Deed) -> None:
        """Append a deed."""
        now = self._clock.now()
        await self._database.write(lambda conn: self._audit.add(conn, deed, now))

    async def page(self, query: AuditQuery) -> Page[AuditEntry]:
        """Give deeds, newest first."""
        return await self._database.read(lambda conn: self._audit.page(conn, query))


def _dead_job(letter: DeadLetter) -> DeadJob:
    return DeadJob(
        id=letter.id,
        queue=letter.queue,
        camera_id=letter.payload.get("camera_id", letter.key),
        attempts=letter.attempts,
        error=letter.error,
        error_type=letter.error_type,
        enqueued_at=letter.enqueued_at,
        first_failed_at=letter.first_failed_at,
        last_failed_at=letter.last_failed_at,
        payload=letter.shown_payload(),
        stack=letter.stack,
        body=letter.shown_body(),
        tries=tuple(FailedTry(failed_at=one.failed_at, after_s=one.after_s, error=one.error) for one in letter.tries),
    )
