"""Rules of alerts as their owner writes them, and alerts as people deal with them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from home_sentry_engine.alerting.conditions import Miss, match
from home_sentry_engine.alerting.rules import BUILTIN, MOST_RULES, InvalidRule, broken_reason, checked_rule
from home_sentry_engine.api.rule_ports import Trial
from home_sentry_engine.contract import (
    Alert,
    AlertCondition,
    AlertRule,
    AlertStats,
    AlertStatus,
    Event,
    RuleTest,
    RuleTrial,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import EventQuery, Page
from home_sentry_engine.storage.repositories.raised import AlertQuery

from .alert_facts import places_of, rules_of, seen_of
from .alerting import announce, mark_delivered
from .tables import Tables

_WEEK: Final = timedelta(days=7)
_RECENT: Final = 10
_OF_BUILTIN: Final = frozenset({"enabled", "severity", "channels", "cooldown_s"})


class StoredRules:
    """``api.rule_ports.RuleDesk`` over the repositories; ``changed`` is called when a rule was."""

    def __init__(self, database: Database, tables: Tables, clock: Clock, changed: Callable[[], None]) -> None:
        """Take the rows, the clock, and who looks at the rules again."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._changed = changed

    async def all(self) -> tuple[AlertRule, ...]:
        """Give every rule, the built-in one first."""
        return await self._database.read(lambda conn: rules_of(conn, self._tables))

    async def one(self, rule_id: str) -> AlertRule | None:
        """Give one rule."""
        return await self._database.read(lambda conn: self._one(conn, rule_id))

    async def create(self, rule: AlertRule) -> AlertRule:
        """Keep a new rule; raises ``Conflict`` or ``Unprocessable``."""

        def work(conn: Connection) -> AlertRule:
            if self._one(conn, rule.id) is not None:
                raise Conflict("there is a rule with this id")
            return self._save(conn, rule)

        return await self._write(work)

    async def put(self, rule: AlertRule) -> AlertRule:
        """Keep a rule in the place of one of the same id; raises ``Conflict`` or ``Unprocessable``."""
        if rule.id == BUILTIN.id:
            raise Conflict("the built-in rule cannot be written anew; change it or make another one")
        return await self._write(lambda conn: self._save(conn, rule, self._one(conn, rule.id)))

    async def patch(self, rule_id: str, changes: Mapping[str, Any]) -> AlertRule | None:
        """Change a rule; raises ``Unprocessable``."""
        if rule_id == BUILTIN.id and not changes.keys() <= _OF_BUILTIN:
            raise Unprocessable(f"of the built-in rule only {', '.join(sorted(_OF_BUILTIN))} can be changed")

        def work(conn: Connection) -> AlertRule | None:
            before = self._one(conn, rule_id)
            return None if before is None else self._save(conn, replace(before, **changes), before)

        return await self._write(work)

    async def delete(self, rule_id: str) -> bool:
        """Delete a rule; raises ``Conflict`` for the built-in one."""
        if rule_id == BUILTIN.id:
            raise Conflict("the built-in rule cannot be deleted; switch it off")
        return await self._write(lambda conn: self._tables.alerting.rules.delete(conn, rule_id))

    async def test(self, rule_id: str, trial: Trial) -> RuleTest | None:
        """Hold a rule against stored events as they are now, whether it is enabled or not; raises ``NotFound``."""

        def work(conn: Connection) -> RuleTest | None:
            rule = self._one(conn, rule_id)
            if rule is None:
                return None
            home = self._tables.home.zone(conn, self._tables.alerting.zone)
            items = tuple(self._try(conn, rule, event, home) for event in self._events(conn, trial))
            matched = sum(one.matched for one in items)
            return RuleTest(rule_id=rule_id, tested=len(items), matched=matched, items=items)

        return await self._database.read(work)

    async def _write[T](self, work: Callable[[Connection], T]) -> T:
        def noted(conn: Connection) -> T:
            done = work(conn)
            self._database.after_commit(conn, self._changed)
            return done

        return await self._database.write(noted)

    def _one(self, conn: Connection, rule_id: str) -> AlertRule | None:
        return next((rule for rule in rules_of(conn, self._tables) if rule.id == rule_id), None)

    def _save(self, conn: Connection, rule: AlertRule, before: AlertRule | None = None) -> AlertRule:
        now, rows = self._clock.steady(), self._tables.alerting.rules
        if before is None and len(rows.all(conn)) >= MOST_RULES:
            raise Unprocessable(f"there are {MOST_RULES} rules already")
        broken = broken_reason(rule, places_of(conn, self._tables))
        try:
            # what was broken before may be switched off or renamed without being mended
            if broken is None or before is None or before.broken != broken:
                checked_rule(rule)
                if broken is not None:
                    raise InvalidRule(broken)
        except InvalidRule as err:
            raise Unprocessable(str(err)) from err
        made = (before.created_at if before is not None else None) or now
        kept = replace(rule, builtin=rule.id == BUILTIN.id, broken=broken, created_at=made, updated_at=now)
        rows.save(conn, kept)
        return kept

    def _events(self, conn: Connection, trial: Trial) -> tuple[Event, ...]:
        if not trial.event_ids:
            query = EventQuery(camera_id=trial.camera_id, since=trial.since, until=trial.until, limit=trial.limit)
            return self._tables.events.page(conn, query).items
        found = {one: self._tables.events.get(conn, one) for one in dict.fromkeys(trial.event_ids)}
        missing = [one for one, event in found.items() if event is None]
        if missing:
            raise NotFound("there is no such event", details={"event_id": missing[0]})
        return tuple(event for event in found.values() if event is not None)

    def _try(self, conn: Connection, rule: AlertRule, event: Event, home: ZoneInfo) -> RuleTrial:
        condition: AlertCondition | None = None
        detail: str | None = None
        if rule.broken is not None:
            condition, detail = AlertCondition.BROKEN, rule.broken
        else:
            found = match(rule, event, lambda: seen_of(conn, self._tables, event), home)
            if isinstance(found, Miss):
                condition, detail = found.condition, found.detail
        return RuleTrial(
            event_id=event.event_id,
            camera_id=event.camera_id,
            started_at=event.started_at,
            risk_score=event.risk_score,
            risk_level=event.risk_level,
            matched=condition is None,
            condition=condition,
            detail=detail,
        )


