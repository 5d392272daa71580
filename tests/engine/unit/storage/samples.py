"""Rows for tests: whole records with one field after the other to change."""

from dataclasses import replace
from datetime import datetime, timedelta
import hashlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from home_sentry_engine.contract import (
    AnalysisReason,
    AnalysisState,
    Event,
    EventChange,
    Factor,
    Identity,
    MediaKind,
    ObjectGroup,
    RiskLevel,
    Transition,
    VisualVerdict,
)
from home_sentry_engine.domain.batch import OpenBatch
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.storage import (
    alerts_schema,
    context_schema,
    evaluation_schema,
    notify_schema,
    operations_schema,
    summaries_schema,
)
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.media import MediaFiles
from tests.fakes.clock import START


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def media(media_id: str = "m1", camera_id: str = "yard", **fields: Any) -> Media:
    whole = Media(
        media_id=media_id,
        camera_id=camera_id,
        path=Path("media") / camera_id / f"{media_id}.jpg",
        sha256=sha(media_id),
        kind=MediaKind.IMAGE,
        captured_at=at(0),
        received_at=at(1),
        size_bytes=228_000,
        width=1920,
        height=1080,
    )
    return replace(whole, **fields)


def detection(label: str = "person", confidence: float = 0.9, x: int = 10) -> Detection:
    return Detection(label=label, confidence=confidence, box=Box(x=x, y=20, width=30, height=40))


def frame(*found: Detection, **fields: Any) -> FrameDetections:
    whole = FrameDetections(detections=found, image_width=1920, image_height=1080, model_id="rtdetr", inference_ms=12.5)
    return replace(whole, **fields)


def batch(batch_id: str = "b1", **fields: Any) -> OpenBatch:
    whole = OpenBatch(
        batch_id=batch_id,
        event_id="e1",
        camera_id="yard",
        opened_at=at(0),
        last_at=at(0),
        detections=1,
        evidence_version=1,
    )
    return replace(whole, **fields)


def event(event_id: str = "e1", **fields: Any) -> Event:
    whole = Event(
        event_id=event_id,
        batch_id=f"batch of {event_id}",
        camera_id="yard",
        camera_name="Yard",
        started_at=at(0),
        ended_at=at(60),
        risk_score=62,
        risk_level=RiskLevel.HIGH,
        rule_score=45,
        llm_score=70,
        floor=10,
        floor_reason="weapon seen twice",
        ceiling=62,
        ceiling_reason="known resident",
        analysis_state=AnalysisState.RULES,
        analysis_reason=AnalysisReason.TIMEOUT,
        analysis_detail="no answer in 120 s",
        summary="A person with a dog",
        reasoning="It is dark",
        recommended_action="Look",
        confidence=0.75,
        flags=("loitering",),
        unsupported=("mask",),
        factors=(Factor(id="person", points=25, text="A person", evidence=("person 0.90",)),),
        object_types=("dog", "person"),
        groups=(ObjectGroup.ANIMAL, ObjectGroup.PERSON),
        detection_count=3,
        media_id="m1",
        model_id="nemotron",
        prompt_version="1",
        is_fast_path=True,
        revision=1,
        transitions=(transition(1),),
        identities=(Identity(kind="person", finding="match", name="Ann", trust="full", similarity=0.9, by="face"),),
        visual_verdict=VisualVerdict.CONFIRMED,
    )
    return replace(whole, **fields)


def transition(revision: int, change: EventChange = EventChange.STARTED) -> Transition:
    return Transition(
        revision=revision,
        change=change,
        at=at(revision),
        score=62,
        level=RiskLevel.HIGH,
        state=AnalysisState.PROVISIONAL,
    )


def with_camera(conn: Any, camera_id: str = "yard") -> None:
    Cameras().ensure(conn, camera_id=camera_id, name=camera_id.title(), folder=camera_id, now=START)


def with_media(conn: Any, *ids: str, camera_id: str = "yard") -> None:
    with_camera(conn, camera_id)
    for media_id in ids:
        MediaFiles().insert(conn, media(media_id, camera_id), source_key=None, origin="folder")


def is_described(name: str | None, kind: str, _parents: object) -> bool:
    """For Alembic's comparison: the search index is made by hand in each dialect."""
    return kind != "table" or not (name or "").startswith("event_index")


def described_tables() -> sa.MetaData:
    """All tables but those of the queue; the modules that describe them share one collection."""
    rooms = (alerts_schema, context_schema, evaluation_schema, notify_schema, operations_schema, summaries_schema)
    (metadata,) = {room.metadata for room in rooms}
    return metadata
