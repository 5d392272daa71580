"""The door behind the disk guard: while there is no room files wait outside, and their senders hear why."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.domain.messages import Arrival
from home_sentry_engine.ingest.intake import CopyFailed, Intake, Outcome, Refused
from home_sentry_engine.media.frames import Inspected
from home_sentry_engine.operations.disk import DiskFull, DiskGuard, is_full
from home_sentry_engine.storage.errors import StorageFull


class GuardedDoor:
    """``ingest.taking.Door`` over the intake; raises ``DiskFull`` instead of beginning what cannot be stored."""

    def __init__(
        self, intake: Intake[Inspected], guard: DiskGuard, heard: Callable[[Outcome], None] = lambda _outcome: None
    ) -> None:
        """Take the intake and the guard; ``heard`` hears what became of each file."""
        self._intake = intake
        self._guard = guard
        self._heard = heard

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        """Tell which files were booked before."""
        return await self._intake.known_sources(keys)

    async def take(self, arrival: Arrival, *, final: bool = True) -> Outcome:
        """Check and book a file; raises ``DiskFull`` and what ``Intake.take`` raises."""
        self._guard.admit()
        outcome = await self._or_full(lambda: self._intake.take(arrival, final=final))
        self._heard(outcome)
        return outcome

    async def refuse(self, arrival: Arrival, rejected: Rejected) -> Refused:
        """Book a file as refused."""
        refused = await self._or_full(lambda: self._intake.refuse(arrival, rejected))
        self._heard(refused)
        return refused

    async def _or_full[T](self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await work()
        except (CopyFailed, StorageFull) as err:
            if isinstance(err, CopyFailed) and not is_full(err):
                raise
            await asyncio.to_thread(self._guard.hit_full)
            self._guard.admit()
            raise DiskFull("the disk is full: files wait", code="disk_full") from err
