"""The evaluation of an event's alert, in the transaction that stores the event."""

from datetime import datetime

from home_sentry_engine.alerting.evaluation import ALARMING, evaluate
from home_sentry_engine.contract import Event
from home_sentry_engine.storage.database import Connection

from .tables import Tables


def keep_evaluation(conn: Connection, tables: Tables, event: Event, now: datetime) -> None:
    """Decide whether a stored revision is a reason to alarm somebody, and keep that beside it."""
    learning, told = False, None
    # most revisions are below that, and need no look at camera and history
    if event.risk_level in ALARMING:
        camera = tables.cameras.get(conn, event.camera_id)
        learning = camera is not None and camera.learning_until is not None and now < camera.learning_until
        told = tables.alerts.told(conn, event.event_id)
    tables.alerts.keep(conn, event.event_id, evaluate(event, now=now, learning=learning, told=told))
