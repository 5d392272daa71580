"""What an alert says to people, the same in every channel; texts of models and people are made harmless here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from home_sentry_engine.contract import Alert
from home_sentry_engine.contract.vocabulary import RiskLevel

from .words import shown

PAYLOAD_VERSION: Final = 1
_NAME_CHARS: Final = 128
_TEXT_CHARS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One delivery on its way; ``id`` is the same at each try. ``picture`` is a JPEG, None where there is none."""

    id: str
    at: datetime
    engine: str
    title: str
    text: str
    level: RiskLevel
    alert: dict[str, Any] | None = None
    picture: bytes | None = None
    test: bool = False

    @property
    def payload(self) -> dict[str, Any]:
        """Give it as JSON values; whoever reads them goes by ``version``."""
        return {
            "version": PAYLOAD_VERSION,
            "type": "test" if self.test else "alert",
            "id": self.id,
            "at": self.at.isoformat(),
            "engine": self.engine,
            "level": self.level.value,
            "title": self.title,
            "text": self.text,
            "alert": self.alert,
        }


def alert_message(delivery_id: str, alert: Alert, *, engine: str, now: datetime, picture: bytes | None) -> Message:
    """Tell of an alert; where no model judged it says so."""
    camera = shown(alert.camera_name, _NAME_CHARS)
    summary = shown(alert.summary, _TEXT_CHARS)
    text = f"{summary} (judged by rules alone)" if alert.rule_only else summary
    return Message(
        id=delivery_id,
        at=now,
        engine=shown(engine, _NAME_CHARS),
        title=f"{alert.severity.value.capitalize()}: {camera}",
        text=text,
        level=alert.severity,
        alert=_facts(alert, camera, summary),
        picture=picture,
    )


def test_message(delivery_id: str, channel: str, *, engine: str, now: datetime) -> Message:
    """Tell that this is a test of a channel."""
    return Message(
        id=delivery_id,
        at=now,
        engine=shown(engine, _NAME_CHARS),
        title="Test of a notification channel",
        text=f"This is a test of the channel {shown(channel, _NAME_CHARS)}. Nothing has happened.",
        level=RiskLevel.LOW,
        test=True,
    )


def _facts(alert: Alert, camera: str, summary: str) -> dict[str, Any]:
    return {
        "id": alert.id,
        "event_id": alert.event_id,
        "rule_id": alert.rule_id,
        "rule": shown(alert.rule_name, _NAME_CHARS),
        "camera_id": alert.camera_id,
        "camera": camera,
        "severity": alert.severity.value,
        "level": alert.level.value,
        "score": alert.score,
        "analysis_state": alert.state.value,
        "rule_only": alert.rule_only,
        "summary": summary,
        "object_types": [shown(one, _NAME_CHARS) for one in alert.object_types],
        "zone_ids": list(alert.zone_ids),
        "made_at": alert.made_at.isoformat(),
    }
