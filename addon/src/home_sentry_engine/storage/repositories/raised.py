"""Alerts that rules raised, and the keys that they take until their cooldown is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Alert, AlertStatus, RiskLevel, from_plain, to_plain
from home_sentry_engine.domain.risk import severity
from home_sentry_engine.storage.alerts_schema import alert_slots, alerts
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.rows import insert_into

_LEVELS: Final = tuple(level for level in RiskLevel if level is not RiskLevel.UNKNOWN)
_OWN: Final = (
    *("id", "rule_id", "event_id", "camera_id", "revision", "severity", "level", "status", "dedup_key"),
    *("made_at", "delivered_at", "closed_at", "closed_by"),
)
_OPEN: Final = (AlertStatus.PENDING, AlertStatus.DELIVERED)

# asked at every revision of an event, and made once
_OF_EVENT: Final = (
    sa.select(alerts).where(alerts.c.event_id == sa.bindparam("of")).order_by(alerts.c.made_at, alerts.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery(PageQuery):
    """Filters of alerts, by the time when they were made."""

    status: AlertStatus | None = None
    severity: RiskLevel | None = None
    rule_id: str | None = None
    event_id: str | None = None


class Alerts:
    """They go with their event."""

    def claim(self, conn: Connection, alert: Alert, *, now: datetime, cooldown_s: int) -> bool:
        """Take the key of an alert for its level; False while it, or that of a higher level, is taken.

        Of any number of transactions at once exactly one gets it. It is free again when ``cooldown_s`` are over,
        which ``delivered`` lets begin anew and ``release`` ends.
        """
        table = alert_slots
        higher = [level for level in _LEVELS if severity(level) > severity(alert.level)]
        taken = sa.select(table.c.key).where(
            table.c.key == alert.dedup_key, table.c.level.in_(higher), table.c.until > now
        )
        if conn.execute(taken.limit(1)).first() is not None:
            return False
        values = {"alert_id": alert.id, "until": now + timedelta(seconds=cooldown_s)}
        statement = insert_into(conn, table).values(key=alert.dedup_key, level=alert.level, **values)
        claimed = statement.on_conflict_do_update(
            index_elements=["key", "level"], set_=values, where=table.c.until <= now
        ).returning(table.c.alert_id)
        return conn.execute(claimed).first() is not None

    def add(self, conn: Connection, alert: Alert, *, cooldown_s: int) -> bool:
        """Store an alert unless its event, rule and level have one."""
        plain = to_plain(alert)
        values = {name: getattr(alert, name) for name in _OWN}
        body = {name: value for name, value in plain.items() if name not in _OWN}
        statement = insert_into(conn, alerts).values(**values, cooldown_s=cooldown_s, body=body)
        return conn.execute(statement.on_conflict_do_nothing().returning(alerts.c.id)).first() is not None

    def get(self, conn: Connection, alert_id: str) -> Alert | None:
        """Give one alert."""
        row = conn.execute(sa.select(alerts).where(alerts.c.id == alert_id)).one_or_none()
        return None if row is None else _alert(row)

    def of_event(self, conn: Connection, event_id: str) -> tuple[Alert, ...]:
        """Give the alerts of an event, the oldest first."""
        return tuple(_alert(row) for row in conn.execute(_OF_EVENT, {"of": event_id}))

    def delivered(self, conn: Connection, alert_id: str, at: datetime) -> Alert | None:
        """Note the first delivery of an alert and begin its cooldown; None where that was noted before."""
        row = conn.execute(sa.select(alerts).where(alerts.c.id == alert_id).with_for_update()).one_or_none()
        if row is None or row.delivered_at is not None:
            return None
        status = AlertStatus.DELIVERED if row.status == AlertStatus.PENDING else AlertStatus(row.status)
        conn.execute(alerts.update().where(alerts.c.id == alert_id).values(delivered_at=at, status=status))
        until = at + timedelta(seconds=row.cooldown_s)
        conn.execute(alert_slots.update().where(alert_slots.c.alert_id == alert_id).values(until=until))
        return replace(_alert(row), delivered_at=at, status=status)

    def release(self, conn: Connection, alert_id: str, now: datetime) -> bool:
        """Give the key of an alert that nobody could be told back; tells whether it still held it."""
        waiting = sa.select(alerts.c.id).where(alerts.c.id == alert_id, alerts.c.delivered_at.is_(None))
        held = sa.and_(alert_slots.c.alert_id.in_(waiting), alert_slots.c.until > now)
        return conn.execute(alert_slots.update().where(held).values(until=now)).rowcount > 0

    def close(
        self, conn: Connection, alert_id: str, status: AlertStatus, *, by: str | None, at: datetime
    ) -> Alert | None:
        """Acknowledge or dismiss an alert; one that a person closed before stays as it is. None without one."""
        row = conn.execute(sa.select(alerts).where(alerts.c.id == alert_id).with_for_update()).one_or_none()
        if row is None or row.status not in _OPEN:
            return None if row is None else _alert(row)
        values = {"status": status, "closed_at": at, "closed_by": by}
        conn.execute(alerts.update().where(alerts.c.id == alert_id).values(**values))
        return replace(_alert(row), status=status, closed_at=at, closed_by=by)

    def page(self, conn: Connection, query: AlertQuery) -> Page[Alert]:
        """Give a page, newest first; raises ``InvalidCursor``."""
        keyset = Keyset(at=alerts.c.made_at, id=alerts.c.id)
        statement = sa.select(alerts).where(
            *time_range(query, alerts.c.made_at), *of_cameras(query, alerts.c.camera_id)
        )
        for name in ("status", "severity", "rule_id", "event_id"):
            if (wanted := getattr(query, name)) is not None:
                statement = statement.where(alerts.c[name] == wanted)
        return fetch_page(conn, query, statement, keyset, _alerts)

    def count(self, conn: Connection, by: str, since: datetime) -> dict[str, int]:
        """Count the alerts since a moment by the values of one column: status, severity, rule_id, camera_id."""
        column = alerts.c[by]
        chosen = sa.select(column.label("word"), sa.func.count().label("many")).where(alerts.c.made_at >= since)
        return {row.word: row.many for row in conn.execute(chosen.group_by(column).order_by(column))}

    def prune(self, conn: Connection, before: datetime) -> int:
        """Forget keys that were free before a time."""
        return conn.execute(alert_slots.delete().where(alert_slots.c.until < before)).rowcount


def _alerts(rows: Sequence[Row[Any]]) -> tuple[Alert, ...]:
    return tuple(_alert(row) for row in rows)


def _alert(row: Row[Any]) -> Alert:
    times = {name: at.isoformat() if (at := getattr(row, name)) is not None else None for name in _TIMES}
    return from_plain(Alert, row.body | {name: getattr(row, name) for name in _OWN} | times)


_TIMES: Final = ("made_at", "delivered_at", "closed_at")
