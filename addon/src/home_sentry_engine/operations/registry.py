"""The parts of an engine that run as jobs: supervised, counted, restarted and switched by people."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
import logging
from typing import Final, NoReturn

from home_sentry_engine.contract import Component, ComponentState, Part, RestartStrategy
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.resilience.supervise import Job, JobChange, JobState, RestartPolicy
from home_sentry_engine.resilience.switched import SwitchedJob
from home_sentry_engine.storage.repositories.components import ComponentRecord

from .health import HealthBoard

_LOGGER = logging.getLogger(__name__)
_STEADY: Final = timedelta(seconds=2)
_SAVE_AGAIN_S: Final = 5.0
_TROUBLE: Final = frozenset({JobState.CRASHED, JobState.RESTARTING, JobState.FAILED})


class UnknownPart(HomeSentryError, LookupError):
    """This engine has no such component."""


class NotSwitchable(HomeSentryError, ValueError):
    """The component cannot be restarted or switched; the message says why."""


class Rank(StrEnum):
    """How much depends on a component, which decides how patiently it is restarted."""

    CORE = "core"
    MODEL = "model"
    OPTIONAL = "optional"


POLICIES: Final = {
    Rank.CORE: RestartPolicy(restarts=10, window_s=600.0, rest_s=60.0, backoff=Backoff(base_s=2.0, cap_s=60.0)),
    Rank.MODEL: RestartPolicy(restarts=5, window_s=600.0, rest_s=900.0, backoff=Backoff(base_s=5.0, cap_s=300.0)),
    Rank.OPTIONAL: RestartPolicy(restarts=3, window_s=900.0, rest_s=900.0, backoff=Backoff(base_s=10.0, cap_s=600.0)),
}

type Details = dict[str, str | int | float | bool | None]
type Save = Callable[[ComponentRecord], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """A component and its jobs.

    ``describe`` gives what it says about itself while its jobs run, None when it told the board already; without it a
    part that runs is healthy. ``details`` gives figures for its component. ``renew`` is called before a restart that
    somebody asked for; ``instead`` is called in place of a restart of its jobs. A ``fixed``
    part may be restarted but not stopped or switched off.
    """

    id: str
    jobs: Mapping[str, Job]
    rank: Rank = Rank.CORE
    fixed: bool = False
    describe: Callable[[], Component | None] | None = None
    details: Callable[[], Details] | None = None
    renew: Callable[[], Awaitable[None]] | None = None
    strategy: RestartStrategy = RestartStrategy.TASK
    instead: Callable[[], None] | None = None


@dataclass(slots=True)
class _Running:
    plan: PartPlan
    record: ComponentRecord
    stopped: bool = False
    jobs: list[SwitchedJob] = field(default_factory=list)


class ComponentRegistry:
    """Runs every part and keeps its record; ``save`` is called after each change of a record."""

    def __init__(self, board: HealthBoard, clock: Clock, save: Save) -> None:
        """Take the board that shows the parts, the clock, and what stores a record."""
        self._board = board
        self._clock = clock
        self._save = save
        self._parts: dict[str, _Running] = {}
        self._dirty: dict[str, None] = {}
        self._changed = asyncio.Event()
        self.remote: frozenset[str] = frozenset()
        """Components that other engines speak for."""

    def add(self, plans: Sequence[PartPlan], records: Mapping[str, ComponentRecord]) -> None:
        """Take the parts with what is remembered of them; call before ``run``."""
        for plan in plans:
            record = records.get(plan.id) or ComponentRecord(id=plan.id)
            running = _Running(plan, replace(record, enabled=True) if plan.fixed else record)
            self._parts[plan.id] = running
            for name, job in plan.jobs.items():
                switched = SwitchedJob(
                    name,
                    job,
                    clock=self._clock,
                    report=self._reporter(running),
                    policy=POLICIES[plan.rank],
                    enabled=running.record.enabled,
                )
                running.jobs.append(switched)

    async def run(self) -> None:
        """Run all jobs until cancelled; no failing job takes another one down."""
        async with asyncio.TaskGroup() as group:
            for running in self._parts.values():
                for job in running.jobs:
                    group.create_task(job.run(), name=job.name)
            group.create_task(self._keep(), name="component records")

    def parts(self) -> tuple[Part, ...]:
        """Give every component of the board, those with jobs first."""
        shown = [self._part(running) for running in self._parts.values()]
        rest = [one for one in self._board.components() if one.id not in self._parts]
        return (*shown, *(self._told(one) for one in rest))

    def _told(self, one: Component) -> Part:
        strategy = RestartStrategy.REMOTE if one.id in self.remote else RestartStrategy.NONE
        return Part(component=one, core=one.id == "database", strategy=strategy)

    def part(self, part_id: str) -> Part:
        """Give one component; raises ``UnknownPart``."""
        for part in self.parts():
            if part.component.id == part_id:
                return part
        raise UnknownPart(f"there is no component {part_id!r}")

    async def restart(self, part_id: str) -> Part:
        """Begin a component anew; raises ``UnknownPart`` or ``NotSwitchable``."""
        running = self._found(part_id)
        if not running.record.enabled:
            raise NotSwitchable(f"{part_id} is switched off; enable it instead")
        if running.stopped:
            raise NotSwitchable(f"{part_id} is stopped; start it instead")
        if running.plan.renew is not None:
            await running.plan.renew()
        self._note(running, restarts=running.record.restarts + 1, last_restart_at=self._clock.now(), reason=None)
        if running.plan.instead is not None:
            running.plan.instead()
            return self._part(running)
        for job in running.jobs:
            job.restart()
        return self._part(running)

    def start(self, part_id: str) -> Part:
        """Let a stopped component work again; raises as ``restart``. One that works goes on."""
        running = self._found(part_id)
        if not running.record.enabled:
            raise NotSwitchable(f"{part_id} is switched off; enable it instead")
        return self._turned(running, stopped=False)

    def stop(self, part_id: str) -> Part:
        """End a component until it is started or the engine begins anew; raises as ``restart``."""
        running = self._found(part_id)
        if running.plan.fixed:
            raise NotSwitchable(f"{part_id} cannot be stopped: nobody could start it again")
        return self._turned(running, stopped=running.record.enabled)

    def _turned(self, running: _Running, *, stopped: bool) -> Part:
        running.stopped = stopped
        for job in running.jobs:
            job.switch(on=running.record.enabled and not stopped)
        self._show(running)
        return self._part(running)

    def switch(self, part_id: str, *, on: bool) -> Part:
        """Enable a component, which forgets its failures, or disable it; raises as ``restart``."""
        running = self._found(part_id)
        if running.plan.fixed and not on:
            raise NotSwitchable(f"{part_id} cannot be switched off: nobody could switch it on again")
        changes = {"failures": 0, "reason": None} if on else {"reason": "switched off by a person"}
        self._note(running, enabled=on, **changes)
        return self._turned(running, stopped=False)

    def count_failure(self, part_id: str, reason: str) -> None:
        """Count a failure of what a part keeps running beside its jobs, such as a child process."""
        running = self._parts.get(part_id)
        if running is not None:
            failures = running.record.failures + 1
            self._note(running, failures=failures, last_failure_at=self._clock.now(), reason=reason)

    def count_restart(self, part_id: str) -> None:
        """Count that it began anew."""
        running = self._parts.get(part_id)
        if running is not None:
            self._note(running, restarts=running.record.restarts + 1, last_restart_at=self._clock.now())

    def review(self) -> None:
        """Bring the board up to date with how the jobs do now."""
        for running in self._parts.values():
            self._show(running)

    def _found(self, part_id: str) -> _Running:
        if part_id in self._parts:
            return self._parts[part_id]
        if self._board.get(part_id) is None:
            raise UnknownPart(f"there is no component {part_id!r}")
        if part_id in self.remote:
            raise NotSwitchable(f"{part_id} runs in another engine, which is only reported here: turn to that one")
        raise NotSwitchable(f"{part_id} cannot be restarted or switched: it only tells how it is")

    def _reporter(self, running: _Running) -> Callable[[JobChange], None]:
        def report(change: JobChange) -> None:
            if change.waits and change.state in _TROUBLE:
                if change.reason is not None:
                    self._note(running, last_failure_at=change.at, reason=change.reason)
            elif change.state is JobState.CRASHED:
                self._note(
                    running, failures=running.record.failures + 1, last_failure_at=change.at, reason=change.reason
                )
            elif change.state is JobState.RESTARTING:
                self._note(running, restarts=running.record.restarts + 1, last_restart_at=change.at)
            elif change.state is JobState.FAILED:
                self._note(running, reason=f"{change.name}: {change.reason}")
            self._show(running)

        return report

    def _show(self, running: _Running) -> None:
        component = self._component(running)
        if component is not None:
            self._board.report(component)
            if running.record.state != component.state:
                self._note(running, state=component.state.value)

    def _component(self, running: _Running) -> Component | None:
        plan, record = running.plan, running.record
        details: Details = {"restarts": record.restarts, "failures": record.failures}
        if plan.details is not None:
            details |= plan.details()
        if not record.enabled:
            state, reason = ComponentState.DISABLED, record.reason
            return Component(id=plan.id, state=state, reason=reason, fix="enable it", details=details)
        if running.stopped:
            reason = "stopped by a person until it is started or the engine begins anew"
            return Component(id=plan.id, state=ComponentState.DISABLED, reason=reason, fix="start it", details=details)
        changes = [job.last for job in running.jobs if job.last is not None]
        troubled = [change for change in changes if change.state in _TROUBLE]
        if troubled:
            failed = any(change.state is JobState.FAILED for change in troubled)
            state = ComponentState.FAILED if failed else ComponentState.DEGRADED
            fix = None if all(change.waits for change in troubled) else "restart it"
            return Component(id=plan.id, state=state, reason=record.reason, fix=fix, details=details)
        now = self._clock.now()
        fresh = [change for change in changes if change.restarts and timedelta() <= now - change.at < _STEADY]
        if fresh and record.reason:
            return Component(id=plan.id, state=ComponentState.DEGRADED, reason=record.reason, details=details)
        if plan.describe is not None:
            return plan.describe()
        return Component(id=plan.id, state=ComponentState.HEALTHY, details=details)

    def _part(self, running: _Running) -> Part:
        record = running.record
        component = self._board.get(record.id) or Component(id=record.id, state=ComponentState.STARTING)
        return Part(
            component=component,
            enabled=record.enabled,
            controllable=True,
            fixed=running.plan.fixed,
            core=running.plan.rank is Rank.CORE,
            failures=record.failures,
            restarts=record.restarts,
            last_failure_at=record.last_failure_at,
            last_restart_at=record.last_restart_at,
            strategy=running.plan.strategy,
            stopped=running.stopped,
        )

    def _note(self, running: _Running, **changes: object) -> None:
        running.record = replace(running.record, **changes)  # type: ignore[arg-type]
        self._dirty[running.record.id] = None
        self._changed.set()

    async def _keep(self) -> NoReturn:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for part_id in tuple(self._dirty):
                self._dirty.pop(part_id, None)
                try:
                    await self._save(self._parts[part_id].record)
                except HomeSentryError as err:
                    _LOGGER.warning("The record of a component waits: %s", err, extra={"component": part_id})
                    self._dirty[part_id] = None
                    self._changed.set()
                    await self._clock.sleep(_SAVE_AGAIN_S)
