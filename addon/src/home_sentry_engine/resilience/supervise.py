"""Long-running jobs that are restarted when they fail, with every change of state reported."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
import logging

from home_sentry_engine.domain.clock import Clock

from .backoff import Backoff

_LOGGER = logging.getLogger(__name__)

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
    """A job's new state; ``reason`` says what went wrong, ``restarts`` counts all of its restarts."""

    name: str
    state: JobState
    at: datetime
    reason: str | None = None
    restarts: int = 0


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

    async def run(self) -> None:
        try:
            while not await self._once():
                if not await self._pause():
                    return
        finally:
            self._tell(JobState.STOPPED)

    async def _once(self) -> bool:
        self._tell(JobState.RUNNING)
        try:
            await self._job()
        except Exception as err:
            _LOGGER.exception("A supervised job crashed", extra={"job": self._name})
            self._tell(JobState.CRASHED, f"{type(err).__name__}: {err}")
            return False
        return True

    async def _pause(self) -> bool:
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
        change = JobChange(name=self._name, state=state, at=self._clock.now(), reason=reason, restarts=self._restarts)
        self._report(change)
