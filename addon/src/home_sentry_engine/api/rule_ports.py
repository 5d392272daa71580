"""What the API asks of the engine about rules of alerts and alerts; ``app`` implements it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from home_sentry_engine.contract import Alert, AlertRule, AlertStats, AlertStatus, RuleTest
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.raised import AlertQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Which stored events a rule is tested with: these, or the newest ``limit`` of a time and camera."""

    event_ids: Sequence[str] = ()
    camera_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50


class RuleDesk(Protocol):
    """Rules of alerts; each is given with the reason why it cannot hold, if there is one."""

    async def all(self) -> tuple[AlertRule, ...]:
        """Give every rule, the built-in one first."""
        ...

    async def one(self, rule_id: str) -> AlertRule | None:
        """Give one rule."""
        ...

    async def create(self, rule: AlertRule) -> AlertRule:
        """Keep a new rule; raises ``Conflict`` or ``Unprocessable``."""
        ...

    async def put(self, rule: AlertRule) -> AlertRule:
        """Keep a rule in the place of one of the same id; raises ``Conflict`` or ``Unprocessable``."""
        ...

    async def patch(self, rule_id: str, changes: Mapping[str, Any]) -> AlertRule | None:
        """Change a rule; raises ``Unprocessable``. None without such a rule."""
        ...

    async def delete(self, rule_id: str) -> bool:
        """Delete a rule; raises ``Conflict`` for the built-in one. False without such a rule."""
        ...

    async def test(self, rule_id: str, trial: Trial) -> RuleTest | None:
        """Hold a rule against stored events; raises ``NotFound`` for an unknown event. None without such a rule."""
        ...


class AlertDesk(Protocol):
    """Alerts that were raised; every change is announced."""

    async def page(self, query: AlertQuery) -> Page[Alert]:
        """Give alerts, newest first; raises ``InvalidCursor``."""
        ...

    async def one(self, alert_id: str) -> Alert | None:
        """Give one alert."""
        ...

    async def close(self, alert_id: str, status: AlertStatus, user: str | None) -> Alert | None:
        """Acknowledge or dismiss an alert; one that is closed stays as it is. None without such an alert."""
        ...

    async def deliver(self, alert_id: str) -> Alert | None:
        """Note that a client told somebody, which begins the cooldown; once. None without such an alert."""
        ...

    async def stats(self, since: datetime | None) -> AlertStats:
        """Count alerts since a moment, by default a week ago."""
        ...
