"""What the API asks of the engine about verdicts; ``app`` implements it."""

from typing import Protocol

from home_sentry_engine.contract import Reassessment


class Verdicts(Protocol):
    """Verdicts that a person wants anew."""

    async def reassess(self, event_id: str) -> Reassessment | None:
        """Queue another judgement; None without the event, raises ``Permanent`` where nothing is left to judge."""
        ...
