"""Alert rules."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import AlertRule, AlertSchedule, PathMove, RiskLevel, ZoneType, from_plain, to_plain
from home_sentry_engine.contract.errors import InvalidRequest
from home_sentry_engine.storage.alerts_schema import alert_rules
from home_sentry_engine.storage.context_schema import zones
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import cameras

_COLUMNS: Final = tuple(name for name in AlertRule.__dataclass_fields__ if name != "broken")
# asked at every revision of an event, and made once
_ALL: Final = sa.select(alert_rules).order_by(sa.func.lower(alert_rules.c.name), alert_rules.c.id)
_CAMERAS: Final = sa.select(cameras.c.id).where(cameras.c.deleted_at.is_(None))
_ZONES: Final = sa.select(
    zones.c.camera_id, zones.c.id, sa.and_(zones.c.enabled, zones.c.type != ZoneType.IGNORE).label("matches")
)
_UNREADABLE: Final = AlertSchedule(start="?", end="?")


class AlertRules:
    """What the owner wrote, as it was written."""

    def all(self, conn: Connection) -> tuple[AlertRule, ...]:
        """Give all rules by name."""
        return tuple(_rule(row) for row in conn.execute(_ALL))

    def get(self, conn: Connection, rule_id: str) -> AlertRule | None:
        """Give one rule."""
        row = conn.execute(sa.select(alert_rules).where(alert_rules.c.id == rule_id)).one_or_none()
        return None if row is None else _rule(row)

    def save(self, conn: Connection, rule: AlertRule) -> None:
        """Keep a rule, in the place of an earlier one of the same id; both its times are set."""
        plain = to_plain(rule)
        values = {name: plain[name] for name in _COLUMNS if name not in {"created_at", "updated_at"}}
        values |= {"created_at": rule.created_at, "updated_at": rule.updated_at}
        changed = {name: value for name, value in values.items() if name not in {"id", "created_at"}}
        statement = insert_into(conn, alert_rules).values(**values)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))

    def cameras(self, conn: Connection) -> frozenset[str]:
        """Give the ids of the cameras that rules may name."""
        return frozenset(conn.execute(_CAMERAS).scalars())

    def zones(self, conn: Connection) -> tuple[tuple[str, str, bool], ...]:
        """Give camera, id and whether it ever matches of each zone that rules may name."""
        return tuple((row.camera_id, row.id, bool(row.matches)) for row in conn.execute(_ZONES))

    def delete(self, conn: Connection, rule_id: str) -> bool:
        """Delete a rule; tells whether it was there."""
        return conn.execute(alert_rules.delete().where(alert_rules.c.id == rule_id)).rowcount > 0


def _rule(row: Row[Any]) -> AlertRule:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return AlertRule(
        **values
        | {
            "levels": tuple(map(RiskLevel, row.levels)),
            "moves": tuple(map(PathMove, row.moves)),
            "severity": RiskLevel(row.severity) if row.severity is not None else None,
            "schedule": _schedule(row.schedule),
        }
        | {
            name: tuple(values[name])
            for name in ("object_types", "camera_ids", "zone_ids", "zone_sequence", "channels")
        }
    )


def _schedule(plain: object) -> AlertSchedule | None:
    """Read a schedule; one that cannot be read is given as one that never holds and says so when it is checked."""
    try:
        return None if plain is None else from_plain(AlertSchedule, plain)
    except InvalidRequest:
        return _UNREADABLE
