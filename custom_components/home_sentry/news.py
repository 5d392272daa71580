"""News as Home Assistant shows them: attributes of event entities and the payload on the bus."""

from typing import Any

from .client import AlertNews, DetectionNews, SecurityNews
from .const import NEWS_VERSION
from .contract import EventChange, Identity, RiskLevel


def security_attributes(news: SecurityNews, *, learning: bool) -> dict[str, Any]:
    """Give the attributes of a ``security_event``; ``learning`` says that the camera is new and may alarm nobody.

    ``snoozed`` says that a person did not want to be reminded at that time; an event that has become critical since
    breaks through. ``visual_verdict`` is what a vision model made of the pictures, None where none looked.
    """
    event, transition = news.event, news.transition
    return {
        "event_id": event.event_id,
        "score": transition.score,
        "level": transition.level.value,
        "state": transition.state.value,
        "visual_verdict": event.visual_verdict.value if event.visual_verdict is not None else None,
        "summary": event.summary,
        "at": transition.at.isoformat(),
        "learning": learning,
        "snoozed": _is_snoozed(news),
        "identities": [_identity(one) for one in event.identities],
    }


def _is_snoozed(news: SecurityNews) -> bool:
    until, transition = news.event.snoozed_until, news.transition
    escalated = transition.change is EventChange.ESCALATED and transition.level is RiskLevel.CRITICAL
    return until is not None and transition.at < until and not escalated


def _identity(identity: Identity) -> dict[str, Any]:
    """Give who a subject is or probably is, never worded as more than the engine found."""
    told = {
        "kind": identity.kind,
        "finding": identity.finding,
        "name": identity.name,
        "trust": identity.trust,
        "similarity": identity.similarity,
        "camera_id": identity.camera_id,
        "seen_at": identity.seen_at.isoformat() if identity.seen_at is not None else None,
    }
    return {key: value for key, value in told.items() if value is not None}


def detection_attributes(news: DetectionNews) -> dict[str, Any]:
    """Give the attributes of a ``detection``."""
    return {
        "event_id": news.event_id,
        "label": news.best.label,
        "confidence": round(news.best.confidence, 3),
        "count": news.count,
        "at": news.best.detected_at.isoformat(),
    }


def alert_attributes(news: AlertNews, *, learning: bool) -> dict[str, Any]:
    """Give the attributes of an ``alert``; ``severity`` is that of its rule, ``level`` that of the event."""
    alert = news.alert
    return {
        "alert_id": alert.id,
        "event_id": alert.event_id,
        "rule_id": alert.rule_id,
        "rule": alert.rule_name,
        "severity": alert.severity.value,
        "score": alert.score,
        "level": alert.level.value,
        "state": alert.state.value,
        "rule_only": alert.rule_only,
        "summary": alert.summary,
        "at": alert.made_at.isoformat(),
        "learning": learning,
        "object_types": list(alert.object_types),
        "zone_ids": list(alert.zone_ids),
    }


def alert_payload(news: AlertNews, device_id: str | None, *, learning: bool) -> dict[str, Any]:
    """Give the versioned data of the bus event ``home_sentry_event`` of type ``alert``."""
    return {
        "version": NEWS_VERSION,
        "type": "alert",
        "device_id": device_id,
        "camera_id": news.camera_id,
        "camera_name": news.alert.camera_name,
        "revision": news.alert.revision,
        **alert_attributes(news, learning=learning),
    }


def bus_payload(news: SecurityNews, device_id: str | None, *, learning: bool) -> dict[str, Any]:
    """Give the versioned data of the bus event ``home_sentry_event``."""
    return {
        "version": NEWS_VERSION,
        "type": news.transition.change.value,
        "device_id": device_id,
        "camera_id": news.camera_id,
        "camera_name": news.event.camera_name,
        "revision": news.transition.revision,
        **security_attributes(news, learning=learning),
        "object_types": list(news.event.object_types),
    }
