"""What the API asks of the engine about the quality of verdicts; ``app`` implements it."""

from dataclasses import dataclass
from typing import Protocol

from home_sentry_engine.contract import BatchAudit, Calibration, EvaluationStats, EventAudit, Leaderboard
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.evaluations import AuditedQuery

from .prompt_ports import Prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The last ``days``, of one camera or all."""

    days: int
    camera_id: str | None = None


class Evaluations(Protocol):
    """Records of verdicts and what follows from them."""

    async def record(self, event_id: str) -> EventAudit | None:
        """Give the record of an event, None without one."""
        ...

    async def page(self, query: AuditedQuery) -> Page[EventAudit]:
        """Give records, the newest first."""
        ...

    async def stats(self, span: Span) -> EvaluationStats:
        """Sum up the records of some days."""
        ...

    async def leaderboard(self, span: Span) -> Leaderboard:
        """Rank sources by what leaving them out changed."""
        ...

    async def audit(self, span: Span, limit: int) -> BatchAudit:
        """Make missing records, and put events to the front of the evaluation."""
        ...

    async def calibration(self, span: Span) -> Calibration:
        """Compare scores with what people said, over whole weeks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Both desks of what models are asked and how they judge."""

    prompts: Prompts
    evaluations: Evaluations
