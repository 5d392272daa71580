"""The evaluation of an event's alerts, in the transaction that stores the event."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
import uuid

from home_sentry_engine.alerting.evaluation import Around, Ruling, key_for, outcomes, rulings, settled, summed, told_of
from home_sentry_engine.contract import (
    Alert,
    AlertDecision,
    AlertEvaluation,
    AlertStatus,
    AnalysisState,
    Event,
    encode,
)
from home_sentry_engine.storage.database import Connection

from .alert_facts import rules_of, seen_of
from .tables import Tables

_IDS: Final = uuid.UUID("6f6b7a52-31c5-4a2b-9f0c-2f3c0f6c7d11")


def keep_evaluation(conn: Connection, tables: Tables, event: Event, now: datetime, *, by_person: bool = False) -> None:
    """Hold the rules against a stored revision, raise their alerts, and keep beside it what was decided.

    What a person changed (``by_person``) raises none. New alerts are announced; who commits tells of news.
    """
    before = tables.alerting.raised.of_event(conn, event.event_id) if event.revision > 1 else ()
    found: tuple[Ruling, ...] = ()
    decision = AlertDecision.IN_TRASH
    if event.deleted_at is None:
        found = _decide(conn, tables, event, _Before(alerts=before, now=now, by_person=by_person))
        decision = summed(found)
    said = outcomes(found, event.risk_level)
    made = AlertEvaluation(revision=event.revision, at=now, level=event.risk_level, decision=decision, rules=said)
    tables.alerts.keep(conn, event.event_id, made)
    if before:
        tables.alerting.sink.revised(conn, before, event, now)


def mark_delivered(conn: Connection, tables: Tables, alert_id: str, now: datetime) -> Alert | None:
    """Note that an alert reached somebody, which begins its cooldown, and announce that.

    None where it did before. Who commits tells of news.
    """
    alert = tables.alerting.raised.delivered(conn, alert_id, now)
    if alert is not None:
        announce(conn, tables, alert, now)
    return alert


def release(conn: Connection, tables: Tables, alert_id: str, now: datetime) -> bool:
    """Let the next event of the same key be told at once, because nobody could be told of this one."""
    return tables.alerting.raised.release(conn, alert_id, now)


def announce(conn: Connection, tables: Tables, alert: Alert, now: datetime, kind: str = "alert_updated") -> None:
    """Put an alert into the outbox; who commits tells of news."""
    tables.outbox.add(conn, kind=kind, camera_id=alert.camera_id, body=encode(alert), now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    alerts: tuple[Alert, ...]
    now: datetime
    by_person: bool


def _decide(conn: Connection, tables: Tables, event: Event, before: _Before) -> tuple[Ruling, ...]:
    rules, home, now = rules_of(conn, tables), tables.alerting.zone, before.now
    if any(rule.schedule is not None for rule in rules):
        home = tables.home.zone(conn, home)
    found = rulings(event, rules, lambda: seen_of(conn, tables, event), home)
    # most revisions match no rule, and need no look at camera and history
    if not any(one.decision is None for one in found):
        return found
    camera = tables.cameras.get(conn, event.camera_id)
    learning = camera is not None and camera.learning_until is not None and now < camera.learning_until
    around = Around(now=now, learning=learning, by_person=before.by_person)
    ruled = settled(found, event, around, told_of(before.alerts))
    return tuple(_raise(conn, tables, event, one, now) for one in ruled)


def _raise(conn: Connection, tables: Tables, event: Event, ruling: Ruling, now: datetime) -> Ruling:
    if ruling.decision is not None or ruling.match is None:
        return ruling
    parts, cooldown_s = tables.alerting, ruling.rule.cooldown_s
    alert = alert_of(event, ruling, now)
    if not parts.raised.claim(conn, alert, now=now, cooldown_s=cooldown_s):
        return replace(ruling, decision=AlertDecision.IN_COOLDOWN)
    if not parts.raised.add(conn, alert, cooldown_s=cooldown_s):
        return replace(ruling, decision=AlertDecision.TOLD_BEFORE)
    announce(conn, tables, alert, now, "alert_created")
    parts.sink.raised(conn, alert, event, now)
    return replace(ruling, alert_id=alert.id)


def alert_of(event: Event, ruling: Ruling, now: datetime) -> Alert:
    """Give the alert that a rule wants for an event; the same event, rule and level always give the same id."""
    rule, matched = ruling.rule, ruling.match
    if matched is None:
        raise LookupError(f"the rule {rule.id} does not match")
    return Alert(
        id=uuid.uuid5(_IDS, f"{event.event_id} {rule.id} {event.risk_level}").hex,
        rule_id=rule.id,
        rule_name=rule.name,
        event_id=event.event_id,
        camera_id=event.camera_id,
        camera_name=event.camera_name,
        revision=event.revision,
        severity=rule.severity or event.risk_level,
        level=event.risk_level,
        score=event.risk_score,
        state=event.analysis_state,
        rule_only=event.analysis_state is AnalysisState.RULES,
        summary=event.summary,
        media_id=event.media_id,
        object_types=event.object_types,
        zone_ids=matched.zone_ids,
        status=AlertStatus.PENDING,
        channels=rule.channels,
        dedup_key=key_for(rule, event, matched),
        made_at=now,
        metadata={
            "started_at": event.started_at.isoformat(),
            "object_type": matched.object_type,
            "reason": event.analysis_reason.value if event.analysis_reason is not None else None,
        },
    )
