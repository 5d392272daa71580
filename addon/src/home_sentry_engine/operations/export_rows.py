"""What an export holds of an event: rows for a table that no spreadsheet runs, and a document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from home_sentry_engine.contract import Detection, Event, to_plain
from home_sentry_engine.telemetry.redaction import Redactor

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_MOST_NAMED: Final = 20
_PRIVATE: Final = ("notes", "identities")
EVENT_COLUMNS: Final = (
    *("event_id", "started_at", "ended_at", "camera_id", "camera_name", "risk_score", "risk_level", "rule_score"),
    *("analysis_state", "analysis_reason", "summary", "reasoning", "recommended_action", "flags", "object_types"),
    *("detection_count", "detections", "reviewed", "flagged", "favourite", "model_id", "prompt_version"),
    *("identities", "notes"),
)
DETECTION_COLUMNS: Final = (
    *("event_id", "id", "media_id", "camera_id", "detected_at", "offset_s", "label", "group", "confidence"),
    *("x", "y", "width", "height", "image_width", "image_height", "model_id"),
)


class Discretion:
    """What is left of an event for others: no notes, no identities, and no name or plate in any text."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take the names and plates that are hidden, however they are written."""
        self._redactor = Redactor()
        self._redactor.hide(names)

    def document(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Give a document without them."""
        return {name: self._hidden(value) for name, value in plain.items() if name not in _PRIVATE}

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.clean(value)
        if isinstance(value, dict):
            return {name: self._hidden(one) for name, one in value.items()}
        return [self._hidden(one) for one in value] if isinstance(value, list) else value


def cell(value: object) -> object:
    """Give a value for a table: a text that a spreadsheet would take for a formula begins with an apostrophe."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA[:4]) else value
    return "" if value is None else value


def document_of(event: Event, detections: Sequence[Detection], discretion: Discretion | None) -> dict[str, Any]:
    """Give an event with its detections as JSON values; ``discretion`` is there where it is for others."""
    plain = to_plain(event)
    if discretion is not None:
        plain = discretion.document(plain)
    return {"event": plain, "detections": [to_plain(one) for one in detections]}


def event_row(document: Mapping[str, Any]) -> list[object]:
    """Give the row of an event by ``EVENT_COLUMNS``."""
    event, detections = document["event"], document["detections"]
    best = sorted(detections, key=lambda one: -one["confidence"])[:_MOST_NAMED]
    joined = {
        "flags": ", ".join(event["flags"]),
        "object_types": ", ".join(event["object_types"]),
        "detections": "; ".join(f"{one['label']} {one['confidence']:.2f}" for one in best),
        "identities": ", ".join(one["name"] or one["kind"] for one in event.get("identities", ())),
    }
    return [cell(joined.get(name, event.get(name))) for name in EVENT_COLUMNS]


def detection_rows(document: Mapping[str, Any]) -> list[list[object]]:
    """Give the rows of an event's detections by ``DETECTION_COLUMNS``."""
    event_id = document["event"]["event_id"]
    return [
        [cell(({"event_id": event_id} | one | one["box"]).get(name)) for name in DETECTION_COLUMNS]
        for one in document["detections"]
    ]
