"""Alerts of an engine that tests direct."""

from dataclasses import replace
from typing import Any

from custom_components.home_sentry.contract import Alert, AlertCreated, AlertStatus, AlertUpdated, Event
from tests.fakes.engine import START, FakeEngine


def alert_of(event: Event, number: int = 1, **changes: Any) -> Alert:
    whole = Alert(
        id=f"alert-{number}",
        rule_id="mine",
        rule_name="Visitor at night",
        event_id=event.event_id,
        camera_id=event.camera_id,
        camera_name=event.camera_name,
        revision=event.revision,
        severity=event.risk_level,
        level=event.risk_level,
        score=event.risk_score,
        state=event.analysis_state,
        summary=event.summary,
        media_id=event.media_id,
        object_types=event.object_types,
        zone_ids=("porch",),
        status=AlertStatus.PENDING,
        dedup_key="front_door:mine:person",
        made_at=START,
    )
    return replace(whole, **changes)


async def raise_alert(engine: FakeEngine, event: Event, number: int = 1, **changes: Any) -> Alert:
    """Say that somebody is to be told of an event."""
    alert = alert_of(event, number, **changes)
    await engine._publish(AlertCreated(seq=engine.cursor + 1, alert=alert))
    return alert


async def close_alert(engine: FakeEngine, alert: Alert) -> None:
    """Say that somebody takes care of an alert."""
    closed = replace(alert, status=AlertStatus.ACKNOWLEDGED, closed_at=START, closed_by="anna")
    await engine._publish(AlertUpdated(seq=engine.cursor + 1, alert=closed))
