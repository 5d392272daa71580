"""Upkeep for tests of the API."""

from collections.abc import Awaitable, Callable

from home_sentry_engine.contract import BackupMade, CleanedUp, Component, ComponentHistory, ComponentState
from home_sentry_engine.contract.errors import NotFound
from tests.fakes.clock import START


class FakeUpkeep:
    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self.copies = 0

    async def back_up(self) -> BackupMade:
        await self._pause()
        self.copies += 1
        return BackupMade(name=f"home_sentry-{self.copies}.db", size_bytes=4096, schema="0001")

    async def clean_up(self) -> CleanedUp:
        await self._pause()
        return CleanedUp(events=1, files=2, bytes=3000, rows=4, strays=5)

    async def history(self, part_id: str) -> ComponentHistory:
        await self._pause()
        if part_id != "ingest":
            raise NotFound("there is no such component")
        states = (ComponentState.HEALTHY, ComponentState.DEGRADED)
        return ComponentHistory(items=tuple(Component(id=part_id, state=state, since=START) for state in states))