class StoredAlerts:
    """``api.rule_ports.AlertDesk`` over the repositories; ``announced`` is called after a change is committed."""

    def __init__(self, database: Database, tables: Tables, clock: Clock, announced: Callable[[], None]) -> None:
        """Take the rows, the clock and who wants to know of announcements."""
        self._database = database
        self._tables = tables
        self._clock = clock
        self._announced = announced

    async def page(self, query: AlertQuery) -> Page[Alert]:
        """Give alerts, newest first; raises ``InvalidCursor``."""
        return await self._database.read(lambda conn: self._tables.alerting.raised.page(conn, query))

    async def one(self, alert_id: str) -> Alert | None:
        """Give one alert."""
        return await self._database.read(lambda conn: self._tables.alerting.raised.get(conn, alert_id))

    async def close(self, alert_id: str, status: AlertStatus, user: str | None) -> Alert | None:
        """Acknowledge or dismiss an alert; one that is closed stays as it is."""
        now, rows = self._clock.steady(), self._tables.alerting.raised

        def work(conn: Connection) -> Alert | None:
            before = rows.get(conn, alert_id)
            closed = rows.close(conn, alert_id, status, by=user, at=now)
            if closed is not None and closed != before:
                announce(conn, self._tables, closed, now)
                self._database.after_commit(conn, self._announced)
            return closed

        return await self._database.write(work)

    async def deliver(self, alert_id: str) -> Alert | None:
        """Note that a client told somebody, which begins the cooldown; once."""

        def work(conn: Connection) -> Alert | None:
            if mark_delivered(conn, self._tables, alert_id, self._clock.steady()) is not None:
                self._database.after_commit(conn, self._announced)
            return self._tables.alerting.raised.get(conn, alert_id)

        return await self._database.write(work)

    async def stats(self, since: datetime | None) -> AlertStats:
        """Count alerts since a moment, by default a week ago."""
        first = since if since is not None else self._clock.now() - _WEEK

        def work(conn: Connection) -> AlertStats:
            rows = self._tables.alerting.raised
            by_status = rows.count(conn, "status", first)
            made, held = sum(by_status.values()), self._tables.alerts.held(conn, first)
            return AlertStats(
                since=first,
                alerts=made,
                suppressed=held,
                duplicate_ratio=round(held / (made + held), 4) if made + held else None,
                by_status=by_status,
                by_severity=rows.count(conn, "severity", first),
                by_rule=rows.count(conn, "rule_id", first),
                by_camera=rows.count(conn, "camera_id", first),
                recent=rows.page(conn, AlertQuery(since=first, limit=_RECENT)).items,
            )

        return await self._database.read(work)
