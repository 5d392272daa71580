"""Long-running jobs that are restarted when they fail, with every change of state reported."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import logging
from typing import Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError, Outage

from .backoff import Backoff

_LOGGER = logging.getLogger(__name__)
_LONGEST_WAIT_S: Final = 10.0

type Job = Callable[[], Awaitable[None]]


class JobState(StrEnum):
    """Where a supervised job stands; ``failed`` means that it used up its restarts and rests."""

    RUNNING = "running"
    CRASHED = "crashed"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """A job's new state; ``reason`` says what went wrong, ``restarts`` counts all of its restarts.

    With ``waits`` the job is sound: what it needs is away, and it tries again for as long as that lasts.
    """

    name: str
    state: JobState
    at: datetime
    reason: str | None = None
    restarts: int = 0
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """At most ``restarts`` within ``window_s``; then the job rests ``rest_s`` before one more try, for good if None."""

    restarts: int = 5
    window_s: float = 300.0
    rest_s: float | None = 900.0
    backoff: Backoff = field(default_factory=Backoff)


async def supervise(
    name: str,
    job: Job,
    *,
    clock: Clock,
    report: Callable[[JobChange], None],
    policy: RestartPolicy | None = None,
) -> None:
    """Run ``job()`` until it returns, is cancelled, or fails for good; a crash never reaches the caller.

    Meant for a ``TaskGroup``: one failing job must not take its siblings down. Cancellation passes through.
    """
    await _Supervised(name, job, clock=clock, report=report, policy=policy or RestartPolicy()).run()


class _Supervised:
    def __init__(
        self, name: str, job: Job, *, clock: Clock, report: Callable[[JobChange], None], policy: RestartPolicy
    ) -> None:
        self._name = name
        self._job = job
        self._clock = clock
        self._report = report
        self._policy = policy
        self._recent: deque[float] = deque()
        self._restarts = 0
        self._waits = 0

    async def run(self) -> None:
        try:
            while not await self._once():
                if not await self._pause():
                    return
        finally:
            self._tell(JobState.STOPPED)

    async def _once(self) -> bool:
        self._tell(JobState.RUNNING)
        began = self._clock.monotonic()
        try:
            await self._job()
        except Exception as err:
            cause = cause_of(err)
            if isinstance(cause, Outage):
                self._meet(cause, ran_s=self._clock.monotonic() - began)
            else:
                self._waits = 0
                _LOGGER.exception("A supervised job crashed", extra={"job": self._name})
            self._tell(JobState.CRASHED, _told(cause))
            return False
        return True

    def _meet(self, outage: Outage, *, ran_s: float) -> None:
        self._waits = 1 if ran_s > self._policy.backoff.cap_s else self._waits + 1
        if self._waits == 1:
            _LOGGER.warning("A supervised job waits: %s", outage, extra={"job": self._name})

    async def _pause(self) -> bool:
        if self._waits:
            self._tell(JobState.RESTARTING)
            await self._clock.sleep(min(self._policy.backoff.delay_s(self._waits), _LONGEST_WAIT_S))
            self._restarts += 1
            return True
        now = self._clock.monotonic()
        while self._recent and self._recent[0] <= now - self._policy.window_s:
            self._recent.popleft()
        if len(self._recent) >= self._policy.restarts:
            self._tell(JobState.FAILED, f"{len(self._recent)} restarts within {self._policy.window_s:g} s did not help")
            if self._policy.rest_s is None:
                return False
            await self._clock.sleep(self._policy.rest_s)
            self._recent.clear()
        else:
            self._tell(JobState.RESTARTING)
            await self._clock.sleep(self._policy.backoff.delay_s(len(self._recent) + 1))
        self._recent.append(self._clock.monotonic())
        self._restarts += 1
        return True

    def _tell(self, state: JobState, reason: str | None = None) -> None:
        now, waits = self._clock.now(), self._waits > 0
        self._report(
            JobChange(name=self._name, state=state, at=now, reason=reason, restarts=self._restarts, waits=waits)
        )


def cause_of(err: Exception) -> Exception:
    """Give what a group of errors is about: the first that is no outage, or the first."""
    while isinstance(err, ExceptionGroup):
        others = err.split(Outage)[1]
        err = (others or err).exceptions[0]
    return err


def _told(cause: Exception) -> str:
    return str(cause) if isinstance(cause, HomeSentryError) else f"{type(cause).__name__}: {cause}"
