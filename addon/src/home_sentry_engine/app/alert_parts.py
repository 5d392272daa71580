"""What evaluating alerts needs beside the rows of events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from home_sentry_engine.context.association import AssociationRules
from home_sentry_engine.contract import Alert, Event
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.alert_rules import AlertRules
from home_sentry_engine.storage.repositories.raised import Alerts


class AlertSink(Protocol):
    """Who has to tell people of alerts; called in the transaction that stores them."""

    def raised(self, conn: Connection, alert: Alert, event: Event, now: datetime) -> None:
        """Take a new alert, once."""
        ...

    def revised(self, conn: Connection, alerts: Sequence[Alert], event: Event, now: datetime) -> None:
        """Take a revision of an event that has ``alerts`` from before, at least one."""
        ...


class Nobody:
    """Tells nobody: clients of the API hear of alerts anyway."""

    def raised(self, conn: Connection, alert: Alert, event: Event, now: datetime) -> None:
        """Do nothing."""

    def revised(self, conn: Connection, alerts: Sequence[Alert], event: Event, now: datetime) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertParts:
    """Rules and alerts, who tells of them, the time zone before Home Assistant names its own, and who is who.

    ``best_detections`` is how many detections of a visit are looked at.
    """

    rules: AlertRules = field(default_factory=AlertRules)
    raised: Alerts = field(default_factory=Alerts)
    sink: AlertSink = field(default_factory=Nobody)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    association: AssociationRules = field(default_factory=AssociationRules)
    best_detections: int = 50
