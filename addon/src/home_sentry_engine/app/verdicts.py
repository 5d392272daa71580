"""Verdicts that a person wants anew."""

from home_sentry_engine.contract import Reassessment
from home_sentry_engine.pipeline.forced import judge_again
from home_sentry_engine.pipeline.ports import Store


class StoredVerdicts:
    """``api.verdict_ports.Verdicts`` over the pipeline's rows; whoever assesses on this database does the work."""

    def __init__(self, store: Store) -> None:
        """Take the rows."""
        self._store = store

    async def reassess(self, event_id: str) -> Reassessment | None:
        """Queue another judgement; None without the event, raises ``NothingLeft`` or ``QueueFull``."""
        event = await self._store.write(lambda tx: judge_again(tx, event_id))
        if event is None:
            return None
        return Reassessment(event_id=event.event_id, revision=event.revision, risk_score=event.risk_score)
