"""An alert and the message that tells of it."""

from datetime import UTC, datetime

from home_sentry_engine.alerting.message import alert_message
from home_sentry_engine.contract import Alert, AlertStatus, AnalysisState, RiskLevel

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ALERT = Alert(
    id="a1",
    rule_id="r1",
    rule_name="Somebody at the door",
    event_id="e1",
    camera_id="front_door",
    camera_name="Front door",
    revision=2,
    severity=RiskLevel.HIGH,
    level=RiskLevel.HIGH,
    score=72,
    state=AnalysisState.RULES,
    rule_only=True,
    summary="A person lingers at the front door.",
    media_id="m1",
    object_types=("person",),
    status=AlertStatus.PENDING,
    dedup_key="front_door:r1:person",
    made_at=NOW,
)
MESSAGE = alert_message("d1", ALERT, engine="Home", now=NOW, picture=None)
