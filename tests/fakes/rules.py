"""Rules of alerts and alerts, over dictionaries."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from home_sentry_engine.alerting.rules import BUILTIN
from home_sentry_engine.api.rule_ports import Trial
from home_sentry_engine.contract import (
    Alert,
    AlertCondition,
    AlertRule,
    AlertStats,
    AlertStatus,
    AnalysisState,
    Event,
    RiskLevel,
    RuleTest,
    RuleTrial,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.raised import AlertQuery

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def alert(alert_id: str = "al1", camera_id: str = "front_door", **changes: Any) -> Alert:
    whole = Alert(
        id=alert_id,
        rule_id="mine",
        rule_name="Mine",
        event_id="e1",
        camera_id=camera_id,
        camera_name="Front Door",
        revision=1,
        severity=RiskLevel.HIGH,
        level=RiskLevel.HIGH,
        score=70,
        state=AnalysisState.RULES,
        rule_only=True,
        summary="A person",
        media_id="m1",
        status=AlertStatus.PENDING,
        dedup_key=f"{camera_id}:mine:person",
        made_at=NOW,
    )
    return replace(whole, **changes)


class FakeRules:
    """Keeps rules; a zone nowhere is refused, and nothing matches where the camera is another one."""

    def __init__(self, pause: Callable[[], Awaitable[None]], events: dict[str, Event]) -> None:
        self._pause, self._events = pause, events
        self.rules: dict[str, AlertRule] = {}
        self.seed()

    def seed(self) -> None:
        """Let there be the built-in rule and one more."""
        self.rules = {BUILTIN.id: BUILTIN, "mine": AlertRule(id="mine", name="Mine")}

    async def all(self) -> tuple[AlertRule, ...]:
        await self._pause()
        return tuple(self.rules.values())

    async def one(self, rule_id: str) -> AlertRule | None:
        await self._pause()
        return self.rules.get(rule_id)

    async def create(self, rule: AlertRule) -> AlertRule:
        await self._pause()
        if rule.id in self.rules:
            raise Conflict("there is a rule with this id")
        return self._keep(rule)

    async def put(self, rule: AlertRule) -> AlertRule:
        await self._pause()
        if rule.id == BUILTIN.id:
            raise Conflict("the built-in rule cannot be written anew")
        return self._keep(rule)

    async def patch(self, rule_id: str, changes: Mapping[str, Any]) -> AlertRule | None:
        await self._pause()
        before = self.rules.get(rule_id)
        return None if before is None else self._keep(replace(before, **changes))

    async def delete(self, rule_id: str) -> bool:
        await self._pause()
        if rule_id == BUILTIN.id:
            raise Conflict("the built-in rule cannot be deleted")
        return self.rules.pop(rule_id, None) is not None

    async def test(self, rule_id: str, trial: Trial) -> RuleTest | None:
        await self._pause()
        rule = self.rules.get(rule_id)
        if rule is None:
            return None
        if any(one not in self._events for one in trial.event_ids):
            raise NotFound("there is no such event")
        chosen = [self._events[one] for one in trial.event_ids] or list(self._events.values())[: trial.limit]
        items = tuple(_trial(rule, event) for event in chosen)
        matched = sum(one.matched for one in items)
        return RuleTest(rule_id=rule_id, tested=len(items), matched=matched, items=items)

    def _keep(self, rule: AlertRule) -> AlertRule:
        if "nowhere" in rule.zone_ids:
            raise Unprocessable("there is no zone nowhere")
        self.rules[rule.id] = rule
        return rule


def _trial(rule: AlertRule, event: Event) -> RuleTrial:
    matched = not rule.camera_ids or event.camera_id in rule.camera_ids
    return RuleTrial(
        event_id=event.event_id,
        camera_id=event.camera_id,
        started_at=event.started_at,
        risk_score=event.risk_score,
        risk_level=event.risk_level,
        matched=matched,
        condition=None if matched else AlertCondition.CAMERA_IDS,
    )


class FakeAlerts:
    """Keeps alerts; ``closed`` notes who closed which."""

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self.alerts = {one.id: one for one in (alert(), alert("al2", "garden"))}
        self.closed: list[tuple[str, AlertStatus, str | None]] = []

    async def page(self, query: AlertQuery) -> Page[Alert]:
        await self._pause()
        found = [one for one in self.alerts.values() if query.within is None or one.camera_id in query.within]
        return Page(items=tuple(found[: query.limit]), total=len(found) if query.with_total else None)

    async def one(self, alert_id: str) -> Alert | None:
        await self._pause()
        return self.alerts.get(alert_id)

    async def close(self, alert_id: str, status: AlertStatus, user: str | None) -> Alert | None:
        await self._pause()
        if alert_id not in self.alerts:
            return None
        self.closed.append((alert_id, status, user))
        self.alerts[alert_id] = replace(self.alerts[alert_id], status=status, closed_at=NOW, closed_by=user)
        return self.alerts[alert_id]

    async def deliver(self, alert_id: str) -> Alert | None:
        await self._pause()
        if alert_id not in self.alerts:
            return None
        self.alerts[alert_id] = replace(self.alerts[alert_id], status=AlertStatus.DELIVERED, delivered_at=NOW)
        return self.alerts[alert_id]

    async def stats(self, since: datetime | None) -> AlertStats:
        await self._pause()
        return AlertStats(since=since or NOW, alerts=len(self.alerts), suppressed=0)
