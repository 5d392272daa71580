"""Queues, parts and the audit for tests of the API."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from home_sentry_engine.contract import (
    AuditEntry,
    Component,
    ComponentState,
    DeadJob,
    DeadJobPage,
    Dropped,
    Part,
    QueueDepth,
    Requeued,
)
from home_sentry_engine.contract.errors import Conflict, InvalidRequest, NotFound
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.audit import AuditQuery, Deed
from tests.fakes.clock import START

type Pause = Callable[[], Awaitable[None]]

# a dead letter that stays whatever is done to it, so that every route can be tried in any order
STICKY = 1


class FakeQueues:
    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.letters = [3, 2, STICKY]

    async def depths(self) -> tuple[QueueDepth, ...]:
        await self._pause()
        return (QueueDepth(queue="detect", pending=2, processing=1, delayed=0, dead=len(self.letters)),)

    async def dead(self, queue: str, limit: int, cursor: str | None) -> DeadJobPage:
        await self._pause()
        if cursor is not None and not cursor.isdecimal():
            raise InvalidRequest("the cursor is not valid")
        jobs = tuple(
            DeadJob(
                id=number,
                queue=queue,
                camera_id="front_door",
                attempts=3,
                error="no answer",
                error_type="timeout",
                enqueued_at=START,
                first_failed_at=START,
                last_failed_at=START,
                payload={"media_id": "m1"},
            )
            for number in self.letters[:limit]
        )
        return DeadJobPage(items=jobs)

    async def requeue(self, queue: str, letter_id: int | None) -> Requeued:
        return Requeued(requeued=await self._take(letter_id), remaining=len(self.letters))

    async def drop(self, queue: str, letter_id: int | None) -> Dropped:
        return Dropped(dropped=await self._take(letter_id))

    async def _take(self, letter_id: int | None) -> int:
        await self._pause()
        taken = [one for one in self.letters if letter_id in {None, one}]
        if letter_id is not None and not taken:
            raise NotFound("there is no such dead letter")
        self.letters = [one for one in self.letters if one not in taken or one == STICKY]
        return len(taken)


class FakeParts:
    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.part = Part(component=Component(id="ingest", state=ComponentState.HEALTHY), controllable=True)

    async def all(self) -> tuple[Part, ...]:
        await self._pause()
        return (self.part,)

    async def one(self, part_id: str) -> Part:
        await self._pause()
        if part_id != self.part.component.id:
            raise NotFound("there is no such component")
        return self.part

    async def restart(self, part_id: str) -> Part:
        part = await self.one(part_id)
        if not part.enabled:
            raise Conflict("it is switched off")
        self.part = replace(part, restarts=part.restarts + 1)
        return self.part

    async def start(self, part_id: str) -> Part:
        part = await self.one(part_id)
        if not part.enabled:
            raise Conflict("it is switched off")
        self.part = replace(part, stopped=False)
        return self.part

    async def stop(self, part_id: str) -> Part:
        self.part = replace(await self.one(part_id), stopped=True)
        return self.part

    async def switch(self, part_id: str, *, on: bool) -> Part:
        self.part = replace(await self.one(part_id), enabled=on)
        return self.part


class FakeAudit:
    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.deeds: list[Deed] = []
        self.failure: Exception | None = None

    async def note(self, deed: Deed) -> None:
        if self.failure is not None:
            raise self.failure
        self.deeds.append(deed)

    async def page(self, query: AuditQuery) -> Page[AuditEntry]:
        await self._pause()
        entries = [
            AuditEntry(id=number, at=START, actor=deed.actor, action=deed.action, target=deed.target)
            for number, deed in enumerate(self.deeds, start=1)
        ]
        return Page(items=tuple(entries[::-1][: query.limit]), next_cursor=None, total=None)
