"""Deliveries: what became of each alert in each channel."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Delivery, NotificationStats, to_plain
from home_sentry_engine.contract.notifications import (
    ChannelStats,
    DeliveryGate,
    DeliveryReason,
    DeliveryState,
    GateResult,
)
from home_sentry_engine.contract.vocabulary import RiskLevel
from home_sentry_engine.domain.risk import severity
from home_sentry_engine.storage.notify_schema import deliveries
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.rows import insert_into

_PLAIN: Final = tuple(
    name for name in Delivery.__dataclass_fields__ if name not in {"level", "state", "reason", "gates"}
)
_LEVELS: Final = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)
_TELLING: Final = deliveries.c.state.in_((DeliveryState.PENDING, DeliveryState.DELIVERED))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQuery(PageQuery):
    """Filters of deliveries, by the time at which they were decided."""

    channel_id: str | None = None
    alert_id: str | None = None
    event_id: str | None = None
    state: DeliveryState | None = None


class Deliveries:
    """Those of an event go with it, those of a channel too."""

    def add(self, conn: Connection, delivery: Delivery) -> bool:
        """Store a decision; False where this alert, or this level of its event, was told in the channel already."""
        values = {name: getattr(delivery, name) for name in (*_PLAIN, "level", "state", "reason")}
        values["gates"] = [to_plain(gate) for gate in delivery.gates]
        return conn.execute(insert_into(conn, deliveries).values(values).on_conflict_do_nothing()).rowcount > 0

    def get(self, conn: Connection, delivery_id: str) -> Delivery | None:
        """Give one delivery."""
        row = conn.execute(sa.select(deliveries).where(deliveries.c.id == delivery_id)).one_or_none()
        return None if row is None else _delivery(row)

    def settle(self, conn: Connection, delivery: Delivery) -> bool:
        """Store how a delivery that is under way stands now; False where it is settled already, or gone."""
        values = {
            name: getattr(delivery, name)
            for name in ("state", "reason", "detail", "attempts", "tried_at", "next_try_at", "delivered_at")
        }
        pending = sa.and_(deliveries.c.id == delivery.id, deliveries.c.state == DeliveryState.PENDING)
        return conn.execute(deliveries.update().where(pending).values(values)).rowcount > 0

    def told(self, conn: Connection, event_id: str, channel_id: str) -> RiskLevel | None:
        """Give the highest level of an event that a channel told or is about to tell."""
        table = deliveries.c
        chosen = sa.and_(table.event_id == event_id, table.channel_id == channel_id, _TELLING)
        levels = [RiskLevel(one) for one in conn.execute(sa.select(table.level).where(chosen).distinct()).scalars()]
        return max(levels, key=severity, default=None)

    def recent(self, conn: Connection, channel_id: str, camera_id: str, level: RiskLevel, since: datetime) -> int:
        """Count what a channel tells of a camera since a time, at this level or above."""
        table = deliveries.c
        above = [one for one in _LEVELS if severity(one) >= severity(level)]
        chosen = sa.select(sa.func.count()).where(
            table.channel_id == channel_id,
            table.camera_id == camera_id,
            table.created_at > since,
            table.level.in_(above),
            _TELLING,
        )
        return conn.execute(chosen).scalar_one()

    def page(self, conn: Connection, query: DeliveryQuery) -> Page[Delivery]:
        """Give deliveries, the newest first; raises ``InvalidCursor``."""
        statement = sa.select(deliveries).where(*_conditions(query))
        keyset = Keyset(at=deliveries.c.created_at, id=deliveries.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_delivery(row) for row in rows])

    def all_successful(self, conn: Connection, query: DeliveryQuery) -> bool | None:
        """Tell whether all that were asked for got through, but for skipped ones; None while that is open."""
        chosen = sa.select(deliveries.c.state).where(*_conditions(query)).distinct()
        states = set(conn.execute(chosen).scalars()) - {DeliveryState.SKIPPED}
        if DeliveryState.FAILED in states:
            return False
        return True if states == {DeliveryState.DELIVERED} else None

    def stats(self, conn: Connection, query: PageQuery) -> NotificationStats:
        """Count deliveries, tests left out."""
        table = deliveries.c
        real = (sa.not_(table.test), *time_range(query, table.created_at), *of_cameras(query, table.camera_id))
        tries = sa.func.coalesce(sa.func.sum(table.attempts), 0)
        by_state = sa.select(table.channel_id, table.state, sa.func.count(), tries).where(*real)
        counted: dict[str, dict[str, int]] = {}
        for channel_id, state, count, attempts in conn.execute(by_state.group_by(table.channel_id, table.state)):
            one = counted.setdefault(channel_id, {"attempts": 0})
            one[state] = count
            one["attempts"] += int(attempts)
        by_reason = sa.select(table.reason, sa.func.count().label("many")).where(*real).group_by(table.reason)
        told = sa.select(table.alert_id).where(*real, table.state != DeliveryState.SKIPPED).distinct()
        missed = told.where(table.state != DeliveryState.DELIVERED)
        alerts = conn.execute(sa.select(sa.func.count()).select_from(told.subquery())).scalar_one()
        short = conn.execute(sa.select(sa.func.count()).select_from(missed.subquery())).scalar_one()
        return NotificationStats(
            channels=tuple(ChannelStats(channel_id=key, **one) for key, one in sorted(counted.items())),
            by_reason={row.reason: row.many for row in conn.execute(by_reason)},
            alerts=alerts,
            all_successful=alerts - short,
        )

    def left(self, conn: Connection, before: datetime) -> tuple[Delivery, ...]:
        """Give what was decided before a time and is still under way."""
        table = deliveries.c
        chosen = sa.select(deliveries).where(table.state == DeliveryState.PENDING, table.created_at < before)
        return tuple(_delivery(row) for row in conn.execute(chosen.order_by(table.created_at).limit(1000)))

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete what was decided before a time; gives how many."""
        return conn.execute(deliveries.delete().where(deliveries.c.created_at < before)).rowcount


def _conditions(query: DeliveryQuery) -> list[sa.ColumnElement[bool]]:
    table = deliveries.c
    given = {
        table.channel_id: query.channel_id,
        table.alert_id: query.alert_id,
        table.event_id: query.event_id,
        table.state: query.state,
    }
    named = [column == value for column, value in given.items() if value is not None]
    return [*time_range(query, table.created_at), *of_cameras(query, table.camera_id), *named]


def _delivery(row: Row[Any]) -> Delivery:
    gates = tuple(
        GateResult(
            gate=DeliveryGate(one["gate"]),
            passed=one["passed"],
            reason=None if one["reason"] is None else DeliveryReason(one["reason"]),
        )
        for one in row.gates
    )
    return Delivery(
        level=RiskLevel(row.level),
        state=DeliveryState(row.state),
        reason=DeliveryReason(row.reason),
        gates=gates,
        **{name: getattr(row, name) for name in _PLAIN},
    )
