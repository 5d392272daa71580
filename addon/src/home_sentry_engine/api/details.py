"""Records joined with what models found: events with their enrichment, detections with attributes and regions."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from home_sentry_engine.contract import (
    Box,
    Detection,
    DetectionDetail,
    Enrichment,
    EnrichmentFinding,
    Event,
    EventDetail,
    Region,
    RegionKind,
)

from .triage_ports import Story

_KINDS: Final = {
    "faces": RegionKind.FACE,
    "plates": RegionKind.PLATE,
    "texts": RegionKind.TEXT,
    "damage": RegionKind.DAMAGE,
    "threats": RegionKind.OBJECT,
}


def detail_of(event: Event, enrichment: Enrichment | None, story: Story) -> EventDetail:
    """Give an event with what models found in its pictures, what people said of it and the way that it took."""
    return EventDetail(
        **_values(event),
        enrichment=enrichment,
        reviewed_by=story.reviewed_by,
        feedback=story.feedback,
        hops=story.hops,
        alerts=story.alerts,
    )


def detailed(detections: Iterable[Detection], enrichment: Enrichment | None) -> tuple[DetectionDetail, ...]:
    """Give detections with what models said about each; those that nobody looked at closely have nothing."""
    findings: dict[int, list[EnrichmentFinding]] = {}
    for one in enrichment.findings if enrichment is not None else ():
        if one.detection_id is not None:
            findings.setdefault(one.detection_id, []).append(one)
    return tuple(_detailed(detection, findings.get(detection.id, [])) for detection in detections)


def _detailed(detection: Detection, findings: list[EnrichmentFinding]) -> DetectionDetail:
    attributes: dict[str, Any] = {}
    for one in findings:
        if one.about not in _KINDS or one.box is None:
            attributes[one.about] = {**one.value, "confidence": one.confidence, "model_id": one.model_id}
    regions = tuple(_region(one, one.box) for one in findings if one.about in _KINDS and one.box is not None)
    return DetectionDetail(**_values(detection), attributes=attributes, regions=regions)


def _region(one: EnrichmentFinding, box: Box) -> Region:
    text = one.value.get("text")
    return Region(
        kind=_KINDS[one.about],
        box=box,
        confidence=one.confidence,
        text=text if isinstance(text, str) else None,
        model_id=one.model_id,
    )


def _values(record: Event | Detection) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
