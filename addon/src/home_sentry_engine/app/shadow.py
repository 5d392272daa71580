"""Trials on many events: the newest with feedback are judged once more in other words, one after the other."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
import logging
from statistics import fmean
from typing import Final

from home_sentry_engine.contract import (
    AnalysisState,
    PromptModel,
    PromptTest,
    RiskLevel,
    ShadowChange,
    ShadowCounts,
    ShadowRun,
    ShadowState,
)
from home_sentry_engine.contract.errors import Conflict
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.operations.calibration import ALARMING, truth_of
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.calibrations import Calibrations, Judged
from home_sentry_engine.storage.repositories.prompts import ShadowRuns

from .prompting import JUDGES

_LOGGER = logging.getLogger(__name__)
_LONGEST_S: Final = 3600.0
_GLANCE_S: Final = 1.0

type Try = Callable[[str], Awaitable[PromptTest | None]]


class ShadowDesk:
    """One trial at a time, each event after real work; how it stands is kept and can be asked for later.

    ``busy`` tells of real work. A trial ends after an hour at the latest.
    """

    def __init__(self, database: Database, clock: Clock, ids: IdSource) -> None:
        """Take the rows, the clock and ids."""
        self._database = database
        self._clock = clock
        self._ids = ids
        self._runs = ShadowRuns()
        self._events = Calibrations()
        self._task: asyncio.Task[None] | None = None
        self.busy: Callable[[], bool] = lambda: False

    async def begin(self, model: PromptModel, attempt: Try, limit: int) -> ShadowRun:
        """Begin a trial; raises ``Conflict`` while another one runs."""
        if self._task is not None and not self._task.done():
            raise Conflict("a trial runs already; ask for its result first")
        events = await self._database.read(lambda conn: self._events.labelled(conn, limit))
        run = ShadowRun(
            run_id=self._ids(),
            model=model,
            state=ShadowState.RUNNING,
            created_at=self._clock.steady(),
            events=len(events),
        )
        await self._save(run)
        self._task = asyncio.create_task(self._guarded(run, attempt, events), name="shadow run")
        return run

    async def get(self, run_id: str) -> ShadowRun | None:
        """Give how a trial stands."""
        return await self._database.read(lambda conn: self._runs.get(conn, run_id))

    async def recover(self) -> None:
        """Say of trials that ran when the engine ended that they were interrupted."""
        await self._database.write(self._recover)

    async def aclose(self) -> None:
        """End the trial that runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            await self.recover()

    async def finished(self) -> None:
        """Wait until the trial that runs is over."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _guarded(self, run: ShadowRun, attempt: Try, events: Sequence[Judged]) -> None:
        try:
            async with asyncio.timeout(_LONGEST_S):
                await self._tried(run, attempt, events)
        except TimeoutError:
            await self._end(run, ShadowState.FAILED, f"it was not done within {_LONGEST_S:g} s")
        except Exception as err:
            _LOGGER.exception("A trial failed")
            await self._end(run, ShadowState.FAILED, f"it failed ({type(err).__name__})")

    async def _tried(self, run: ShadowRun, attempt: Try, events: Sequence[Judged]) -> None:
        results: list[tuple[Judged, PromptTest]] = []
        failed: Counter[str] = Counter()
        for one in events:
            while self.busy():
                await self._clock.sleep(_GLANCE_S)
            try:
                test = await attempt(one.event_id)
            except StageError as err:
                failed[err.code] += 1
                continue
            if test is None:
                failed["event_gone"] += 1
            elif test.model in JUDGES and test.after.state is AnalysisState.RULES:
                failed[test.after.reason.value if test.after.reason is not None else "unknown"] += 1
            else:
                results.append((one, test))
            await self._save(replace(run, judged=len(results), failed=dict(failed)))
        await self._save(
            replace(
                run,
                state=ShadowState.DONE,
                finished_at=self._clock.steady(),
                judged=len(results),
                failed=dict(failed),
                seconds_each=round(fmean(test.duration_ms for _, test in results) / 1000, 3) if results else None,
                before=_counts([(one, test.before.level) for one, test in results]),
                after=_counts([(one, test.after.level) for one, test in results]),
                changes=tuple(
                    ShadowChange(
                        event_id=one.event_id,
                        before=test.before.level,
                        after=test.after.level,
                        labels=tuple(label.value for label in one.labels),
                    )
                    for one, test in results
                    if test.level_changed
                ),
            )
        )

    async def _end(self, run: ShadowRun, state: ShadowState, reason: str) -> None:
        known = await self.get(run.run_id) or run
        await self._save(replace(known, state=state, reason=reason, finished_at=self._clock.steady()))

    async def _save(self, run: ShadowRun) -> None:
        await self._database.write(lambda conn: self._runs.save(conn, run))

    def _recover(self, conn: Connection) -> None:
        for run in self._runs.newest(conn, 10):
            if run.state is ShadowState.RUNNING:
                ended = replace(run, state=ShadowState.INTERRUPTED, reason="the engine ended")
                self._runs.save(conn, replace(ended, finished_at=self._clock.steady()))


def _counts(results: Sequence[tuple[Judged, RiskLevel]]) -> ShadowCounts:
    known = [(truth, level in ALARMING) for one, level in results if (truth := truth_of(one)) is not None]
    return ShadowCounts(
        incidents=sum(truth for truth, _ in known),
        harmless=sum(not truth for truth, _ in known),
        missed_alarms=sum(truth and not alarmed for truth, alarmed in known),
        false_alarms=sum(alarmed and not truth for truth, alarmed in known),
    )
