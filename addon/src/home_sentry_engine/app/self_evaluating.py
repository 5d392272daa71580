"""Evaluations in the background: the lowest of all work, done only in spare time, given up the moment there is more."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from typing import Final, Protocol

from home_sentry_engine.contract import AnalysisState, EventAudit, SelfEvaluation
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.language.errors import LanguageError
from home_sentry_engine.language.evaluator import Given
from home_sentry_engine.operations.idle import IdleWatch
from home_sentry_engine.operations.registry import Details
from home_sentry_engine.storage.database import Connection, Database

from .tables import Tables

_LOGGER = logging.getLogger(__name__)
_LOOKING_BACK: Final = timedelta(days=1)
_AGAIN: Final = timedelta(hours=1)
_TRIES: Final = 2
_NOTHING_S: Final = 30.0
_GLANCE_S: Final = 0.2


class Evaluator(Protocol):
    """The model that looks back."""

    async def evaluate(self, given: Given) -> SelfEvaluation:
        """Review a verdict; raises ``LanguageError``."""
        ...


class SpareEvaluations:
    """Evaluates verdicts of the last day, the newest first and those that people asked for before them.

    ``refused`` says why this engine evaluates nothing, None where it may. ``busy`` tells of real work.
    """

    def __init__(self, database: Database, tables: Tables, evaluator: Evaluator, idle: IdleWatch, clock: Clock) -> None:
        """Take the rows, the model, what knows spare time, and the clock."""
        self._database = database
        self._tables = tables
        self._evaluator = evaluator
        self._idle = idle
        self._clock = clock
        self.busy: Callable[[], bool] = lambda: False
        self.refused: Callable[[], str | None] = lambda: None
        self.done = self.failed = self.given_way = 0
        self._state = "not begun"

    @property
    def standing(self) -> str:
        """What it does, or what it waits for, in words."""
        return f"waiting: {self._idle.reason}" if self._state == "waiting" and self._idle.reason else self._state

    def details(self) -> Details:
        """Tell what was done, and what is put off and why."""
        return {
            "state": self.standing,
            "evaluated": self.done,
            "failed": self.failed,
            "interrupted": self.given_way,
        }

    async def run(self) -> None:
        """Evaluate until cancelled."""
        while True:
            await self.turn()

    async def turn(self) -> bool:
        """Wait for spare time and evaluate one verdict; False where there was nothing to do."""
        refusal = self.refused()
        audit = await self._database.read(self._next) if refusal is None else None
        if audit is None:
            self._state = f"off: {refusal}" if refusal is not None else "nothing to evaluate"
            await self._clock.sleep(_NOTHING_S)
            return False
        self._state = "waiting"
        await self._idle.wait()
        self._state = "evaluating"
        asked = asyncio.create_task(self.evaluate(audit), name="self-evaluation")
        try:
            while not asked.done():
                await asyncio.wait((asked,), timeout=_GLANCE_S)
                if not asked.done() and self.busy():
                    self.given_way += 1
                    break
        finally:
            asked.cancel()
            await asyncio.wait((asked,))
        if not asked.cancelled() and (failure := asked.exception()) is not None:
            raise failure
        return not asked.cancelled()

    async def evaluate(self, audit: EventAudit) -> None:
        """Evaluate one verdict and keep what came of it: an evaluation, or the reason why there is none."""
        given = await self._database.read(lambda conn: self._given(conn, audit))
        result: SelfEvaluation | None = None
        error: str | None = "nothing_left"
        if given is not None:
            try:
                result, error = await self._evaluator.evaluate(given), None
            except LanguageError as err:
                _LOGGER.info("A verdict could not be evaluated: %s", err, extra={"event_id": audit.event_id})
                error = err.reason.value
        now = self._clock.steady()
        await self._database.write(lambda conn: self._tables.evaluations.evaluated(conn, audit, result, error, now))
        if result is None:
            self.failed += 1
        else:
            self.done += 1

    def _next(self, conn: Connection) -> EventAudit | None:
        now, rows = self._clock.steady(), self._tables.evaluations
        event_id = rows.next(conn, since=now - _LOOKING_BACK, tried_before=now - _AGAIN, tries=_TRIES)
        return None if event_id is None else rows.get(conn, event_id)

    def _given(self, conn: Connection, audit: EventAudit) -> Given | None:
        event = self._tables.events.get(conn, audit.event_id, trashed=True)
        judged = [one for one in self._tables.assessments.of_event(conn, audit.event_id) if one.prompt is not None]
        if event is None or not judged or judged[-1].state is not AnalysisState.LLM:
            return None
        last = judged[-1]
        if last.prompt is None or last.model_score is None:
            return None
        return Given(
            prompt=last.prompt,
            score=last.model_score,
            summary=event.summary,
            reasoning=event.reasoning or "",
            recommended_action=event.recommended_action or "",
        )
