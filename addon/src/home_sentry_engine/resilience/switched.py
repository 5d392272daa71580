"""A supervised job that may be restarted, switched off and on again while the engine runs."""

import asyncio
from collections.abc import Callable
from typing import Any

from home_sentry_engine.domain.clock import Clock

from .supervise import Job, JobChange, JobState, RestartPolicy, supervise


class SwitchedJob:
    """``run`` goes on until it is cancelled, whatever becomes of the job; the last change tells where it stands."""

    def __init__(
        self,
        name: str,
        job: Job,
        *,
        clock: Clock,
        report: Callable[[JobChange], None],
        policy: RestartPolicy | None = None,
        enabled: bool = True,
    ) -> None:
        """Take the job, who hears of its changes, how it is restarted after a crash, and whether it starts at all."""
        self.name = name
        self.enabled = enabled
        self.last: JobChange | None = None
        self._job = job
        self._clock = clock
        self._report = report
        self._policy = policy
        self._turned = asyncio.Event()

    async def run(self) -> None:
        """Work while switched on, until cancelled."""
        while True:
            self._turned.clear()
            if self.enabled:
                await self._until_turned()
            else:
                self._tell(JobChange(name=self.name, state=JobState.STOPPED, at=self._clock.now()))
            if not self._turned.is_set():
                await self._turned.wait()

    def restart(self) -> None:
        """Begin anew with no crash on the record; one that is switched off stays so."""
        self._turned.set()

    def switch(self, *, on: bool) -> None:
        """Start the job, or end it for as long as it is off."""
        if on is not self.enabled:
            self.enabled = on
            self._turned.set()

    async def _until_turned(self) -> None:
        work = asyncio.ensure_future(
            supervise(self.name, self._job, clock=self._clock, report=self._tell, policy=self._policy)
        )
        turned = asyncio.ensure_future(self._turned.wait())
        try:
            await asyncio.wait({work, turned}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, turned):
                task.cancel()
            await _ended(work, turned)

    def _tell(self, change: JobChange) -> None:
        self.last = change
        self._report(change)


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """Wait for tasks that were cancelled; a cancellation of the caller meanwhile waits for their end too."""
    cancelled = False
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
