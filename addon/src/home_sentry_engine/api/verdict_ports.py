"""What the API asks of the engine about verdicts; ``app`` implements it."""

from typing import Protocol

from home_sentry_engine.contract import EventQuestions, Reassessment


class Verdicts(Protocol):
    """Verdicts that a person wants anew, and what models were asked for those that are there."""

    async def reassess(self, event_id: str) -> Reassessment | None:
        """Queue another judgement; None without the event, raises ``Permanent`` where nothing is left to judge."""
        ...

    async def questions(self, event_id: str) -> EventQuestions | None:
        """Give what models were asked about an event and answered; None without the event."""
        ...
