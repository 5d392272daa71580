"""Verdicts that a person wants anew, and what models were asked for those that are there."""

from home_sentry_engine.contract import EventQuestion, EventQuestions, Reassessment
from home_sentry_engine.pipeline.forced import judge_again
from home_sentry_engine.pipeline.ports import Store
from home_sentry_engine.storage.database import Connection, Database

from .tables import Tables


class StoredVerdicts:
    """``api.verdict_ports.Verdicts`` over the pipeline's rows; whoever assesses on this database does the work."""

    def __init__(self, store: Store, database: Database, tables: Tables) -> None:
        """Take the rows of the pipeline, and where judgements are read."""
        self._store = store
        self._database = database
        self._tables = tables

    async def reassess(self, event_id: str) -> Reassessment | None:
        """Queue another judgement; None without the event, raises ``NothingLeft`` or ``QueueFull``."""
        event = await self._store.write(lambda tx: judge_again(tx, event_id))
        if event is None:
            return None
        return Reassessment(event_id=event.event_id, revision=event.revision, risk_score=event.risk_score)

    async def questions(self, event_id: str) -> EventQuestions | None:
        """Give what models were asked about an event, oldest first; None without the event."""

        def work(conn: Connection) -> EventQuestions | None:
            if self._tables.events.get(conn, event_id) is None:
                return None
            items = tuple(
                EventQuestion(
                    at=one.at,
                    model_id=one.model_id,
                    prompt_version=one.prompt_version,
                    prompt=one.prompt,
                    answer=one.answer,
                    prompt_tokens=one.prompt_tokens,
                    answer_tokens=one.answer_tokens,
                    duration_ms=one.duration_ms,
                    score=one.model_score,
                )
                for one in self._tables.assessments.of_event(conn, event_id)
                if one.prompt is not None
            )
            return EventQuestions(event_id=event_id, items=items)

        return await self._database.read(work)
